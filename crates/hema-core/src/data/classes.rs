//! Class names: the eight standard blood-cell classes, their other names, and the order of any class list.

use std::collections::{BTreeMap, BTreeSet};

/// The standard classes in `BloodMNIST`'s order, which numeric labels refer to, each with its other names.
///
/// Case, spaces, hyphens, underscores and a final plural `s` make no difference.
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

/// Largest numeric label accepted, so that a wrong column does not make a model of a million classes.
pub(super) const MAX_LABEL: i64 = 9_999;

/// The eight standard class names in `BloodMNIST`'s order.
pub fn standard_classes() -> Vec<String> {
    STANDARD.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// The names of `count` numeric labels: the standard ones when there are eight, else `class_0`, `class_1`,
/// ...
pub(super) fn numbered(count: usize) -> Vec<String> {
    if count == STANDARD.len() {
        standard_classes()
    } else {
        (0..count).map(|i| format!("class_{i}")).collect()
    }
}

/// Position in the standard order of a class name or one of its other names.
fn standard_index(name: &str) -> Option<usize> {
    let key = key(name);
    STANDARD.iter().position(|(standard, others)| {
        std::iter::once(standard).chain(others.iter()).any(|known| self::key(known) == key)
    })
}

/// A name without case, separators and a plural `s`.
fn key(name: &str) -> String {
    let mut key: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if key.len() > 3 && key.ends_with('s') {
        key.pop();
    }
    key
}

/// Whether two names mean the same class.
pub(crate) fn same_class(a: &str, b: &str) -> bool {
    match (standard_index(a), standard_index(b)) {
        (None, None) => key(a) == key(b),
        (a, b) => a == b,
    }
}

/// Whether a name is a standard class under any of its names.
pub(super) fn is_standard(name: &str) -> bool {
    standard_index(name).is_some()
}

/// A class list and the label of every name found.
pub(super) struct Classes {
    /// Class names in label order.
    pub(super) names: Vec<String>,
    /// The label of each name as found.
    pub(super) labels: BTreeMap<String, usize>,
    /// The names found were numbers: a label says no more than its position in a class list.
    pub(super) numeric: bool,
}

/// Orders the class names found in a data set: standard names in the standard order when all of them are
/// standard, numbers by value, anything else alphabetically.
pub(super) fn order(found: &BTreeSet<String>) -> Classes {
    let all = |of: fn(&str) -> Option<usize>| -> Option<BTreeMap<String, usize>> {
        found.iter().map(|name| Some((name.clone(), of(name)?))).collect()
    };
    if found.is_empty() {
        Classes { names: Vec::new(), labels: BTreeMap::new(), numeric: false }
    } else if let Some(labels) = all(standard_index) {
        let present: BTreeSet<usize> = labels.values().copied().collect();
        let position: BTreeMap<usize, usize> = present.iter().enumerate().map(|(i, s)| (*s, i)).collect();
        Classes {
            names: present.iter().map(|s| STANDARD[*s].0.to_owned()).collect(),
            labels: labels.into_iter().map(|(name, s)| (name, position[&s])).collect(),
            numeric: false,
        }
    } else if let Some(labels) = all(numeric_label) {
        let count = labels.values().max().map_or(0, |last| last + 1);
        Classes { names: numbered(count), labels, numeric: true }
    } else {
        Classes {
            names: found.iter().cloned().collect(),
            labels: found.iter().enumerate().map(|(i, name)| (name.clone(), i)).collect(),
            numeric: false,
        }
    }
}

/// A class name that is a number, as its value.
fn numeric_label(name: &str) -> Option<usize> {
    name.parse().ok().filter(|label| *label <= MAX_LABEL as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(found: &[&str]) -> Classes {
        order(&found.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn standard_names_keep_the_standard_order_under_any_spelling() {
        let classes = ordered(&["Platelets", "IMMATURE_GRANULOCYTES", "basophil", "nRBC", "Lymphocytes"]);
        assert_eq!(classes.names, ["basophil", "erythroblast", "ig", "lymphocyte", "platelet"]);
        assert_eq!(classes.labels["nRBC"], 1);
        assert_eq!(classes.labels["IMMATURE_GRANULOCYTES"], 2);
        assert!(is_standard("immature granulocytes(myelocytes, metamyelocytes and promyelocytes)"));
    }

    #[test]
    fn two_spellings_of_one_class_are_one_class() {
        let classes = ordered(&["platelet", "thrombocytes", "Neutrophil"]);
        assert_eq!(classes.names, ["neutrophil", "platelet"]);
        assert_eq!(classes.labels["platelet"], classes.labels["thrombocytes"]);
    }

    #[test]
    fn other_names_are_alphabetical_and_numbers_numeric() {
        assert_eq!(ordered(&["neutrophil", "blast", "ig"]).names, ["blast", "ig", "neutrophil"]);
        let numbers = ordered(&["10", "9", "0"]);
        assert_eq!((numbers.labels["9"], numbers.labels["10"]), (9, 10));
        assert_eq!((numbers.names.len(), numbers.names[9].as_str(), numbers.numeric), (11, "class_9", true));
        assert_eq!(ordered(&["0", "7"]).names, standard_classes());
        assert!(ordered(&[]).names.is_empty());
    }

    #[test]
    fn sameness_ignores_spelling_only() {
        assert!(same_class("IG", "immature granulocyte"));
        assert!(same_class("my class", "My-Class"));
        assert!(!same_class("monocyte", "lymphocyte"));
        assert!(!same_class("monocyte", "blast"));
    }
}
