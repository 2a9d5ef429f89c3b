//! Blocks of objects that were read: the first few in memory, the others in a temporary file, so that further
//! passes over the same data ask for nothing. The file takes at most half of the room that its disk has;
//! beyond it the block that was not used for longest makes way.
//!
//! Threads of their own fetch blocks, the next ones ahead of their use; they end when nothing is left to
//! fetch.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use hema_core::error::{Error, Result};
use hema_core::file::ReadAt;

use super::object::{Fetch, Opened};

/// Bytes of a block.
const BLOCK: u64 = 8 << 20;
/// Blocks in memory, beside those that are being fetched.
const IN_MEMORY: usize = 5;
/// Blocks that are fetched at once, and that are fetched ahead of their use.
const FETCHES: usize = 3;
const AHEAD: u64 = 2;

/// A block by the number of its object and its own.
type Key = (u64, u64);

/// Blocks of all objects of an opener.
pub(super) struct Cache {
    block: u64,
    in_memory: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blocks: HashMap<Key, Block>,
    /// What each place for a block holds: those in memory, then those of the file.
    slots: Vec<Option<Key>>,
    /// Most slots; unknown until one in the file is needed.
    most: Option<usize>,
    file: Option<Arc<File>>,
    queue: VecDeque<Job>,
    /// Threads at work.
    threads: usize,
    objects: u64,
    /// Counts uses.
    clock: u64,
}

enum Block {
    /// Somebody fetches it, or will.
    Coming(Arc<Arrival>),
    There {
        slot: usize,
        memory: Option<Arc<Vec<u8>>>,
        used: u64,
    },
    Failed(Error),
}

/// A block to be fetched.
struct Job {
    key: Key,
    range: Range<u64>,
    fetch: Arc<dyn Fetch>,
    arrival: Arc<Arrival>,
}

/// A block that others wait for.
#[derive(Default)]
struct Arrival {
    bytes: Mutex<Option<Result<Arc<Vec<u8>>>>>,
    is_there: Condvar,
}

impl Arrival {
    fn tell(&self, bytes: Result<Arc<Vec<u8>>>) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        self.is_there.notify_all();
    }

    fn wait(&self) -> Result<Arc<Vec<u8>>> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &*bytes {
                Some(arrived) => return arrived.clone(),
                None => bytes = self.is_there.wait(bytes).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Cache {
    /// A cache of the usual size.
    pub(super) fn usual() -> Arc<Self> {
        Self::new(BLOCK, IN_MEMORY, None)
    }

    /// A cache of blocks of so many bytes, of which so many are in memory, and in all as many as `most` says
    /// or as the disk has room for.
    fn new(block: u64, in_memory: usize, most: Option<usize>) -> Arc<Self> {
        Arc::new(Self { block, in_memory, state: Mutex::new(State { most, ..State::default() }) })
    }

    /// Bytes of a block.
    pub(super) fn block(&self) -> u64 {
        self.block
    }

    /// An object whose blocks are kept here.
    pub(super) fn keep(self: &Arc<Self>, opened: Opened) -> Cached {
        let mut state = self.lock();
        state.objects += 1;
        let number = state.objects;
        drop(state);
        if opened.size > 0 {
            self.lock().blocks.insert((number, 0), Block::Coming(Arc::default()));
            self.store((number, 0), &Arc::new(opened.first));
        }
        let last = AtomicU64::new(0);
        Cached { cache: Arc::clone(self), number, size: opened.size, fetch: opened.fetch, last }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches what is asked for until nothing is.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            let Some(job) = state.queue.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let bytes = job.fetch.fetch(job.range).map(Arc::new);
            job.arrival.tell(bytes.clone());
            match bytes {
                Ok(bytes) => self.store(job.key, &bytes),
                Err(error) => {
                    if let Some(block) = self.lock().blocks.get_mut(&job.key) {
                        *block = Block::Failed(error);
                    }
                }
            }
        }
    }

    /// Puts a block where it can be read again, if there is room.
    fn store(&self, key: Key, bytes: &Arc<Vec<u8>>) {
        let mut state = self.lock();
        // its object may have been closed meanwhile
        if !state.blocks.contains_key(&key) {
            return;
        }
        let Some(slot) = state.take_slot(key, self.in_memory, self.block) else {
            state.blocks.remove(&key);
            return;
        };
        let file = state.file.clone();
        drop(state);
        let memory = (slot < self.in_memory).then(|| Arc::clone(bytes));
        let is_written = match (&memory, file) {
            (Some(_), _) => Ok(()),
            (None, Some(file)) => write_at(&file, bytes, (slot - self.in_memory) as u64 * self.block),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        };
        let mut state = self.lock();
        state.clock += 1;
        let used = state.clock;
        match state.blocks.get_mut(&key) {
            Some(block) if is_written.is_ok() => *block = Block::There { slot, memory, used },
            _ => {
                state.slots[slot] = None;
                state.blocks.remove(&key);
            }
        }
        if is_written.is_err() {
            // the disk is full: no more than is there
            state.slots.truncate(slot);
            state.most = Some(slot);
        }
    }
}

