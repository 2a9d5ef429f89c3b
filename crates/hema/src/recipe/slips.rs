//! What a person probably meant by a key that is not where it was looked for, or by a value that is no TOML.
//!
//! Left out on purpose: names within a table, for which [`suggest`](hema_core::error::suggest) finds the
//! nearest.

use hema_core::error::{nearest, squashed};
use toml::Value;

use super::key::{Table, join_or, value_of};
use super::places::{KeyAt, PlacedTable, places};
use super::read::Problem;

/// Names that keys have elsewhere (timm, torch, Keras, Lightning, Ultralytics), with the path here.
pub const OTHER_NAMES: &[(&str, &str)] = &[
    ("learning_rate", "stage.0.lr"),
    ("base_lr", "stage.0.lr"),
    ("batch", "stage.0.batch_size"),
    ("bs", "stage.0.batch_size"),
    ("num_epochs", "stage.0.epochs"),
    ("max_epochs", "stage.0.epochs"),
    ("opt", "stage.0.optimizer"),
    ("optim", "stage.0.optimizer"),
    ("wd", "stage.0.weight_decay"),
    ("momentum", "stage.0.betas"),
    ("opt_betas", "stage.0.betas"),
    ("sched", "stage.0.schedule"),
    ("scheduler", "stage.0.schedule"),
    ("lr_scheduler", "stage.0.schedule"),
    ("warmup_epochs", "stage.0.warmup"),
    ("min_lr", "stage.0.final_lr"),
    ("lr0", "stage.0.lr"),
    ("lrf", "stage.0.final_lr"),
    ("decay", "stage.0.weight_decay"),
    ("early_stop", "stage.0.patience"),
    ("accumulate", "stage.0.micro_batch"),
    ("accumulate_grad_batches", "stage.0.micro_batch"),
    ("gradient_checkpointing", "stage.0.recompute"),
    ("unfreeze", "stage.0.train"),
    ("frozen", "stage.0.train"),
    ("imgsz", "data.size"),
    ("img_sz", "data.size"),
    ("crop_pct", "data.crop"),
    ("val_split", "data.validation"),
    ("validation_split", "data.validation"),
    ("drop", "model.dropout"),
    ("dropout_rate", "model.dropout"),
    ("drop_rate", "model.dropout"),
    ("drop_path_rate", "model.drop_path"),
    ("amp", "precision"),
    ("random_seed", "seed"),
    ("random_state", "seed"),
    ("manual_seed", "seed"),
    ("model_ema", "average.kind"),
    ("transforms", "augment.operators"),
    ("hflip", "augment.operators"),
    ("reprob", "augment.operators"),
    ("grad_clip", "stage.0.clip_norm"),
    ("clip_grad", "stage.0.clip_norm"),
    ("early_stopping", "stage.0.patience"),
    ("gradient_accumulation", "stage.0.micro_batch"),
    ("freeze", "stage.0.train"),
    ("img_size", "data.size"),
    ("image_size", "data.size"),
    ("input_size", "data.size"),
    ("resolution", "data.size"),
    ("interpolation", "data.filter"),
    ("arch", "model.name"),
    ("architecture", "model.name"),
    ("backbone", "model.name"),
    ("pretrained", "model.weights"),
    ("checkpoint", "model.weights"),
    ("smoothing", "loss.label_smoothing"),
    ("focal", "loss.focus"),
    ("gamma", "loss.focus"),
    ("mixup", "augment.mix"),
    ("cutmix", "augment.mix"),
    ("ema", "average.kind"),
    ("swa", "average.kind"),
    ("monitor", "select.metric"),
    ("teacher", "distill.teachers"),
];

/// Headers that tables have elsewhere, with the one that such keys stand under here.
const OTHER_HEADERS: &[(&str, &str)] = &[
    ("train", "[[stage]]"),
    ("training", "[[stage]]"),
    ("trainer", "[[stage]]"),
    ("optimizer", "[[stage]]"),
    ("optim", "[[stage]]"),
    ("scheduler", "[[stage]]"),
    ("dataset", "[data]"),
    ("network", "[model]"),
    ("augmentation", "[augment]"),
    ("augmentations", "[augment]"),
];

/// Most places that a hint names; a name with more says too little.
const MOST_PLACES: usize = 4;

/// Entries of a list that a hint names one by one.
const MOST_NAMED: usize = 3;

/// The path of the key that other programs call so, whatever the case and what separates its words.
pub fn key_called(name: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(other, _)| squashed(other) == squashed(name)).map(|(_, path)| *path)
}

