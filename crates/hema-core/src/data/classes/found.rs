//! A class list of the names that are found in a data set.

use std::collections::{BTreeMap, BTreeSet};

use super::key::{Key, key, standard_classes};
use super::list::{ClassList, number_of};
use crate::data::notice::{Notice, Subject};
use crate::error::{Error, Result};
use crate::spelling::{composed, printed, quoted};

/// A class list, and the label of every name found.
pub(crate) struct Found {
    /// The classes in label order.
    pub(crate) classes: ClassList,
    /// The label of each name as found.
    pub(crate) labels: BTreeMap<String, usize>,
    /// Names that were taken for one class, and classes whose names are much alike.
    pub(crate) notices: Vec<Notice>,
}

/// A class: its name, and the spellings of it that were found.
struct Class<'a> {
    key: Key,
    name: String,
    spellings: Vec<&'a String>,
}

/// Orders the class names found in a data set: standard names in the standard order when all of them are
/// standard, numbers by value, anything else alphabetically. Classes are called as the data calls them. Names
/// that print the same, and names of one standard class, are one class.
pub(crate) fn order(found: &BTreeSet<String>) -> Found {
    let mut classes = unite(found);
    let by_value = |class: &Class| number_of(&class.name).filter(|number| number.to_string() == class.name);
    if classes.iter().all(|class| by_value(class).is_some()) {
        classes.sort_by_key(by_value);
    } else if !classes.iter().all(|class| matches!(class.key, Key::Standard(_))) {
        classes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let labels = classes
        .iter()
        .enumerate()
        .flat_map(|(label, class)| class.spellings.iter().map(move |spelling| ((*spelling).clone(), label)));
    Found {
        labels: labels.collect(),
        notices: merged(&classes).into_iter().chain(alike(&classes)).collect(),
        classes: ClassList::new(classes.into_iter().map(|class| class.name).collect()),
    }
}

/// The classes that a data set lists by name, in its own order.
///
/// # Errors
/// Two names that print the same.
pub(crate) fn listed(names: &[String]) -> Result<(ClassList, Vec<Notice>)> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    for name in names {
        if let Some(first) = seen.insert(printed(name), name) {
            let message =
                format!("gives two labels names that print the same, {} and {}", quoted(first), quoted(name));
            return Err(Error::new(message).hint("give every label a name of its own"));
        }
    }
    let classes: Vec<Class> = names
        .iter()
        .map(|name| Class { key: key(name), name: composed(name), spellings: vec![name] })
        .collect();
    let notices = alike(&classes).into_iter().collect();
    Ok((ClassList::new(classes.into_iter().map(|class| class.name).collect()), notices))
}

/// The classes that names stand for, the standard ones first and in their order.
fn unite(found: &BTreeSet<String>) -> Vec<Class<'_>> {
    let mut classes: BTreeMap<(Option<usize>, String), Vec<&String>> = BTreeMap::new();
    for name in found {
        let class = match key(name) {
            Key::Standard(position) => (Some(position), String::new()),
            Key::Other(_) => (None, printed(name)),
        };
        classes.entry(class).or_default().push(name);
    }
    classes.into_iter().map(|((standard, _), spellings)| Class::of(standard, spellings)).collect()
}

impl<'a> Class<'a> {
    /// The class of some spellings, called by the only one, or else by what they have in common.
    fn of(standard: Option<usize>, spellings: Vec<&'a String>) -> Self {
        let prints: BTreeSet<String> = spellings.iter().map(|name| printed(name)).collect();
        let name = match (spellings.as_slice(), standard) {
            ([only], _) => composed(only),
            (_, Some(position)) if prints.len() > 1 => standard_classes()[position].clone(),
            _ => prints.into_iter().next().unwrap_or_default(),
        };
        Self { key: standard.map_or_else(|| key(&name), Key::Standard), name, spellings }
    }
}

/// Says which names were taken for one class.
fn merged(classes: &[Class]) -> Option<Notice> {
    let several: Vec<&Class> = classes.iter().filter(|class| class.spellings.len() > 1).collect();
    let example = |class: &&Class| {
        format!("{} are {}", list(class.spellings.iter().map(|name| name.as_str())), quoted(&class.name))
    };
    let text = "several names mean one class and are counted together";
    let count = several.len() as u64;
    (count > 0).then(|| Notice::new(Subject::MergedClasses, count, text, several.iter().map(example)))
}

/// Says which classes have names that differ in spelling alone.
fn alike(classes: &[Class]) -> Option<Notice> {
    let mut by_key: BTreeMap<&Key, Vec<&Class>> = BTreeMap::new();
    classes.iter().for_each(|class| by_key.entry(&class.key).or_default().push(class));
    by_key.retain(|_, alike| alike.len() > 1);
    let example = |alike: &Vec<&Class>| list(alike.iter().map(|class| class.name.as_str()));
    let text = "classes have names that hardly differ; they are kept apart, and matched by their exact names";
    let count = by_key.len() as u64;
    (count > 0).then(|| Notice::new(Subject::AlikeClasses, count, text, by_key.values().map(example)))
}