impl State {
    /// A place for a block: a free one, a new one, or that of the block not used for longest.
    fn take_slot(&mut self, key: Key, in_memory: usize, block: u64) -> Option<usize> {
        if let Some(free) = self.slots.iter().position(Option::is_none) {
            self.slots[free] = Some(key);
            return Some(free);
        }
        if self.slots.len() >= in_memory && self.file.is_none() {
            self.file = tempfile::tempfile().ok().map(Arc::new);
            let room = if self.file.is_some() { room_on_disk() / block } else { 0 };
            self.most.get_or_insert(in_memory + room as usize);
        }
        if self.slots.len() < self.most.unwrap_or(in_memory) {
            self.slots.push(Some(key));
            return Some(self.slots.len() - 1);
        }
        let oldest = self.blocks.iter().filter_map(|(key, block)| match block {
            Block::There { slot, used, .. } => Some((*used, *slot, *key)),
            Block::Coming(_) | Block::Failed(_) => None,
        });
        let (_, slot, old) = oldest.min()?;
        self.blocks.remove(&old);
        self.slots[slot] = Some(key);
        Some(slot)
    }
}

/// Bytes that blocks may take of the disk for temporary files: half of what is free.
#[cfg(unix)]
fn room_on_disk() -> u64 {
    rustix::fs::statvfs(std::env::temp_dir()).map_or(0, |disk| disk.f_bavail * disk.f_frsize / 2)
}

/// Bytes that blocks may take of the disk for temporary files: it is full where it refuses one.
#[cfg(not(unix))]
fn room_on_disk() -> u64 {
    u64::MAX
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// An object whose blocks are kept while it is open.
pub(super) struct Cached {
    cache: Arc<Cache>,
    number: u64,
    size: u64,
    fetch: Arc<dyn Fetch>,
    /// The block that was read last.
    last: AtomicU64,
}

impl Cached {
    /// Copies bytes of a block.
    fn read(&self, block: u64, from: usize, out: &mut [u8]) -> io::Result<()> {
        let key = (self.number, block);
        let mut state = self.cache.lock();
        state.clock += 1;
        let now = state.clock;
        let file = state.file.clone();
        let arrival = match state.blocks.get_mut(&key) {
            Some(Block::There { memory: Some(bytes), used, .. }) => {
                *used = now;
                out.copy_from_slice(&bytes[from..][..out.len()]);
                None
            }
            Some(Block::There { slot, used, .. }) => {
                *used = now;
                let start = (*slot - self.cache.in_memory) as u64 * self.cache.block;
                // under the lock: the block must not make way meanwhile
                file.ok_or(io::ErrorKind::NotFound)?.fill(start + from as u64, out)?;
                None
            }
            Some(Block::Failed(error)) => return Err(io::Error::other(error.clone())),
            Some(Block::Coming(arrival)) => {
                let arrival = Arc::clone(arrival);
                // somebody waits for it now
                if let Some(queued) = state.queue.iter().position(|job| job.key == key)
                    && let Some(job) = state.queue.remove(queued)
                {
                    state.queue.push_front(job);
                }
                Some(arrival)
            }
            None => Some(self.ask(&mut state, block, true)),
        };
        if self.last.swap(block, Ordering::Relaxed) + 1 == block {
            for next in block + 1..=block + AHEAD {
                if next * self.cache.block < self.size && !state.blocks.contains_key(&(self.number, next)) {
                    self.ask(&mut state, next, false);
                }
            }
        }
        self.start_threads(state);
        if let Some(arrival) = arrival {
            out.copy_from_slice(&arrival.wait().map_err(io::Error::other)?[from..][..out.len()]);
        }
        Ok(())
    }

    /// Asks for a block, before all others or behind them.
    fn ask(&self, state: &mut State, block: u64, at_once: bool) -> Arc<Arrival> {
        let (key, arrival) = ((self.number, block), Arc::new(Arrival::default()));
        let start = block * self.cache.block;
        let range = start..self.size.min(start + self.cache.block);
        let job = Job { key, range, fetch: Arc::clone(&self.fetch), arrival: Arc::clone(&arrival) };
        state.blocks.insert(key, Block::Coming(Arc::clone(&arrival)));
        if at_once {
            state.queue.push_front(job);
        } else {
            state.queue.push_back(job);
        }
        arrival
    }

    /// Sees that somebody fetches what is asked for.
    fn start_threads(&self, mut state: MutexGuard<State>) {
        let wanted = state.queue.len().min(FETCHES.saturating_sub(state.threads));
        state.threads += wanted;
        drop(state);
        for _ in 0..wanted {
            let cache = Arc::clone(&self.cache);
            let started = thread::Builder::new().name("fetch".into()).spawn(move || cache.work());
            if started.is_err() {
                // no thread to be had: this one does it
                self.cache.work();
            }
        }
    }
}

impl ReadAt for Cached {
    fn size(&self) -> u64 {
        self.size
    }

    fn fill(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !out.is_empty() {
            let (block, from) = (offset / self.cache.block, offset % self.cache.block);
            let len = (self.cache.block - from).min(out.len() as u64) as usize;
            let (part, rest) = out.split_at_mut(len);
            self.read(block, from as usize, part)?;
            (offset, out) = (offset + len as u64, rest);
        }
        Ok(())
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        let number = self.number;
        state.queue.retain(|job| job.key.0 != number);
        state.blocks.retain(|key, _| key.0 != number);
        for slot in &mut state.slots {
            *slot = slot.filter(|key| key.0 != number);
        }
    }
}