/// The problem with a key of a file, with a hint to where such a key stands.
pub(super) fn in_file(problem: Problem, file: &toml::Value, top: Table) -> Problem {
    if problem.siblings.is_empty() {
        return problem;
    }
    let name = last(&problem.key).to_owned();
    let is_table = file.get(&problem.key).is_some_and(|value| value.is_table() || value.is_array());
    if let Some((_, header)) = OTHER_HEADERS.iter().find(|(other, _)| is_table && *other == problem.key) {
        return problem.hint(format!("such keys stand under `{header}` here"));
    }
    let found = elsewhere(&problem, &name, top);
    if let Some(own) = of_its_table(&found, &problem) {
        let hint = format!("did you mean `{}`?", last(own));
        return problem.hint(hint);
    }
    let places = found.iter().map(|path| under_header(path)).collect();
    propose(problem, kin_here, places)
}

/// The problem with an override of a recipe, with a hint to the key or the spelling that was meant. `tree` is
/// the recipe before.
pub(super) fn in_override(
    problem: Problem,
    path: &[&str],
    value: &str,
    tree: &toml::Table,
    top: Table,
) -> Problem {
    if problem.siblings.is_empty() {
        return match unreadable_value(&path.join("."), value) {
            Some(hint) => Problem { hint: Some(hint), ..problem },
            None => problem,
        };
    }
    let (Some(first), Some(name)) = (path.first(), path.last()) else { return problem };
    let unknown = last(&problem.key).to_owned();
    let mut found = elsewhere(&problem, name, top);
    let own = of_its_table(&found, &problem).map(|path| last(path).to_owned());
    // the name alone is no key of an override
    let proposes = problem.hint.as_ref().is_some_and(|hint| hint.starts_with("did you mean"));
    let problem = match own.or_else(|| nearest_here(&problem).filter(|_| proposes)) {
        Some(near) => problem.hint(format!("did you mean `{}`?", in_place_of(&unknown, &near, path))),
        None => problem,
    };
    if unknown == **name {
        found.retain(|path| !is_beside(path, &problem));
        keep_those_of(&mut found, first);
        let kin = |problem: &Problem| kin_here(problem).map(|near| in_place_of(&unknown, &near, path));
        return propose(problem, kin, as_overrides(&found, tree));
    }
    // the slip is in a table's name
    match nearest_here(&problem) {
        Some(table) => {
            let table = if problem.key.contains('.') { (*first).to_owned() } else { table };
            found.retain(|path| is_of(path, &table));
        }
        None if found.is_empty() => found = elsewhere(&problem, &unknown, top),
        None => keep_those_of(&mut found, first),
    }
    propose(problem, |_| None, as_overrides(&found, tree))
}

/// The path that an override leads to with another name in place of an unknown one, at which it ends.
fn in_place_of(unknown: &str, name: &str, path: &[&str]) -> String {
    let before = path.iter().rposition(|given| *given == unknown).unwrap_or(0);
    path[..before].iter().copied().chain([name]).collect::<Vec<_>>().join(".")
}

/// The one of some paths that leads to a key of the table that an unknown one was found in.
fn of_its_table<'p>(paths: &'p [String], problem: &Problem) -> Option<&'p String> {
    paths.iter().find(|path| is_beside(path, problem))
}

/// Whether a path leads to a key of the table that an unknown one was found in, whatever the entry of a list.
fn is_beside(path: &str, problem: &Problem) -> bool {
    let entry = |name: &str| if name.parse::<usize>().is_ok() { "0".to_owned() } else { name.to_owned() };
    let unknown: Vec<String> = problem.key.split('.').map(entry).collect();
    let known: Vec<&str> = path.split('.').collect();
    known[..known.len() - 1] == unknown[..unknown.len() - 1]
}

/// Drops the paths that are not of a table, unless none is.
fn keep_those_of(paths: &mut Vec<String>, table: &str) {
    if paths.iter().any(|path| is_of(path, table)) {
        paths.retain(|path| is_of(path, table));
    }
}

fn is_of(path: &str, table: &str) -> bool {
    path.split('.').next() == Some(table)
}

/// The name nearest to the unknown one among those that stand where it was found.
fn nearest_here(problem: &Problem) -> Option<String> {
    nearest(last(&problem.key), problem.siblings.iter().map(String::as_str)).map(str::to_owned)
}

/// A name that begins as the unknown one does, or the other way round, as `weight` and `weights`, among those
/// that stand where it was found.
fn kin_here(problem: &Problem) -> Option<String> {
    let name = last(&problem.key);
    problem.siblings.iter().find(|known| known.starts_with(name) || name.starts_with(*known)).cloned()
}

