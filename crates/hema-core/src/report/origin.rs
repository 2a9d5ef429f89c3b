//! Where the numbers of a page come from: what made it, of what, and when.

use super::html::each;
use super::run::{Outline, code, facts, stamp, text_file};
use crate::provenance::Provenance;

/// The origin of a page that is about no single model.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Version, command line, device and time.
    pub provenance: Provenance,
    /// What it was made of, by name: the data, the split, the recipe.
    pub inputs: Vec<(&'static str, String)>,
    /// Files worth reading, with a title each: the recipe, the space that was searched.
    pub files: Vec<(&'static str, String)>,
}

impl Origin {
    /// An origin without inputs and files.
    pub fn new(provenance: Provenance) -> Self {
        Self { provenance, inputs: Vec::new(), files: Vec::new() }
    }

    /// The section at the end of a page.
    pub(super) fn draw(&self) -> String {
        let outline = Outline { prefix: String::new(), level: 2 };
        let rows: Vec<(&str, String)> =
            self.inputs.iter().map(|(name, value)| (*name, code(value))).collect();
        let inputs = match rows.as_slice() {
            [] => String::new(),
            rows => format!("<div><h3>Inputs</h3>{}</div>", facts(rows)),
        };
        let files = each(&self.files, |(title, text)| text_file(title, text));
        let made = stamp("Made by", 3, &self.provenance);
        outline.section(
            "provenance",
            "Where this page comes from",
            &format!("<div class=\"stamps\">{made}{inputs}</div>{files}"),
        )
    }
}
