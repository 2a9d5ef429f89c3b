//! Tables of operators: a family each, joined to one, and looked up by name.

use super::operator::ImageOp;
use crate::error::{Error, Result, suggest};

/// An operator in a table.
pub(crate) type Op = &'static dyn ImageOp;

/// The number of rows of several tables.
pub(crate) const fn count(tables: &[&[Op]]) -> usize {
    let (mut rows, mut table) = (0, 0);
    while table < tables.len() {
        rows += tables[table].len();
        table += 1;
    }
    rows
}

/// The rows of several tables in one, in their order. `ROWS` is their [`count`].
pub(crate) const fn join<const ROWS: usize>(tables: &[&[Op]]) -> [Op; ROWS] {
    let mut joined = [tables[0][0]; ROWS];
    let (mut rows, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            joined[rows] = tables[table][row];
            (rows, row) = (rows + 1, row + 1);
        }
        table += 1;
    }
    joined
}

/// The row of that name in a table of operators; `kind` says in the error what the table holds.
pub(crate) fn find(table: &[Op], kind: &str, name: &str) -> Result<Op> {
    table.iter().copied().find(|op| op.name() == name).ok_or_else(|| {
        Error::new(format!("unknown {kind} `{name}`")).hint(suggest(name, table.iter().map(|op| op.name())))
    })
}
