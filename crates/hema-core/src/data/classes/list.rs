//! The classes of a data set, and the numbers that stand in the data for some of them.

use super::key::standard_classes;

/// Largest numeric label accepted, so that a wrong column does not make a model of a million classes.
pub(crate) const MAX_LABEL: i64 = 9_999;

/// The classes of a data set, in label order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClassList {
    names: Vec<String>,
    /// The number that the data has for each class in place of a name, `None` where the data gives the name.
    numbers: Vec<Option<usize>>,
}

impl ClassList {
    /// Classes by the names that the data gives. Where all are numbers, they are labels without a name.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let numbers: Option<Vec<usize>> = names.iter().map(|name| plain_number(name)).collect();
        let numbers = match numbers {
            Some(numbers) => numbers.into_iter().map(Some).collect(),
            None => vec![None; names.len()],
        };
        Self { names, numbers }
    }

    /// The classes of the labels 0 to `count` - 1, called `class_0`, `class_1`, ... whatever their count.
    pub(crate) fn numbered(count: usize) -> Self {
        Self { names: (0..count).map(numbered_name).collect(), numbers: (0..count).map(Some).collect() }
    }

    /// The classes of `BloodMNIST`, whose files hold numbers alone.
    pub(crate) fn bloodmnist() -> Self {
        let names = standard_classes();
        Self { numbers: (0..names.len()).map(Some).collect(), names }
    }

    /// Adds a class.
    pub(crate) fn push(&mut self, name: String, number: Option<usize>) {
        self.names.push(name);
        self.numbers.push(number);
    }

    /// Class names in label order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number that the data has for each class, `None` where it gives the name.
    pub(crate) fn numbers(&self) -> &[Option<usize>] {
        &self.numbers
    }

    /// Position of the class that a number stands for in the data.
    pub(crate) fn position_of_number(&self, number: usize) -> Option<usize> {
        self.numbers.iter().position(|own| *own == Some(number))
    }

    /// Whether the name of a class was made up for a number, and says no more than that.
    pub(super) fn is_bare_number(&self, class: usize) -> bool {
        self.numbers[class].is_some() && self.numbers[class] == number_of(&self.names[class])
    }

    /// Whether there are classes, and the data has numbers for all of them.
    pub(crate) fn is_numeric(&self) -> bool {
        !self.numbers.is_empty() && self.numbers.iter().all(Option::is_some)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// The name made up for a label that is a number in a form that keeps numbers.
pub(crate) fn numbered_name(number: usize) -> String {
    format!("class_{number}")
}

/// The number that a class name stands for: 7 for `7` and `class_7`.
pub(crate) fn number_of(name: &str) -> Option<usize> {
    plain_number(name.strip_prefix("class_").unwrap_or(name))
}

/// A name that is a number, as its value. `01` is a name: nobody writes the number 1 like that.
fn plain_number(name: &str) -> Option<usize> {
    let number: usize = name.parse().ok()?;
    (number <= MAX_LABEL as usize && number.to_string() == name).then_some(number)
}
