//! The rows that describe a file that people write: its tables and their keys, with values, defaults and
//! meaning.
//!
//! Reading, checking, writing, the reference and the JSON Schema are made of them. `table` writes them beside
//! the structs.
//!
//! Left out on purpose: rules across keys, which are code (see `check`).

use std::borrow::Cow;

use toml::Value;

/// A table of a recipe or suite file.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What it is for, and where it stands in the file.
    pub about: &'static str,
    /// Its own keys.
    keys: &'static [Key],
    /// A table whose keys stand among its own.
    within: Option<fn() -> Table>,
}

impl Table {
    /// A table with these keys, and those of the table `within` it, which has no header of its own.
    pub(super) const fn new(about: &'static str, keys: &'static [Key], within: Option<fn() -> Self>) -> Self {
        Self { about, keys, within }
    }

    /// Every key that can stand in it, in the order of the reference.
    pub fn keys(&self) -> Vec<&'static Key> {
        let within = self.within.map(|table| table().keys()).unwrap_or_default();
        within.into_iter().chain(self.keys).collect()
    }

    /// The key that a value without a key is probably one of: the one that must be given, where there is one
    /// alone, or where there is none the name.
    pub(super) fn main_key(&self) -> Option<&'static Key> {
        let keys = self.keys();
        let mut required = keys.iter().filter(|key| matches!(key.absent, Absent::Required));
        match (required.next(), required.next()) {
            (None, _) => keys.iter().find(|key| key.name == "name").copied(),
            (first, None) => first.copied(),
            _ => None,
        }
    }

    /// A table as TOML in one line, for examples: with the keys that must be given, or else with one.
    pub(super) fn example(&self) -> String {
        let keys = self.keys();
        let mut shown: Vec<&&Key> =
            keys.iter().filter(|key| matches!(key.absent, Absent::Required)).collect();
        if shown.is_empty() {
            shown.extend(keys.first());
        }
        let pairs: Vec<String> =
            shown.iter().map(|key| format!("{} = {}", key.name, key.example())).collect();
        format!("{{ {} }}", pairs.join(", "))
    }
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The word before the equals sign.
    pub name: &'static str,
    /// Its meaning.
    pub about: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// What holds where it is left out.
    pub absent: Absent,
}

impl Key {
    /// A value of it as TOML: its default where that shows anything.
    pub fn example(&self) -> String {
        match self.absent {
            Absent::Value { default, .. } if !matches!(default, "" | "[]" | "{}") => {
                value_of(default).to_string()
            }
            _ => self.kind.example(),
        }
    }
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// It may not be left out.
    Required,
    /// A value, written as in `--set`: TOML, or a bare word.
    Value {
        /// The value in a recipe that a person writes.
        default: &'static str,
        /// The value in a saved run, whose program may not have known the key: what that program did,
        /// whatever the default is today.
        before: &'static str,
    },
    /// There is no value, and this is done instead.
    Unset(&'static str),
}

impl Absent {
    /// What holds, in words.
    pub fn describe(&self) -> String {
        match *self {
            Self::Required => "not allowed".into(),
            Self::Unset(instead) => instead.into(),
            Self::Value { default: "", .. } => "empty".into(),
            Self::Value { default, before } if default == before => format!("`{default}`"),
            Self::Value { default, before } => {
                format!("`{default}`; `{before}` in a saved run, which was older than the key")
            }
        }
    }
}

/// A value as a person writes it behind `--set KEY=`: TOML, or else a string without its quotes.
pub(super) fn value_of(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::String(text.into()))
}

