//! The JSON Schema of a recipe, by a validator for as much of the language as it uses.

use serde_json::{Value, json};

use super::*;

/// The first thing about a value that a schema refuses, with the value's path.
fn refusal(schema: &Value, value: &Value, document: &Value, path: &str) -> Option<String> {
    let no = |why: &str| Some(format!("{path}: {value}: {why}"));
    for (word, rule) in schema.as_object().unwrap() {
        let number = || value.as_f64().unwrap_or(f64::NAN);
        let limit = rule.as_f64().unwrap_or(f64::NAN);
        let refused = match word.as_str() {
            "$ref" => {
                let target = document.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap();
                refusal(target, value, document, path)
            }
            "type" if !is_type(value, rule.as_str().unwrap()) => no("type"),
            "minimum" if number() < limit => no("minimum"),
            "maximum" if number() > limit => no("maximum"),
            "exclusiveMinimum" if number() <= limit => no("exclusiveMinimum"),
            "exclusiveMaximum" if number() >= limit => no("exclusiveMaximum"),
            "minItems" if value.as_array().unwrap().len() < limit as usize => no("minItems"),
            "maxItems" if value.as_array().unwrap().len() > limit as usize => no("maxItems"),
            "const" if value != rule => no("const"),
            "pattern" if !matches(value.as_str().unwrap(), rule.as_str().unwrap()) => no("pattern"),
            "items" => {
                let mut items = value.as_array().into_iter().flatten().enumerate();
                items.find_map(|(i, item)| refusal(rule, item, document, &format!("{path}.{i}")))
            }
            "anyOf" | "oneOf" => {
                let branches = rule.as_array().unwrap().iter();
                let fitting = branches.filter(|each| refusal(each, value, document, path).is_none()).count();
                if fitting == 0 || (word == "oneOf" && fitting > 1) { no(word) } else { None }
            }
            "required" => {
                let missing = |key: &&Value| value.get(key.as_str().unwrap()).is_none();
                rule.as_array().unwrap().iter().find(missing).and_then(|key| no(&format!("no {key}")))
            }
            "properties" => {
                let mut keys = value.as_object().into_iter().flatten();
                keys.find_map(|(key, value)| match rule.get(key) {
                    Some(schema) => refusal(schema, value, document, &format!("{path}.{key}")),
                    None => no(&format!("unknown key {key}")),
                })
            }
            _ => None,
        };
        if refused.is_some() {
            return refused;
        }
    }
    None
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("{other}"),
    }
}

/// Whether a text matches one of the patterns that the schema has.
fn matches(text: &str, pattern: &str) -> bool {
    match pattern {
        r"\S" => !text.trim().is_empty(),
        r"[./\\]|^builtin@" => text.contains(['.', '/', '\\']) || text.starts_with("builtin@"),
        "^#[0-9a-fA-F]{6}$" => {
            text.len() == 7 && text.starts_with('#') && u32::from_str_radix(&text[1..], 16).is_ok()
        }
        policies => {
            let names = policies.strip_prefix("^(").and_then(|rest| rest.strip_suffix(")(-.+)?$")).unwrap();
            names.split('|').any(|name| {
                text.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || (rest.starts_with('-') && rest.len() > 1))
            })
        }
    }
}

fn schema() -> Value {
    SCHEMAS.iter().find(|schema| schema.name == "recipe").unwrap().json()
}

fn refusal_of(text: &str) -> Option<String> {
    let value = json!(text.parse::<toml::Table>().unwrap());
    let schema = schema();
    refusal(&schema, &value, &schema, "")
}

#[test]
fn every_shipped_recipe_and_what_is_written_of_it_fits_the_schema() {
    for shipped in SHIPPED {
        assert_eq!(refusal_of(shipped.text), None, "{}", shipped.name);
        let written = Recipe::load(shipped.name, &NONE).unwrap().to_toml().unwrap();
        assert_eq!(refusal_of(&written), None, "{}", shipped.name);
    }
    assert_eq!(schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn the_schema_refuses_what_reading_refuses() {
    let top = |line: &str| MINIMAL.replace("[model]", &format!("{line}\n[model]"));
    let last = |line: &str| format!("{MINIMAL}{line}\n");
    assert_eq!(refusal_of(&last("train = { from = \"blocks.3\" }\noptimizer = \"lion\"")), None);
    for text in [
        MINIMAL.replace("epochs = 2", "epohcs = 2"),
        MINIMAL.replace("epochs = 2", "epochs = 0"),
        MINIMAL.replace("epochs = 2", "epochs = \"two\""),
        MINIMAL.replace("epochs = 2", "epochs = 1.5"),
        MINIMAL.replace("\"cnn\"", "\"cn\""),
        MINIMAL.replace("\"x\"", "\" \""),
        last("lr_ = 1"),
        last("optimizer = \"adem\""),
        last("schedule = \"onecycle\""),
        last("train = \"heda\""),
        last("train = { form = \"blocks.3\" }"),
        last("betas = [0.9]"),
        last("betas = [0.9, 1.0]"),
        top("data.size = 5000"),
        top("data.std = [1, 0, 1]"),
        top("data.sampler = \"balancd\""),
        top("loss.beta = 1"),
        top("distill.weight = 0"),
        top("select.metric = \"acuracy\""),
        top("augment.mix = [{ name = \"cutmx\" }]"),
        top("augment.operators = [{ name = \"hu\" }]"),
        top("augment.operators = [{ name = \"hue\", fill = \"green\" }]"),
        top("augment.operators = [{ some_of = [{ name = \"hu\" }] }]"),
        top("augment.operators = [{ name = \"hue\", all_of = [] }]"),
        MINIMAL.replace("[model]", "[model]\nweights = \"imagnet\""),
        MINIMAL.replace("[model]", "[model]\ndropout = [0.1, 1.0]"),
    ] {
        assert!(refusal_of(&text).is_some(), "{text}");
        assert!(Recipe::parse(&text, "r.toml", &NONE).is_err(), "{text}");
    }
}

#[test]
fn every_table_with_a_name_is_described_key_by_key() {
    for schema in SCHEMAS {
        for table in schema.tables() {
            assert!(!table.about.is_empty());
            for key in table.keys() {
                assert!(key.about.ends_with('.'), "{}: {}", key.name, key.about);
                assert!(!key.kind.describe().is_empty(), "{}", key.name);
                assert!(key.kind.words().iter().all(|word| !word.about.is_empty()), "{}", key.name);
            }
        }
    }
}
