//! `TensorBoard` event files: records of `tensorflow.Event` messages, encoded by hand.
//!
//! Four fields of three messages are all a scalar needs, which is no reason for a protocol buffer compiler.
//! Field numbers are those of `TensorFlow`'s `event.proto` and `summary.proto`; the record format is
//! `TFRecord`'s.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use hema_core::error::{Error, Result};

/// An event file that is being written.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Starts a new event file in a folder. With `resume_after_step`, `TensorBoard` forgets what earlier
    /// files of the folder hold of later steps.
    pub(super) fn create(folder: &Path, resume_after_step: Option<u64>) -> Result<Self> {
        let (path, file) = create_after(folder, wall_time() as u64)?;
        let mut events = Self { path, file };
        events.write(&file_version(wall_time()))?;
        if let Some(step) = resume_after_step {
            events.write(&session_start(wall_time(), step + 1))?;
        }
        Ok(events)
    }

    /// Writes named numbers of one step.
    pub(super) fn scalars(&mut self, step: u64, scalars: &[(String, f64)]) -> Result<()> {
        self.write(&summary(wall_time(), step, scalars))
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        self.file.write_all(&record(event)).map_err(|e| Error::io(&self.path, &e))
    }
}

/// A new file named by the time, later than what stands there of the same second: `TensorBoard` reads the
/// files of a folder in the order of their names.
fn create_after(folder: &Path, mut seconds: u64) -> Result<(PathBuf, File)> {
    loop {
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.hema"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => seconds += 1,
            Err(e) => return Err(Error::io(&path, &e)),
        }
    }
}

/// Seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The first event of every file.
fn file_version(wall_time: f64) -> Vec<u8> {
    [event(wall_time, 0), bytes_field(3, b"brain.Event:2")].concat()
}

/// A training session starts at this step; whatever is known of it and later steps is void.
fn session_start(wall_time: f64, step: u64) -> Vec<u8> {
    const STATUS_START: u64 = 1;
    [event(wall_time, step), bytes_field(7, &varint_field(1, STATUS_START))].concat()
}

/// Named numbers of one step.
fn summary(wall_time: f64, step: u64, scalars: &[(impl AsRef<str>, f64)]) -> Vec<u8> {
    let value = |tag: &str, number: f64| {
        let value = [bytes_field(1, tag.as_bytes()), float_field(2, number as f32)].concat();
        bytes_field(1, &value)
    };
    let values: Vec<u8> = scalars.iter().flat_map(|(tag, number)| value(tag.as_ref(), *number)).collect();
    [event(wall_time, step), bytes_field(5, &values)].concat()
}

/// The fields all events have.
fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut fields = double_field(1, wall_time);
    // protocol buffers leave zeros out
    if step > 0 {
        fields.extend(varint_field(2, step));
    }
    fields
}

fn varint_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn double_field(number: u64, value: f64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes_field(number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn float_field(number: u64, value: f32) -> Vec<u8> {
    [varint(number << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Length, its checksum, data, its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// `TFRecord` masks checksums, because a checksum of data that holds its own checksum is of little use.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_TAG: &str = "a tag of more than one hundred and twenty-seven bytes, so that the length of its field \
                            takes two bytes to write, as most do not";

    /// The fixture is `TensorBoard`'s own writing of the same events
    /// (`scripts/reference/tensorboard_events.py`).
    #[test]
    fn events_are_byte_for_byte_those_of_tensorboard() {
        let events = [
            file_version(1700000000.25),
            session_start(1700000001.5, 301),
            summary(1700000002.75, 400, &[("loss/train", 0.125), ("val/accuracy", 0.9)]),
            summary(1700000003.0, 500, &[("loss/train", 0.0), (LONG_TAG, f64::NAN)]),
        ];
        let written: Vec<u8> = events.iter().flat_map(|event| record(event)).collect();
        assert_eq!(written, include_bytes!("../../tests/fixtures/events.out.tfevents.reference"));
    }

    #[test]
    fn files_of_one_second_get_names_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..3)
            .map(|_| {
                create_after(folder.path(), 7).unwrap().0.file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        assert_eq!(names[0], "events.out.tfevents.0000000007.hema");
        assert!(names.is_sorted());
    }
}
