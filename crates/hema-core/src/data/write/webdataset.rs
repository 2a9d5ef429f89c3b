//! `WebDataset` shards: `key.jpg`, `key.cls` (the label's number) and `key.json` (its name, and the group).
//! Where a class has no image, a `classes.csv` beside the shards lists all.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use super::names::Names;
use super::shards::{ShardFormat, ShardWriter, Sharded};
use super::tree::add_member;
use super::writer::{Options, Record, Writer};
use crate::data::classes::ClassesFile;
use crate::data::decode;
use crate::data::read::sidecar;
use crate::error::Result;

pub(super) fn create(path: &Path, classes: &[String], options: &Options) -> Result<Box<dyn Writer>> {
    let names = Rc::new(RefCell::new(Names::new(classes).map_err(|e| e.at(path))?));
    let list = Rc::new(RefCell::new(ClassesFile::new(classes)));
    let classes: Rc<[String]> = classes.into();
    let (given, filled) = (Rc::clone(&names), Rc::clone(&list));
    let begin = move |out| {
        let (names, classes, list) = (Rc::clone(&names), Rc::clone(&classes), Rc::clone(&list));
        Ok(Tar { out: tar::Builder::new(out), names, classes, list })
    };
    let name = |part: Option<_>, number, _| {
        part.map_or(format!("data-{number:06}.tar"), |part| format!("{part}-{number:06}.tar"))
    };
    let notice = move || given.borrow().notice();
    let classes = move || {
        let list = filled.borrow();
        if list.has_gaps() { list.text().map(Some) } else { Ok(None) }
    };
    let format =
        ShardFormat { begin: Box::new(begin), name, notice: Box::new(notice), classes: Box::new(classes) };
    Ok(Box::new(Sharded::new(path, format, options.shard_bytes)?))
}

struct Tar {
    out: tar::Builder<BufWriter<File>>,
    /// Keys are different over all shards.
    names: Rc<RefCell<Names>>,
    classes: Rc<[String]>,
    list: Rc<RefCell<ClassesFile>>,
}

impl ShardWriter for Tar {
    fn add(&mut self, record: &Record, bytes: &[u8]) -> io::Result<()> {
        let name = self.names.borrow_mut().claim_key(record.entry, decode::extension(bytes));
        let key = sidecar::key(&name);
        add_member(&mut self.out, &name, bytes)?;
        let class = record.entry.label.map(|label| self.classes[label].as_str());
        self.list.borrow_mut().add(record.entry.label);
        if let Some(label) = record.entry.label {
            add_member(&mut self.out, &format!("{key}.cls"), label.to_string().as_bytes())?;
        }
        let group = record.entry.group;
        let said: serde_json::Map<String, serde_json::Value> = [("label", class), ("group", group)]
            .into_iter()
            .filter_map(|(field, value)| Some((field.to_owned(), value?.into())))
            .collect();
        if !said.is_empty() {
            add_member(
                &mut self.out,
                &format!("{key}.json"),
                serde_json::Value::from(said).to_string().as_bytes(),
            )?;
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        self.out.into_inner()?.flush()
    }
}