/// Names for a message, the first few of many.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 4;
    names.take(MOST).map(quoted).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(found: &[&str]) -> Found {
        order(&found.iter().map(|s| (*s).to_owned()).collect())
    }

    fn names(found: &[&str]) -> Vec<String> {
        ordered(found).classes.names().to_vec()
    }

    #[test]
    fn standard_names_keep_the_standard_order_and_the_data_s_spelling() {
        let found = ordered(&["Platelets", "IMMATURE_GRANULOCYTES", "basophil", "nRBC", "Lymphocytes"]);
        let expected = ["basophil", "nRBC", "IMMATURE_GRANULOCYTES", "Lymphocytes", "Platelets"];
        assert_eq!(found.classes.names(), expected);
        assert_eq!((found.labels["nRBC"], found.labels["IMMATURE_GRANULOCYTES"]), (1, 2));
        assert!(found.notices.is_empty());
    }

    #[test]
    fn two_names_of_one_standard_class_are_one_class_and_that_is_said() {
        for other in [None, Some("blast")] {
            let mut found = vec!["platelet", "thrombocytes", "Neutrophil"];
            found.extend(other);
            let found = ordered(&found);
            assert_eq!(found.labels["platelet"], found.labels["thrombocytes"]);
            let [notice] = &found.notices[..] else { panic!("{:?}", found.notices) };
            assert_eq!((notice.subject, notice.count), (Subject::MergedClasses, 1));
            let expected = "several names mean one class and are counted together: `platelet` and \
                            `thrombocytes` are `platelet`";
            assert_eq!(notice.to_string(), expected);
        }
        assert_eq!(names(&["platelet", "thrombocytes", "Neutrophil"]), ["Neutrophil", "platelet"]);
    }

    #[test]
    fn names_that_print_the_same_are_one_class_and_that_is_said() {
        let found = ordered(&["Zell\u{e9}", "Zelle\u{301}", "other"]);
        assert_eq!(found.classes.names(), ["Zell\u{e9}", "other"]);
        assert_eq!(found.labels["Zell\u{e9}"], found.labels["Zelle\u{301}"]);
        assert_eq!(
            found.notices[0].examples,
            [r"`Zelle\u{301}` and `Zell\u{e9}` are `Zell\u{e9}`".replace(r"\u{e9}", "\u{e9}")]
        );
        assert_eq!(names(&["a\u{200b}", "a", "b"]), ["a", "b"]);
        // one spelling alone is nothing to speak of
        let found = ordered(&["Zelle\u{301}", "other"]);
        assert_eq!((found.classes.names()[0].as_str(), found.notices.len()), ("Zell\u{e9}", 0));
    }

    #[test]
    fn names_that_differ_in_print_are_classes_apart_and_near_ones_are_named() {
        for apart in [["CD34+", "CD34-"], ["+", "-"], ["01", "1"], ["a", "b"]] {
            let found = ordered(&apart);
            assert_eq!((found.classes.len(), found.notices.len()), (2, 0), "{apart:?}");
        }
        for near in [["Blast", "blast"], ["blast", "blasts"], ["my class", "my_class"]] {
            let found = ordered(&near);
            assert_eq!(found.classes.names(), near);
            let [notice] = &found.notices[..] else { panic!("{:?}", found.notices) };
            assert_eq!((notice.subject, notice.count), (Subject::AlikeClasses, 1));
            assert!(notice.to_string().ends_with(&format!(": `{}` and `{}`", near[0], near[1])));
        }
    }

    #[test]
    fn a_list_of_names_keeps_its_order_and_names_near_ones() {
        let list = |names: &[&str]| listed(&names.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        let (classes, notices) = list(&["thrombocyte", "ig", "platelet"]).unwrap();
        assert_eq!(classes.names(), ["thrombocyte", "ig", "platelet"]);
        assert_eq!((notices[0].subject, notices[0].count), (Subject::AlikeClasses, 1));
        let error = list(&["a", "b", "a "]).unwrap_err();
        assert_eq!(error.to_string(), "gives two labels names that print the same, `a` and `a `");
    }

    #[test]
    fn other_names_are_alphabetical_and_numbers_keep_their_value() {
        assert_eq!(names(&["neutrophil", "blast", "ig"]), ["blast", "ig", "neutrophil"]);
        let numbers = ordered(&["10", "9", "0"]);
        assert_eq!(numbers.classes.names(), ["0", "9", "10"]);
        assert_eq!(numbers.classes.numbers(), [Some(0), Some(9), Some(10)]);
        assert!(numbers.classes.is_numeric() && !ordered(&["01", "2"]).classes.is_numeric());
        assert!(names(&[]).is_empty() && !ordered(&[]).classes.is_numeric());
    }

    #[test]
    fn eight_numbers_are_no_standard_classes() {
        let eight: Vec<String> = (0..8).map(|number| number.to_string()).collect();
        assert_eq!(order(&eight.iter().cloned().collect()).classes.names(), eight);
        assert_eq!(ClassList::numbered(8).names()[..7], *ClassList::numbered(7).names());
    }
}
