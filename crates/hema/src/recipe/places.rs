//! Where the tables and keys of a file stand: the path to each, as `--set` takes it.

use super::key::{Key, Kind, Table};

/// A table with the path that leads to it.
pub(super) struct PlacedTable {
    /// Its dotted path, in which `0` stands for an entry of a list; empty for the file itself.
    pub(super) path: String,
    pub(super) table: Table,
}

/// A key with the path that leads to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyAt {
    /// Dotted path as `--set` takes it, in which `0` stands for an entry of a list: `stage.0.epochs`.
    pub path: String,
    /// What it is.
    pub key: &'static Key,
    /// What the table is that it stands in.
    pub table: &'static str,
}

impl PlacedTable {
    /// Its keys with their paths.
    pub(super) fn keys(&self) -> Vec<KeyAt> {
        let at =
            |key: &'static Key| KeyAt { path: below(&self.path, key.name), key, table: self.table.about };
        self.table.keys().into_iter().map(at).collect()
    }
}

/// Every table of a file, each at the first place where it can stand, the file itself first.
pub(super) fn places(top: Table) -> Vec<PlacedTable> {
    let mut places = vec![PlacedTable { path: String::new(), table: top }];
    let mut next = 0;
    while let Some(place) = places.get(next) {
        let keys = place.keys();
        for KeyAt { path, key, .. } in keys {
            for (path, table) in tables_of(&key.kind, &path) {
                if places.iter().all(|known| known.table.about != table.about) {
                    places.push(PlacedTable { path, table });
                }
            }
        }
        next += 1;
    }
    places
}

/// The tables that a value of a kind may be, or hold, with their paths below the key's.
fn tables_of(kind: &Kind, path: &str) -> Vec<(String, Table)> {
    match kind {
        Kind::Tables(_, tables) => tables().into_iter().map(|table| (path.to_owned(), table)).collect(),
        Kind::List { of, .. } | Kind::OneOrSeveral(of) => tables_of(of, &below(path, "0")),
        Kind::AnyOf(kinds) => kinds.iter().flat_map(|kind| tables_of(kind, path)).collect(),
        _ => Vec::new(),
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
