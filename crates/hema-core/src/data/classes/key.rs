//! The meaning of a class name.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use crate::spelling::printed;

/// The standard classes in `BloodMNIST`'s order, each with its other names.
const STANDARD: [(&str, &[&str]); 8] = [
    ("basophil", &["baso"]),
    ("eosinophil", &["eos", "eosino"]),
    ("erythroblast", &["normoblast", "nrbc", "nucleated red blood cell"]),
    ("ig", &["immature granulocyte", "immature granulocytes (myelocytes, metamyelocytes and promyelocytes)"]),
    ("lymphocyte", &["lymph", "lympho"]),
    ("monocyte", &["mono"]),
    ("neutrophil", &["neut", "neutro", "segmented neutrophil"]),
    ("platelet", &["thrombocyte", "plt"]),
];

/// Position in the standard order of every standard class, by all its names without their spelling.
static POSITIONS: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let names = |(i, (name, others)): (usize, &(&'static str, &'static [&'static str]))| {
        std::iter::once(*name).chain(others.iter().copied()).map(|name| (loose(name), i)).collect::<Vec<_>>()
    };
    STANDARD.iter().enumerate().flat_map(names).collect()
});

/// The eight standard class names in `BloodMNIST`'s order.
pub fn standard_classes() -> Vec<String> {
    STANDARD.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// The meaning of a class name: two names of one key may mean the same class. Case, spaces, underscores,
/// hyphens between letters and a final plural `s` make no difference; every other sign does, so that `CD34+`
/// and `CD34-` differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A standard class, by its position in the standard order.
    Standard(usize),
    /// Any other name, without its spelling.
    Other(String),
}

/// The meaning of a class name.
pub(crate) fn key(name: &str) -> Key {
    let loose = loose(name);
    POSITIONS.get(&loose).map_or(Key::Other(loose), |position| Key::Standard(*position))
}

/// Whether a name is a standard class under any of its names.
pub(crate) fn is_standard(name: &str) -> bool {
    matches!(key(name), Key::Standard(_))
}

/// A name without case, separators and a plural `s`. Between two digits a separator stays: `1-2` is not `12`.
fn loose(name: &str) -> String {
    let text: Vec<char> = printed(name).nfkc().flat_map(char::to_lowercase).map(plain_hyphen).collect();
    let is_word = |position: Option<usize>| {
        position.and_then(|position| text.get(position)).is_some_and(|c| c.is_alphanumeric())
    };
    let mut key = String::new();
    let mut separated = false;
    for (i, c) in text.iter().enumerate() {
        let hyphen = *c == '-' && is_word(i.checked_sub(1)) && is_word(Some(i + 1));
        if hyphen || *c == '_' || c.is_whitespace() {
            separated = true;
            continue;
        }
        if separated && c.is_ascii_digit() && key.ends_with(|last: char| last.is_ascii_digit()) {
            key.push('_');
        }
        separated = false;
        key.push(*c);
    }
    if key.len() > 3 && key.ends_with('s') {
        key.pop();
    }
    key
}

/// Hyphens, dashes and minus signs as the one of keyboards.
fn plain_hyphen(c: char) -> char {
    if matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_makes_no_difference_and_signs_do() {
        for (a, b) in [
            ("IG", "immature granulocyte"),
            ("my class", "My-Class"),
            ("Thrombocytes", "platelet"),
            ("CD34\u{207a}", "cd34+"),
            ("CD34\u{2212}", "CD34-"),
            ("HLA-DR+", "HLA DR+"),
            ("immature granulocytes(myelocytes, metamyelocytes and promyelocytes)", "ig"),
        ] {
            assert_eq!(key(a), key(b), "{a} and {b}");
        }
        for (a, b) in [
            ("monocyte", "lymphocyte"),
            ("monocyte", "blast"),
            ("CD34+", "CD34-"),
            ("CD34+", "CD34"),
            ("CD4-CD8+", "CD4+CD8+"),
            ("+", "-"),
            ("neutrophil+", "neutrophil-"),
            ("1", "01"),
            ("grade 1-2", "grade 12"),
            ("<5%", ">5%"),
        ] {
            assert_ne!(key(a), key(b), "{a} and {b}");
        }
    }
}
