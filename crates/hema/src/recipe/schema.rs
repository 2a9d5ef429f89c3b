//! The JSON Schema (draft 2020-12) of the files that people write, for editors that know it, made of the rows
//! of their tables. What it accepts may still break a rule across keys; what it refuses is refused when it is
//! read.

use serde_json::{Map, Value, json};

use super::gate::Gate;
use super::key::{Absent, Key, Kind, MOST_ENTRIES, Range, Table, Word, value_of};
use super::places::{KeyAt, PlacedTable, places};
use super::read::Keys;
use super::suite;
use super::top::Recipe;

/// A kind of file that people write.
pub struct Schema {
    /// The kind's name, for `hema list --schema`.
    pub name: &'static str,
    /// What such a file is for, in one line.
    pub about: &'static str,
    top: fn() -> Table,
}

/// Every kind of file with a schema.
pub const SCHEMAS: &[Schema] = &[
    Schema { name: "recipe", about: "a training run", top: || Recipe::TABLE },
    Schema { name: "suite", about: "conditions that models are judged under", top: || suite::File::TABLE },
    Schema { name: "gate", about: "what a model must keep to be let through", top: || Gate::TABLE },
];

impl Schema {
    /// The JSON Schema as a document.
    pub fn json(&self) -> Value {
        let mut definitions = Map::new();
        let mut document = Map::new();
        document.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        document.insert("title".into(), format!("Hema {}", self.name).into());
        document.append(&mut of_table(&(self.top)(), &mut definitions));
        document.insert("$defs".into(), definitions.into());
        document.into()
    }

    /// Every table of such a file, each once, the top first.
    pub fn tables(&self) -> Vec<Table> {
        places((self.top)()).into_iter().map(|place| place.table).collect()
    }

    /// Every key of such a file with its path. Those of a table that can stand in several places stand in the
    /// first of them.
    pub fn keys(&self) -> Vec<KeyAt> {
        places((self.top)()).iter().flat_map(PlacedTable::keys).collect()
    }
}

impl Key {
    /// Its value in a recipe that a person writes without it, where there is one.
    pub fn default_json(&self) -> Option<Value> {
        match self.absent {
            Absent::Value { default, .. } => Some(json!(value_of(default))),
            _ => None,
        }
    }
}

impl Kind {
    /// The words among the values that `hema list` does not explain.
    pub fn words(&self) -> Vec<Word> {
        match self {
            Self::Words { list: None, all, .. } => all(),
            Self::List { of, .. } | Self::OneOrSeveral(of) => of.words(),
            Self::AnyOf(kinds) => kinds.iter().flat_map(Self::words).collect(),
            _ => Vec::new(),
        }
    }
}

fn of_table(table: &Table, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let keys = table.keys();
    let required: Vec<&str> =
        keys.iter().filter(|key| matches!(key.absent, Absent::Required)).map(|key| key.name).collect();
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), of_key(key, definitions).into())).collect();
    let mut schema = Map::new();
    schema.insert("description".into(), table.about.into());
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    schema.insert("required".into(), required.into());
    schema.insert("additionalProperties".into(), false.into());
    schema
}

fn of_key(key: &Key, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut schema = of_kind(&key.kind, definitions);
    let about = match key.absent {
        Absent::Unset(instead) => format!("{} When left out: {instead}.", key.about),
        _ => key.about.to_owned(),
    };
    schema.insert("description".into(), about.into());
    if let Some(default) = key.default_json() {
        schema.insert("default".into(), default);
    }
    schema
}

fn of_kind(kind: &Kind, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut say = |key: &str, value: Value| drop(schema.insert(key.into(), value));
    match kind {
        Kind::Switch => say("type", "boolean".into()),
        Kind::Whole { least, most, .. } => {
            say("type", "integer".into());
            say("minimum", (*least).into());
            if *most < u64::MAX {
                say("maximum", (*most).into());
            }
        }
        Kind::Number(range) => return of_range(range),
        Kind::Text(_) => say("type", "string".into()),
        Kind::Name | Kind::Module => return of_text(r"\S"),
        Kind::Colour => return of_text("^#[0-9a-fA-F]{6}$"),
        // or the model in the box with its version, which stands for one
        Kind::File => return of_text(r"[./\\]|^builtin@"),
        Kind::Words { all, .. } => {
            let word = |word: Word| json!({"const": word.name, "description": word.about});
            say("oneOf", all().into_iter().map(word).collect());
        }
        Kind::Policy(all) => {
            let names: Vec<&str> = all().iter().map(|word| word.name).collect();
            return of_text(&format!("^({})(-.+)?$", names.join("|")));
        }
        Kind::List { of, count } => {
            say("type", "array".into());
            say("items", of_kind(of, definitions).into());
            if let Some(count) = count {
                say("minItems", (*count).into());
            }
            say("maxItems", count.unwrap_or(MOST_ENTRIES).into());
        }
        Kind::OneOrSeveral(of) => {
            let one = of_kind(of, definitions);
            let several = json!({"type": "array", "items": one, "maxItems": MOST_ENTRIES});
            say("anyOf", vec![one.into(), several].into());
        }
        Kind::AnyOf(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| of_kind(kind, definitions).into()).collect();
            say("anyOf", kinds.into());
        }
        Kind::Tables(name, tables) => {
            define(name, &tables(), definitions);
            say("$ref", format!("#/$defs/{name}").into());
        }
    }
    schema
}

/// Puts a table, or one of several, among the definitions, where it is not there yet.
fn define(name: &str, tables: &[Table], definitions: &mut Map<String, Value>) {
    if definitions.contains_key(name) {
        return;
    }
    // an entry first: a table may hold tables of its own kind
    definitions.insert(name.into(), Value::Null);
    let mut tables: Vec<Value> = tables.iter().map(|table| of_table(table, definitions).into()).collect();
    let schema = if tables.len() == 1 { tables.remove(0) } else { json!({ "anyOf": tables }) };
    definitions.insert(name.into(), schema);
}

fn of_text(pattern: &str) -> Map<String, Value> {
    [("type".into(), "string".into()), ("pattern".into(), pattern.into())].into_iter().collect()
}

fn of_range(range: &Range) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".into(), "number".into());
    if range.low.is_finite() {
        let key = if range.above { "exclusiveMinimum" } else { "minimum" };
        schema.insert(key.into(), range.low.into());
    }
    if range.high.is_finite() {
        let key = if range.below { "exclusiveMaximum" } else { "maximum" };
        schema.insert(key.into(), range.high.into());
    }
    schema
}
