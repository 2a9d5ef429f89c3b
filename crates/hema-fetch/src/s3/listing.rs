//! The XML that lists objects, as far as it is needed: keys, and where the next page begins. Keys are asked
//! for in the encoding of addresses (`encoding-type=url`), so that no other stands in them.

/// A page of a list of objects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) keys: Vec<String>,
    /// The token of the next page.
    pub(crate) next: Option<String>,
}

impl Listing {
    /// Reads a page; `None` where it is none, or says of a next one nothing to ask for it by.
    pub(crate) fn read(xml: &str) -> Option<Self> {
        let result = between(xml, "<ListBucketResult", "</ListBucketResult>")?;
        let objects = result.split("<Contents>").skip(1);
        let keys =
            objects.map(|object| decoded(between(object, "<Key>", "</Key>")?)).collect::<Option<_>>()?;
        let is_more = between(result, "<IsTruncated>", "</IsTruncated>")?.trim() == "true";
        let token = between(result, "<NextContinuationToken>", "</NextContinuationToken>").map(unescaped);
        if is_more && token.is_none() {
            return None;
        }
        Some(Self { keys, next: token.filter(|_| is_more) })
    }
}

/// The text between two others.
pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// A text without XML's escapes.
fn unescaped(text: &str) -> String {
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    plain.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// A key without the encoding of addresses; Amazon writes a space as a plus.
fn decoded(key: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), unescaped(key).replace('+', " ").into_bytes());
    rest.reverse();
    while let Some(byte) = rest.pop() {
        let byte = if byte == b'%' {
            let digits = [rest.pop()?, rest.pop()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_keys_and_perhaps_a_next_one() {
        let xml = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>\
                   <NextContinuationToken>a&amp;b==</NextContinuationToken>\
                   <Contents><Key>p/a+b%2B%C3%BC.tar</Key><Size>1</Size></Contents>\
                   <Contents><Key>p/b.tar</Key></Contents></ListBucketResult>";
        let page = Listing::read(xml).unwrap();
        assert_eq!(page.keys, ["p/a b+ü.tar", "p/b.tar"]);
        assert_eq!(page.next.as_deref(), Some("a&b=="));
        let last = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(Listing::read(last), Some(Listing { keys: vec![], next: None }));
    }

    #[test]
    fn an_answer_cut_off_or_of_another_kind_is_no_list() {
        for xml in [
            "",
            "<html>welcome</html>",
            "<ListBucketResult><IsTruncated>false</IsTruncated>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>%G1</Key></Contents></ListBucketResult>",
        ] {
            assert_eq!(Listing::read(xml), None, "{xml}");
        }
    }
}
