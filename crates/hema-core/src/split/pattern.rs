//! Groups that are written in the paths of images: `slide12_cell3.png` belongs to `slide12`.

use regex_lite::Regex;

use crate::data::Source;
use crate::error::{Error, Result};

/// A regular expression whose one capture group is the name of an image's group.
#[derive(Debug)]
pub struct GroupPattern {
    regex: Regex,
}

impl GroupPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Text that is no regular expression, or one without exactly one capture group.
    pub fn parse(text: &str) -> Result<Self> {
        let regex = Regex::new(text)
            .map_err(|e| Error::new(format!("pattern `{text}` is no regular expression: {e}")))?;
        let groups = regex.captures_len() - 1;
        if groups != 1 {
            return Err(Error::new(format!(
                "pattern `{text}` has {groups} capture groups (expected one, around what names the group)"
            ))
            .hint("for example '(slide[0-9]+)_'; parentheses that capture nothing begin with ?:"));
        }
        Ok(Self { regex })
    }

    /// The source with the groups that its paths name, in place of its own.
    ///
    /// # Errors
    /// A path that the pattern does not fit: such an image could be torn from its group unnoticed.
    pub fn apply(&self, source: Source) -> Result<Source> {
        let group_of = |path: &str| Some(self.regex.captures(path)?.get(1)?.as_str().to_owned());
        let groups: Vec<Option<String>> = source.entries().iter().map(|e| group_of(e.path)).collect();
        let lacking: Vec<&str> = source
            .entries()
            .iter()
            .zip(&groups)
            .filter(|(_, group)| group.is_none())
            .map(|(entry, _)| entry.path)
            .collect();
        if lacking.is_empty() {
            return Ok(source.with_groups(&groups));
        }
        let message = format!(
            "the pattern `{}` fits none of {} paths of {}, first: {}",
            self.regex,
            lacking.len(),
            groups.len(),
            lacking.iter().take(3).copied().collect::<Vec<_>>().join(", ")
        );
        Err(Error::new(message).at(source.path()).hint("every path must name its group"))
    }
}