/// The problem with these places as its hint, where there are any, after the name that `here` finds.
fn propose(problem: Problem, here: impl Fn(&Problem) -> Option<String>, places: Vec<String>) -> Problem {
    if places.is_empty() {
        return problem;
    }
    let here = here(&problem).map(|name| format!("`{name}`"));
    let all: Vec<String> = here.into_iter().chain(places).collect();
    Problem { hint: Some(format!("did you mean {}?", join_or(&all))), ..problem }
}

/// Paths as overrides of a recipe; where it has no such entries, as they stand in a file.
fn as_overrides(paths: &[String], tree: &toml::Table) -> Vec<String> {
    let there: Vec<String> = paths.iter().flat_map(|path| entries(path, tree)).collect();
    let in_file = || paths.iter().map(|path| under_header(path)).collect();
    if there.is_empty() { in_file() } else { there }
}

/// Paths of the keys that a name may stand for outside of the table it was looked for in: those called so,
/// whatever the case; else those that other programs call so; else, where the table itself has none that is
/// near, the nearest. None where there are too many.
fn elsewhere(problem: &Problem, name: &str, top: Table) -> Vec<String> {
    if problem.siblings.iter().any(|sibling| squashed(sibling) == squashed(name)) {
        return Vec::new();
    }
    let mut all: Vec<String> = Vec::new();
    for KeyAt { path, key, .. } in places(top).iter().flat_map(PlacedTable::keys) {
        // forms of an entry share keys, and tables of the file are not looked for in others
        let is_table = !path.contains('.') && key.kind.holds_tables();
        if !is_table && !all.contains(&path) {
            all.push(path);
        }
    }
    let called = |name: &str| -> Vec<String> {
        all.iter().filter(|path| squashed(last(path)) == squashed(name)).cloned().collect()
    };
    let mut found = called(name);
    if found.is_empty() {
        found.extend(key_called(name).map(str::to_owned).filter(|path| all.contains(path)));
    }
    if found.is_empty() && nearest_here(problem).is_none() {
        found = nearest(name, all.iter().map(|path| last(path))).map(called).unwrap_or_default();
    }
    if found.len() > MOST_PLACES { Vec::new() } else { found }
}

/// A path, for each entry of the lists on its way that the recipe has: with the entry's name where there are
/// several.
fn entries(path: &str, tree: &toml::Table) -> Vec<String> {
    let Some((list, rest)) = path.split_once(".0.") else { return vec![format!("`{path}`")] };
    let names = list.split('.').try_fold(Value::Table(tree.clone()), |node, name| node.get(name).cloned());
    let Some(Value::Array(items)) = names else { return Vec::new() };
    let name = |item: &Value| item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match items.len() {
        0 => Vec::new(),
        1 => vec![format!("`{path}`")],
        2..=MOST_NAMED => {
            let one = |(index, item): (usize, &Value)| format!("`{list}.{index}.{rest}` ({})", name(item));
            let all = format!("`{list}.all.{rest}`");
            items.iter().enumerate().map(one).chain([all]).collect()
        }
        _ => vec![format!("`{path}`")],
    }
}

/// A key as it stands in a file: its name, and the header that it stands under.
fn under_header(path: &str) -> String {
    let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
    match table.strip_suffix(".0") {
        _ if table.is_empty() => format!("`{name}` at the top of the file, before the first table"),
        Some(list) => format!("`{name}` under `[[{list}]]`"),
        None => format!("`{name}` under `[{}]`", table.replace(".0.", ".")),
    }
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A hint for the text of a value that was meant as TOML and is none.
fn unreadable_value(key: &str, text: &str) -> Option<String> {
    if is_number_with_comma(text) {
        return Some(format!("write `{}`, with a point", text.replace(',', ".")));
    }
    if !text.starts_with(['[', '{', '"', '\'']) || text.parse::<Value>().is_ok() {
        return None;
    }
    let quoted = quote_words(text);
    Some(match quoted.parse::<Value>() {
        Ok(_) => format!(
            "text in lists and tables stands in double quotes, which a shell takes away unless single ones are around all: \
             '{key}={quoted}'"
        ),
        Err(e) => format!("it is no TOML: {}", e.message()),
    })
}

fn is_number_with_comma(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(',').is_some_and(|(whole, rest)| is_digits(whole) && is_digits(rest))
}

/// TOML with quotes around every word that is no key, no number and no `true` or `false`, unless it has them.
fn quote_words(text: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '#' | '/');
    let mut quoted = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        let is_key = after.trim_start().starts_with('=');
        if is_of_word(first) && !is_key && value_of(piece).is_str() {
            quoted.push_str(&Value::from(piece).to_string());
        } else {
            quoted.push_str(piece);
        }
        rest = after;
    }
    quoted
}
