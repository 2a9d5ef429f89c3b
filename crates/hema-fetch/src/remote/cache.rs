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
            // the disk is full: no more slots than there are
            if slot + 1 == state.slots.len() {
                state.slots.pop();
            }
            state.most = Some(state.slots.len());
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Hands out bytes that tell their position, and notes what is asked for.
    #[derive(Default)]
    struct Numbers {
        asked: Mutex<Vec<u64>>,
        fails_at: Option<u64>,
    }

    impl Fetch for Numbers {
        fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>> {
            self.asked.lock().unwrap().push(range.start / 4);
            if self.fails_at == Some(range.start) {
                return Err(Error::new("the line broke"));
            }
            Ok(range.map(|i| i as u8).collect())
        }
    }

    fn open(cache: &Arc<Cache>, size: u64, numbers: Numbers) -> (Cached, Arc<Numbers>) {
        let fetch = Arc::new(numbers);
        let first = (0..size.min(4)).map(|i| i as u8).collect();
        (cache.keep(Opened { size, first, fetch: Arc::clone(&fetch) as _ }), fetch)
    }

    fn read(object: &Cached, range: Range<u64>) -> Vec<u8> {
        object.bytes(range.start, range.end - range.start).unwrap()
    }

    fn asked(numbers: &Numbers) -> Vec<u64> {
        let mut asked = numbers.asked.lock().unwrap().clone();
        asked.sort_unstable();
        asked
    }

    /// Waits until nothing is being fetched.
    fn settle(cache: &Cache) {
        while cache.lock().threads > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn in_memory(cache: &Cache) -> usize {
        let state = cache.lock();
        state.blocks.values().filter(|block| matches!(block, Block::There { memory: Some(_), .. })).count()
    }

    #[test]
    fn few_blocks_are_in_memory_and_the_others_in_a_file() {
        let cache = Cache::new(4, 2, None);
        let (object, numbers) = open(&cache, 38, Numbers::default());
        for _ in 0..3 {
            assert_eq!(read(&object, 0..38), (0..38).collect::<Vec<u8>>());
            settle(&cache);
            assert_eq!(in_memory(&cache), 2);
        }
        assert_eq!(asked(&numbers), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(read(&object, 3..9), (3..9).collect::<Vec<u8>>());
        assert!(object.bytes(37, 2).is_err());
    }

    #[test]
    fn the_next_blocks_are_fetched_ahead_of_their_use_in_a_pass_alone() {
        let cache = Cache::new(4, 9, Some(9));
        let (object, numbers) = open(&cache, 100, Numbers::default());
        read(&object, 90..91);
        settle(&cache);
        assert_eq!(asked(&numbers), [22], "as the directory at an archive's end is read");
        read(&object, 1..2);
        read(&object, 5..6);
        settle(&cache);
        assert_eq!(asked(&numbers), [1, 2, 3, 22]);
    }

    #[test]
    fn without_room_the_block_not_used_for_longest_makes_way() {
        let cache = Cache::new(4, 2, Some(2));
        let (object, numbers) = open(&cache, 40, Numbers::default());
        for block in [5, 0, 7] {
            read(&object, block * 4..block * 4 + 1);
            settle(&cache);
        }
        assert_eq!(cache.lock().slots.len(), 2);
        assert_eq!(read(&object, 0..4), [0, 1, 2, 3]);
        settle(&cache);
        assert_eq!(asked(&numbers), [5, 7], "the first block was used since the other");
    }

    #[test]
    fn many_threads_read_through_a_small_cache() {
        let cache = Cache::new(4, 1, Some(2));
        let (object, _) = open(&cache, 200, Numbers::default());
        thread::scope(|scope| {
            for start in 0..8 {
                let object = &object;
                scope.spawn(move || {
                    for i in 0..150 {
                        let at = (start * 31 + i * 7) % 190;
                        assert_eq!(read(object, at..at + 9), (at as u8..at as u8 + 9).collect::<Vec<u8>>());
                    }
                });
            }
        });
        settle(&cache);
        assert!(cache.lock().slots.len() <= 2);
    }

    #[test]
    fn a_block_that_cannot_be_fetched_is_an_error_wherever_it_is_read() {
        let cache = Cache::new(4, 2, Some(4));
        let (object, _) = open(&cache, 40, Numbers { fails_at: Some(8), ..Numbers::default() });
        for _ in 0..2 {
            assert_eq!(object.bytes(0, 20).unwrap_err().to_string(), "the line broke");
            assert_eq!(read(&object, 16..18), [16, 17]);
        }
    }

    #[test]
    fn a_closed_object_leaves_its_room_to_others() {
        let cache = Cache::new(4, 2, Some(2));
        for _ in 0..3 {
            let (object, _) = open(&cache, 8, Numbers::default());
            read(&object, 0..8);
        }
        settle(&cache);
        let state = cache.lock();
        assert!(state.slots.iter().all(Option::is_none) && state.blocks.is_empty());
    }
}
