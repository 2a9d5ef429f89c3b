//! Addresses as they were given, by the names under which they may be shown: signatures and tokens stand in
//! the query of a web address, and whatever names data is printed, recorded and passed on.

use std::collections::HashMap;
use std::ffi::OsString;

use hema_core::error::{Error, Result};
use hema_core::file::without_secrets;

/// Web addresses with secrets, by the names without them.
#[derive(Default)]
pub struct Addresses {
    given: HashMap<String, String>,
}

impl Addresses {
    /// Takes the secrets out of the words of a command line. What it gives back may be shown.
    ///
    /// # Errors
    /// Two addresses that differ in nothing else.
    pub fn take_from(words: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<OsString>)> {
        let mut addresses = Self::default();
        let words = words.into_iter().map(|word| match word.to_str() {
            Some(text) => addresses.take(text).map(OsString::from),
            None => Ok(word),
        });
        let words = words.collect::<Result<_>>()?;
        Ok((addresses, words))
    }

    /// Takes the secrets out of one word.
    fn take(&mut self, word: &str) -> Result<String> {
        let shown = without_secrets(word);
        let start = |word: &str| word.find("http").unwrap_or(0);
        if shown != word {
            let (name, given) = (shown[start(&shown)..].to_owned(), word[start(word)..].to_owned());
            let before = self.given.insert(name.clone(), given.clone());
            if before.is_some_and(|before| before != given) {
                return Err(Error::new("is given twice, with another query behind it")
                    .at(name)
                    .hint("download one of them first"));
            }
        }
        Ok(shown)
    }

    /// The address as it was given.
    pub(super) fn given<'a>(&'a self, shown: &'a str) -> &'a str {
        self.given.get(shown).map_or(shown, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_for_as_it_was_given_and_shown_without_its_secrets() {
        let words = ["hema", "predict", "https://host/x.tar?sig=abc", "--data=http://me:pw@host/y.zip"];
        let (addresses, shown) = Addresses::take_from(words.map(OsString::from)).unwrap();
        assert_eq!(shown, ["hema", "predict", "https://host/x.tar", "--data=http://host/y.zip"]);
        assert_eq!(addresses.given("https://host/x.tar"), "https://host/x.tar?sig=abc");
        assert_eq!(addresses.given("http://host/y.zip"), "http://me:pw@host/y.zip");
        assert_eq!(addresses.given("s3://bucket/x.tar"), "s3://bucket/x.tar");
        let twice = ["https://host/x?file=a", "https://host/x?file=b"].map(OsString::from);
        let error = Addresses::take_from(twice).err().unwrap().to_string();
        assert_eq!(error, "https://host/x: is given twice, with another query behind it");
    }
}