/// The values that a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number from the least to the most.
    Whole {
        /// The least.
        least: u64,
        /// The most; `u64::MAX` for no limit.
        most: u64,
        /// What is counted, for messages; may be empty.
        unit: &'static str,
    },
    /// A number within a range.
    Number(Range),
    /// Any text, and what it should say.
    Text(&'static str),
    /// A name of one's own, which is not blank.
    Name,
    /// The name of a module of the network, as timm calls it.
    Module,
    /// A colour as `#rrggbb`.
    Colour,
    /// The path of a file, which is no bare word.
    File,
    /// One of a table's names.
    Words {
        /// How `hema list` calls the table, where it lists it.
        list: Option<&'static str>,
        /// The names.
        all: fn() -> Vec<Word>,
    },
    /// One of a table's names, followed by settings that are set off by hyphens (`rand-m9-n3`).
    Policy(fn() -> Vec<Word>),
    /// A list of values of one kind.
    List {
        /// The kind of its entries.
        of: &'static Kind,
        /// How many there are, where that is fixed.
        count: Option<usize>,
    },
    /// A value, or a list of them.
    OneOrSeveral(&'static Kind),
    /// A value of any of several kinds.
    AnyOf(&'static [Kind]),
    /// A table, of one of several forms; the name is that of the table in the schema.
    Tables(&'static str, fn() -> Vec<Table>),
}

/// A name that a key can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub name: &'static str,
    /// What it stands for, in one line.
    pub about: Cow<'static, str>,
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower end, which may be infinite.
    pub low: f64,
    /// The upper end, which may be infinite.
    pub high: f64,
    /// Whether the lower end itself is outside.
    pub above: bool,
    /// Whether the upper end itself is outside.
    pub below: bool,
}

/// A whole number of at least 0.
pub(super) const COUNT: Kind = at_least(0);
/// A number of epochs.
pub(super) const EPOCHS: Kind = Kind::Whole { least: 1, most: 1_000_000, unit: "" };
/// A number of images that go through the network together.
pub(super) const BATCH: Kind = Kind::Whole { least: 1, most: 65_536, unit: "images" };
/// Most entries of a list whose number is not fixed.
pub(super) const MOST_ENTRIES: usize = 1000;
/// A side of an image.
pub(super) const SIDE: Kind = Kind::Whole { least: 1, most: 2048, unit: "pixels" };
/// Any number but infinity and not-a-number.
pub(super) const FINITE: Kind = Kind::Number(Range::FINITE);
/// A number of at least 0.
pub(super) const NOT_NEGATIVE: Kind = Kind::Number(Range { low: 0.0, ..Range::FINITE });
/// A number above 0.
pub(super) const POSITIVE: Kind = Kind::Number(Range { low: 0.0, above: true, ..Range::FINITE });
/// A share that may be nothing and everything.
pub(super) const SHARE: Kind = within(0.0, 1.0);
/// A share that may be nothing, not everything.
pub(super) const FRACTION: Kind = Kind::Number(Range { low: 0.0, high: 1.0, above: false, below: true });
/// A share that may be everything, not nothing.
pub(super) const PART: Kind = Kind::Number(Range { low: 0.0, high: 1.0, above: true, below: false });

/// A whole number of at least `least`.
pub(super) const fn at_least(least: u64) -> Kind {
    Kind::Whole { least, most: u64::MAX, unit: "" }
}

/// A number between two, both of them included.
pub(super) const fn within(low: f64, high: f64) -> Kind {
    Kind::Number(Range { low, high, above: false, below: false })
}

impl Range {
    /// Every finite number.
    const FINITE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY, above: false, below: false };

    /// Whether a number is inside; infinity and not-a-number never are.
    pub fn contains(&self, value: f64) -> bool {
        let above_low = if self.above { value > self.low } else { value >= self.low };
        let below_high = if self.below { value < self.high } else { value <= self.high };
        value.is_finite() && above_low && below_high
    }

    /// The range in words.
    fn describe(&self) -> String {
        let Self { low, high, above, below } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, false) => "a finite number".into(),
            (true, false) if *above => format!("a number above {low}"),
            (true, false) => format!("a number of at least {low}"),
            (false, true) => format!("a number {} {high}", if *below { "below" } else { "of at most" }),
            (true, true) => match (above, below) {
                (false, false) => format!("{low} to {high}"),
                (false, true) => format!("{low} or more and less than {high}"),
                (true, false) => format!("more than {low}, at most {high}"),
                (true, true) => format!("more than {low} and less than {high}"),
            },
        }
    }
}

