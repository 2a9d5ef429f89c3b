//! An HTTP server of a few lines that answers by a script and does whatever servers and lines do wrong.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does with one request. By default it serves the file and understands ranges.
#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a fault of its own
pub(crate) struct Answer {
    /// The file.
    pub(crate) file: Vec<u8>,
    /// Files by their paths in lower case, in place of the one for all paths.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// This instead of the file: a status line's number and reason.
    pub(crate) status: Option<&'static str>,
    /// The body that goes with it.
    pub(crate) refusal: Option<Vec<u8>>,
    /// More header lines, each ending in `\r\n`.
    pub(crate) headers: String,
    /// `ETag` of the file; `If-Range` is compared with it.
    pub(crate) etag: Option<&'static str>,
    /// Sends the part that was asked for, of whichever version.
    pub(crate) ignores_if_range: bool,
    /// Sends everything, whatever was asked for.
    pub(crate) ignores_range: bool,
    /// Sends a part as if it began at the first byte.
    pub(crate) sends_first_part: bool,
    /// The length it claims for the whole file where it sends a part.
    pub(crate) claims_total: Option<u64>,
    /// The length it claims for the body, instead of the true one.
    pub(crate) length: Option<u64>,
    /// It claims no length.
    pub(crate) tells_no_length: bool,
    /// Sends no more than this much of the body.
    pub(crate) stops_after: Option<usize>,
    /// Holds the line open for this long when it has stopped.
    pub(crate) hangs: Duration,
    /// Sends a few bytes at a time with this pause between.
    pub(crate) drips: Option<Duration>,
}

/// A running server. It ends with the process.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives the answers in turn, the last one for ever.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (heard, mut left) = (Arc::clone(&requests), VecDeque::from(answers));
        thread::spawn(move || {
            for line in listener.incoming().flatten() {
                let Some(mut request) = read_request(&line) else { continue };
                heard.lock().unwrap().push(request.clone());
                if request.starts_with("connect ") {
                    // as a proxy that is every host itself
                    let _ = (&line).write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                    request = read_request(&line).unwrap_or_default();
                    heard.lock().unwrap().push(request.clone());
                }
                let answer = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
                // a client that has gone away is no business of the server
                thread::spawn(move || answer.unwrap().send(&request, &line));
            }
        });
        Self { address, requests }
    }

    /// The heads of the requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(line: &TcpStream) -> Option<String> {
    let mut head = String::new();
    let mut reader = BufReader::new(line);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head.to_lowercase())
}

impl Answer {
    /// Puts the file that is asked for in place of all.
    fn choose(&mut self, request: &str) {
        if !self.files.is_empty() {
            let path = request.split([' ', '?']).nth(1).unwrap_or_default();
            match self.files.iter().position(|(name, _)| name == path) {
                Some(found) => self.file = self.files.swap_remove(found).1,
                None => self.status = Some("404 Not Found"),
            }
        }
    }

    fn send(mut self, request: &str, mut line: &TcpStream) -> std::io::Result<()> {
        self.choose(request);
        let header = |name: &str| request.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
        let range = header("range: bytes=").and_then(|range| range.split_once('-'));
        let asked: Option<usize> = range.and_then(|(first, _)| first.parse().ok());
        let last: Option<usize> = range.and_then(|(_, last)| last.parse().ok());
        let changed = !self.ignores_if_range && header("if-range:").is_some_and(|old| Some(old) != self.etag);
        let start = asked.filter(|_| !self.ignores_range && !changed);

        let total = self.file.len();
        let end = last.map_or(total, |last| total.min(last + 1));
        let first = if self.sends_first_part { 0 } else { start.unwrap_or(0) };
        let (status, body, range) = match (self.status, start) {
            (Some(status), _) => (status, self.refusal.as_deref().unwrap_or(b"sorry"), String::new()),
            (None, Some(start)) if start >= total => {
                ("416 Range Not Satisfiable", &b""[..], format!("Content-Range: bytes */{total}\r\n"))
            }
            (None, Some(_)) => (
                "206 Partial Content",
                &self.file[first..end],
                format!(
                    "Content-Range: bytes {first}-{}/{}\r\n",
                    end - 1,
                    self.claims_total.unwrap_or(total as u64)
                ),
            ),
            (None, None) => ("200 OK", &self.file[..], String::new()),
        };
        let length = match self.length.unwrap_or(body.len() as u64) {
            _ if self.tells_no_length => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let etag = self.etag.map(|tag| format!("ETag: {tag}\r\n")).unwrap_or_default();
        let more = &self.headers;
        write!(line, "HTTP/1.1 {status}\r\n{length}{range}{etag}{more}Connection: close\r\n\r\n")?;

        if request.starts_with("head ") {
            return line.shutdown(Shutdown::Both);
        }
        let body = &body[..self.stops_after.unwrap_or(body.len()).min(body.len())];
        match self.drips {
            None => line.write_all(body)?,
            Some(pause) => {
                for drop in body.chunks(body.len().div_ceil(20)) {
                    line.write_all(drop)?;
                    thread::sleep(pause);
                }
            }
        }
        thread::sleep(self.hangs);
        line.shutdown(Shutdown::Both)
    }
}