impl Kind {
    /// The values in words, to read after "expected".
    pub fn describe(&self) -> String {
        match self {
            Self::Switch => "`true` or `false`".into(),
            Self::Whole { least, most: u64::MAX, unit: "" } => format!("a whole number of at least {least}"),
            Self::Whole { least, most, unit: "" } => format!("a whole number from {least} to {most}"),
            Self::Whole { least, most: u64::MAX, unit } => {
                format!("a whole number of {unit}, at least {least}")
            }
            Self::Whole { least, most, unit } => format!("a whole number of {unit}, {least} to {most}"),
            Self::Number(range) => match range.describe() {
                words if words.contains("number") => words,
                ends => format!("a number, {ends}"),
            },
            Self::Text(says) => (*says).into(),
            Self::Name => "a short name".into(),
            Self::Module => "the name of a module, such as `blocks.3`".into(),
            Self::Colour => "a colour like `#808080`".into(),
            Self::File => "the path of a file".into(),
            Self::Words { list: Some(list), .. } => format!("one of `hema list {list}`"),
            Self::Policy(_) => "one of `hema list policies` with its settings".into(),
            Self::List { of: of @ Self::Tables(..), .. } => {
                format!("a list of tables such as `{}`", of.example())
            }
            Self::List { of, count: Some(count) } => {
                format!("a list of {count} values, each {}", of.describe())
            }
            Self::List { of, count: None } => format!("a list, each entry {}", of.describe()),
            Self::OneOrSeveral(of) => format!("{}, or a list of such", of.describe()),
            Self::Words { list: None, .. } | Self::AnyOf(_) => join_or(&self.alternatives()),
            Self::Tables(..) => format!("a table such as `{}`", self.example()),
        }
    }

    /// A value as TOML, for examples.
    fn example(&self) -> String {
        match self {
            Self::Switch => "true".into(),
            Self::Whole { least, .. } => least.max(&1).to_string(),
            Self::Number(range) => if range.contains(0.1) { "0.1" } else { "1.0" }.into(),
            Self::Text(_) | Self::File => "\"folder/file\"".into(),
            Self::Name => "\"a name\"".into(),
            Self::Module => "\"blocks.3\"".into(),
            Self::Colour => "\"#808080\"".into(),
            Self::Words { all, .. } | Self::Policy(all) => {
                all().first().map_or_else(String::new, |word| Value::from(word.name).to_string())
            }
            Self::List { of, count } => format!("[{}]", vec![of.example(); count.unwrap_or(1)].join(", ")),
            Self::OneOrSeveral(of) => of.example(),
            Self::AnyOf(kinds) => kinds.first().map(Self::example).unwrap_or_default(),
            Self::Tables(_, tables) => tables().first().map(Table::example).unwrap_or_default(),
        }
    }

    /// The values in words, one by one where there are several kinds or words of them.
    fn alternatives(&self) -> Vec<String> {
        match self {
            Self::AnyOf(kinds) => kinds.iter().flat_map(Self::alternatives).collect(),
            Self::Words { list: None, all, .. } => {
                all().iter().map(|word| format!("`{}`", word.name)).collect()
            }
            other => vec![other.describe()],
        }
    }

    /// Every name among the values, those that `hema list` explains too.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Words { all, .. } | Self::Policy(all) => all().iter().map(|word| word.name).collect(),
            Self::List { of, .. } | Self::OneOrSeveral(of) => of.names(),
            Self::AnyOf(kinds) => kinds.iter().flat_map(Self::names).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a value is a table or a list of them.
    pub(super) fn holds_tables(&self) -> bool {
        matches!(self, Self::Tables(..) | Self::List { of: Self::Tables(..), .. })
    }

    /// The ends that a number is outside of, in few words.
    pub(super) fn describe_ends(&self) -> String {
        match self {
            Self::Whole { least, most: u64::MAX, .. } => format!("at least {least}"),
            Self::Whole { least, most, unit } => format!("{least} to {most} {unit}").trim_end().to_owned(),
            Self::Number(range) => range.describe(),
            other => other.describe(),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn join_or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A doc comment as one text: its lines begin with a space each.
pub(super) const fn trim(doc: &'static str) -> &'static str {
    match doc.as_bytes() {
        [b' ', ..] => doc.split_at(1).1,
        _ => doc,
    }
}
