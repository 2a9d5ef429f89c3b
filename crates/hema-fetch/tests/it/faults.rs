//! Everything that goes wrong between a server and a file, and what becomes of the file.

use std::fs;
use std::path::PathBuf;
use std::slice::from_ref;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hema_core::error::{Error, Result};
use hema_fetch::{Event, Outcome, Proof, Request, download};
use tempfile::TempDir;

use crate::OPTIONS;
use crate::server::{Answer, Server};

/// Longer than the buffers of the client and of the system's sockets.
const SIZE: usize = 300_000;
/// Most bytes that are taken where no size is known.
const MOST: u64 = 400_000;

fn file() -> Vec<u8> {
    (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A server without faults.
fn fine() -> Answer {
    Answer { file: file(), ..Answer::default() }
}

fn refuses(status: &'static str) -> Answer {
    Answer { status: Some(status), ..Answer::default() }
}

/// A folder to download into.
struct Place {
    folder: TempDir,
    sha256: String,
}

/// How a download ended, what was reported, and what lies in the folder.
struct Ended {
    result: Result<Outcome>,
    retries: Vec<(String, Duration)>,
    /// Bytes that were there when the first answer came.
    resumed_at: Option<u64>,
    /// Most bytes that ever were there.
    most_seen: u64,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        fs::write(&whole, file()).unwrap();
        let sha256 = hema_fetch::sha256(&whole).unwrap();
        fs::remove_file(whole).unwrap();
        Self { folder, sha256 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn fetch(&self, urls: &[String], size: Option<u64>, proof: Proof) -> Ended {
        let (mut retries, mut resumed_at, mut most_seen) = (Vec::new(), None, 0);
        let request = Request { urls, size, most: MOST, proof, token: None };
        let result = download(&request, &self.path("x.bin"), &OPTIONS, &mut |event| match event {
            Event::Bytes { done, .. } => {
                resumed_at.get_or_insert(done);
                most_seen = done.max(most_seen);
            }
            Event::Retry { why, wait } => retries.push((why.to_owned(), wait)),
        });
        Ended { result, retries, resumed_at, most_seen }
    }

    /// Downloads with a checksum.
    fn checked(&self, server: &Server) -> Ended {
        self.fetch(from_ref(&server.address), None, Proof::Sha256(&self.sha256))
    }

    /// Downloads without a checksum.
    fn unchecked(&self, server: &Server) -> Ended {
        self.fetch(from_ref(&server.address), None, Proof::Contents(&|_| Ok(())))
    }

    /// The file is there, whole, and alone.
    #[track_caller]
    fn has_file(&self) {
        assert_eq!(self.names(), ["x.bin"]);
        assert!(fs::read(self.path("x.bin")).unwrap() == file());
    }
}

impl Ended {
    #[track_caller]
    fn well(self) -> Self {
        assert_eq!(*self.result.as_ref().unwrap_or_else(|e| panic!("{e}")), Outcome::Downloaded);
        self
    }

    #[track_caller]
    fn badly(self) -> String {
        self.result.unwrap_err().to_string()
    }
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    let range =
        |request: &String| request.lines().find_map(|line| line.strip_prefix("range: ")).map(str::to_owned);
    server.requests().iter().map(range).collect()
}

#[test]
fn a_file_comes_whole_and_is_not_fetched_twice() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    let ended = place.checked(&server).well();
    place.has_file();
    assert!(ended.retries.is_empty() && ended.resumed_at == Some(0));
    assert_eq!(place.checked(&server).result.unwrap(), Outcome::Present);
    assert_eq!(server.requests().len(), 1);
    let request = &server.requests()[0];
    assert!(
        request.contains("accept-encoding: identity") && request.contains("user-agent: hema/"),
        "{request}"
    );
}

#[test]
fn an_empty_file_is_a_file() {
    let (place, server) = (Place::new(), Server::start(vec![Answer::default()]));
    place.unchecked(&server).well();
    assert_eq!(fs::read(place.path("x.bin")).unwrap(), b"");
}

#[test]
fn a_broken_line_is_taken_up_where_it_broke() {
    let broken = Answer { stops_after: Some(100_000), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![broken.clone(), broken, fine()]));
    let ended = place.checked(&server).well();
    place.has_file();
    assert_eq!(ended.retries.len(), 2);
    let asked = ranges(&server);
    assert_eq!(asked, [None, Some("bytes=100000-".into()), Some("bytes=200000-".into())]);
}

#[test]
fn a_line_that_breaks_for_ever_ends_in_an_error_unless_it_brings_something_each_time() {
    let nothing = Answer { stops_after: Some(0), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![nothing]));
    let error = place.checked(&server).badly();
    assert!(error.contains("x.bin: cannot be downloaded from http://127.0.0.1"), "{error}");
    assert_eq!((server.requests().len(), place.names()), (3, vec![]));

    let little = Answer { stops_after: Some(50_000), ..fine() };
    let server = Server::start(vec![little]);
    let ended = place.checked(&server).well();
    assert_eq!((ended.retries.len(), server.requests().len()), (5, 6));
    place.has_file();
}

#[test]
fn a_server_that_falls_silent_is_left_and_asked_for_the_rest() {
    let silent = Answer { stops_after: Some(70_000), hangs: Duration::from_secs(20), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![silent, fine()]));
    let ended = place.checked(&server).well();
    place.has_file();
    assert_eq!(ended.retries[0].0, "nothing was heard from it for too long");
    assert_eq!(ranges(&server)[1].as_deref(), Some("bytes=70000-"));
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let error = place.fetch(&[url], None, Proof::Sha256(&place.sha256)).badly();
    assert!(error.ends_with("nothing was heard from it for too long"), "{error}");
}

#[test]
fn a_slow_server_is_waited_for() {
    // slower than the patience for silence in all, but never silent for so long
    let slow = Answer { drips: Some(Duration::from_millis(40)), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![slow]));
    assert!(place.checked(&server).well().retries.is_empty());
    place.has_file();
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let broken = Answer { stops_after: Some(100_000), ..fine() };
    let whole = Answer { ignores_range: true, ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![broken, whole]));
    place.checked(&server).well();
    place.has_file();
    assert_eq!(ranges(&server)[1].as_deref(), Some("bytes=100000-"));
}

#[test]
fn a_server_that_ignores_ranges_and_always_breaks_is_given_up() {
    let broken = Answer { stops_after: Some(100_000), ignores_range: true, ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![broken]));
    place.checked(&server).badly();
    // the first brought something, the other two nothing new
    assert_eq!(server.requests().len(), 3);
    assert_eq!(place.names(), ["x.bin.part"]);
}

#[test]
fn a_file_that_changed_in_between_is_read_from_the_start() {
    let other = vec![7; SIZE];
    let first = Answer { stops_after: Some(100_000), etag: Some("\"1\""), file: other, ..fine() };
    let changed = Answer { etag: Some("\"2\""), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![first.clone(), changed]));
    place.unchecked(&server).well();
    place.has_file();
    assert!(server.requests()[1].contains("if-range: \"1\""), "{:?}", server.requests());

    // a server that knows ranges but not If-Range still says which version it sends
    let place = Place::new();
    let careless = Answer { etag: Some("\"2\""), ignores_if_range: true, ..fine() };
    let server = Server::start(vec![first, careless, fine()]);
    place.unchecked(&server).well();
    place.has_file();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn without_a_checksum_or_a_version_nothing_is_joined() {
    let broken = Answer { stops_after: Some(100_000), file: vec![7; SIZE], ..fine() };
    for etag in [None, Some("W/\"weak\"")] {
        let broken = Answer { etag, ..broken.clone() };
        let (place, server) = (Place::new(), Server::start(vec![broken, fine()]));
        place.unchecked(&server).well();
        place.has_file();
        assert_eq!(ranges(&server), [None, None]);
    }
}

#[test]
fn a_date_tells_versions_apart_too() {
    let date = "Last-Modified: Fri, 04 Nov 2022 03:34:17 GMT\r\n".to_owned();
    let broken = Answer { stops_after: Some(100_000), headers: date.clone(), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![broken, Answer { headers: date, ..fine() }]));
    place.unchecked(&server).well();
    place.has_file();
    assert!(server.requests()[1].contains("if-range: fri, 04 nov 2022 03:34:17 gmt"));
}

#[test]
fn another_part_than_was_asked_for_is_not_joined() {
    let broken = Answer { stops_after: Some(100_000), ..fine() };
    let wrong = Answer { sends_first_part: true, ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![broken, wrong, fine()]));
    let ended = place.checked(&server).well();
    assert_eq!(ended.retries[1].0, "it sent another part of the file than was asked for");
    place.has_file();
}

#[test]
fn what_is_complete_but_for_its_name_is_not_downloaded_again() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("x.bin.part"), file()).unwrap();
    place.checked(&server).well();
    place.has_file();
    assert_eq!(ranges(&server), [Some(format!("bytes={SIZE}-"))]);

    // with the size known, the server need not even be asked
    let place = Place::new();
    fs::write(place.path("x.bin.part"), file()).unwrap();
    place.fetch(&["http://127.0.0.1:1".into()], Some(SIZE as u64), Proof::Sha256(&place.sha256)).well();
    place.has_file();
}

#[test]
fn more_than_there_is_is_thrown_away() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("x.bin.part"), vec![1; SIZE + 10]).unwrap();
    let ended = place.checked(&server).well();
    assert_eq!(ended.retries[0].0, "the file there is shorter than what had arrived");
    place.has_file();
}

#[test]
fn corrupt_bytes_are_thrown_away_and_asked_for_once_more() {
    let mut bad = file();
    bad[123_456] ^= 1;
    let corrupt = Answer { file: bad, ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![corrupt.clone(), fine()]));
    let ended = place.checked(&server).well();
    assert!(ended.retries[0].0.contains("SHA-256"), "{:?}", ended.retries);
    place.has_file();

    let (place, server) = (Place::new(), Server::start(vec![corrupt]));
    let error = place.checked(&server).badly();
    assert!(error.contains(": the SHA-256 checksum is ") && error.ends_with(&place.sha256), "{error}");
    assert_eq!((server.requests().len(), place.names()), (2, vec![]));
}

#[test]
fn bytes_of_another_file_left_by_an_earlier_run_do_no_harm() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("x.bin.part"), vec![1; 1000]).unwrap();
    let ended = place.checked(&server).well();
    assert_eq!((ended.resumed_at, ended.retries.len()), (Some(1000), 1));
    place.has_file();
}

#[test]
fn a_length_that_lies_is_found_out() {
    // too short: what comes is cut off; too long: the line breaks before the end
    let short = Answer { length: Some(1000), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![short, fine()]));
    place.checked(&server).well();
    place.has_file();

    let long = Answer { length: Some(SIZE as u64 + 5), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![long, fine()]));
    place.checked(&server).well();
    place.has_file();
}

/// A server that sends far more than the file, and says nothing of it.
fn endless() -> Answer {
    Answer { file: file().repeat(20), tells_no_length: true, ..fine() }
}

#[test]
fn no_more_is_taken_than_the_file_has_and_the_server_is_not_asked_again() {
    // by the size that is known, and where none is, by the most that such a file can have
    for (size, expected) in [
        (Some(SIZE as u64), " bytes and more of a file of 300000"),
        (None, " bytes and more, at most 400000 are expected"),
    ] {
        let (place, server) = (Place::new(), Server::start(vec![endless()]));
        let ended = place.fetch(from_ref(&server.address), size, Proof::Sha256(&place.sha256));
        assert!(ended.most_seen <= MOST, "{}", ended.most_seen);
        let error = ended.badly();
        assert!(error.contains(&format!("{}: it sent ", server.address)), "{error}");
        assert!(error.ends_with(expected), "{error}");
        assert_eq!((server.requests().len(), place.names()), (1, vec![]));
    }

    // nor of the rest of a file, whose part is then of no use
    let rest = Answer { claims_total: Some(2000), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![rest]));
    fs::write(place.path("x.bin.part"), &file()[..1000]).unwrap();
    let error = place.fetch(from_ref(&server.address), None, Proof::Sha256(&place.sha256)).badly();
    assert!(error.ends_with(" bytes and more of a file of 2000"), "{error}");
    assert_eq!((server.requests().len(), place.names()), (1, vec![]));

    // another address may do better
    let place = Place::new();
    let urls = [Server::start(vec![endless()]).address, Server::start(vec![fine()]).address];
    place.fetch(&urls, Some(SIZE as u64), Proof::Sha256(&place.sha256)).well();
    place.has_file();
}

#[test]
fn a_file_that_is_said_to_be_larger_than_it_can_be_is_not_begun() {
    let (place, server) = (Place::new(), Server::start(vec![Answer { file: vec![1; 400_001], ..fine() }]));
    let ended = place.checked(&server);
    assert_eq!(ended.resumed_at, None);
    let error = ended.badly();
    assert!(error.ends_with("its file has 400001 bytes, at most 400000 are expected"), "{error}");
    assert_eq!((server.requests().len(), place.names()), (1, vec![]));
}

#[test]
fn a_part_that_is_longer_than_the_file_can_be_is_not_continued() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("x.bin.part"), vec![1; 400_001]).unwrap();
    place.checked(&server).well();
    place.has_file();
    assert_eq!(ranges(&server), [None]);
}

#[cfg(unix)]
#[test]
fn a_link_that_somebody_put_under_the_name_of_a_part_is_not_written_through() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    let secret = place.path("secret");
    fs::write(&secret, "mine").unwrap();
    for plant in [
        |from: &std::path::Path, to: &std::path::Path| std::os::unix::fs::symlink(from, to),
        |from: &std::path::Path, to: &std::path::Path| fs::hard_link(from, to),
    ] {
        plant(&secret, &place.path("x.bin.part")).unwrap();
        let error = place.checked(&server).badly();
        assert!(error.contains("x.bin.part: is a "), "{error}");
        fs::remove_file(place.path("x.bin.part")).unwrap();
    }
    assert!(server.requests().is_empty());

    // nor through one under the name of its version
    std::os::unix::fs::symlink(&secret, place.path("x.bin.part.version")).unwrap();
    let tagged = Answer { etag: Some("\"1\""), ..fine() };
    place.unchecked(&Server::start(vec![tagged])).well();
    assert_eq!(fs::read(&secret).unwrap(), b"mine");
    fs::remove_file(secret).unwrap();
    place.has_file();
}

#[test]
fn a_server_that_tells_no_length_is_read_to_the_end() {
    let untold = Answer { tells_no_length: true, ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![untold.clone()]));
    place.checked(&server).well();
    place.has_file();

    // cut short, it looks whole: a known size, or the checksum, tells
    let cut = Answer { stops_after: Some(1000), ..untold };
    let (place, server) = (Place::new(), Server::start(vec![cut.clone(), fine()]));
    place.checked(&server).well();
    let place = Place::new();
    let server = Server::start(vec![cut, fine()]);
    let proof = Proof::Sha256(&place.sha256);
    let ended = place.fetch(from_ref(&server.address), Some(SIZE as u64), proof).well();
    assert_eq!(ended.retries[0].0, format!("the line broke after 1000 of {SIZE} bytes"));
    assert_eq!(ranges(&server)[1].as_deref(), Some("bytes=1000-"));
}

#[test]
fn a_file_of_another_size_is_not_downloaded() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    let error = place.fetch(from_ref(&server.address), Some(5), Proof::Sha256(&place.sha256)).badly();
    assert!(error.ends_with(&format!("its file has {SIZE} bytes, expected 5")), "{error}");
    assert_eq!((server.requests().len(), place.names()), (1, vec![]));
}

#[test]
fn busy_servers_are_waited_for_as_long_as_they_ask_within_reason() {
    let asks = |seconds: &str| Answer {
        headers: format!("Retry-After: {seconds}\r\n"),
        ..refuses("429 Too Many Requests")
    };
    let answers = vec![refuses("500 Internal Server Error"), asks("0"), fine()];
    let (place, server) = (Place::new(), Server::start(answers));
    let ended = place.checked(&server).well();
    let wait = |milliseconds| Duration::from_millis(milliseconds);
    assert_eq!(
        ended.retries,
        [
            ("the server answered 500 Internal Server Error".to_owned(), wait(1)),
            ("the server answered 429 Too Many Requests".to_owned(), wait(0))
        ]
    );
    place.has_file();

    let later = [asks("86400"), asks("Fri, 31 Dec 2100 23:59:59 GMT"), refuses("503 Service Unavailable")];
    let (place, server) = (Place::new(), Server::start(later.to_vec()));
    let ended = place.checked(&server);
    assert_eq!(ended.retries.iter().map(|(_, wait)| *wait).collect::<Vec<_>>(), [wait(20), wait(2)]);
    assert!(ended.badly().ends_with("the server answered 503 Service Unavailable"));
}

#[test]
fn a_refusal_is_final_and_the_next_address_is_asked() {
    for status in ["404 Not Found", "403 Forbidden", "410 Gone", "204 No Content"] {
        let (place, server) = (Place::new(), Server::start(vec![refuses(status)]));
        let error = place.checked(&server).badly();
        assert!(error.ends_with(&format!("the server answered {status}")), "{error}");
        assert_eq!((server.requests().len(), place.names()), (1, vec![]));
    }
    let (place, gone, mirror) =
        (Place::new(), Server::start(vec![refuses("404 Not Found")]), Server::start(vec![fine()]));
    let urls = [gone.address.clone(), mirror.address.clone()];
    place.fetch(&urls, None, Proof::Sha256(&place.sha256)).well();
    place.has_file();
}

#[test]
fn a_mirror_goes_on_where_the_first_address_failed() {
    let half = Answer { stops_after: Some(150_000), ..fine() };
    let (place, first) = (Place::new(), Server::start(vec![half, refuses("404 Not Found")]));
    let mirror = Server::start(vec![fine()]);
    let urls = [first.address.clone(), mirror.address.clone()];
    place.fetch(&urls, None, Proof::Sha256(&place.sha256)).well();
    place.has_file();
    assert_eq!(ranges(&mirror)[0].as_deref(), Some("bytes=150000-"));

    // but not without a checksum: it may have another version under the same tag
    let half = Answer { stops_after: Some(150_000), etag: Some("\"1\""), ..fine() };
    let (place, first) = (Place::new(), Server::start(vec![half, refuses("404 Not Found")]));
    let mirror = Server::start(vec![Answer { etag: Some("\"1\""), ..fine() }]);
    let urls = [first.address.clone(), mirror.address.clone()];
    place.fetch(&urls, None, Proof::Contents(&|_| Ok(()))).well();
    assert_eq!(ranges(&mirror), [None]);
}

#[test]
fn every_address_that_failed_is_named() {
    let place = Place::new();
    let gone = Server::start(vec![refuses("404 Not Found")]);
    let urls = [gone.address.clone(), "http://127.0.0.1:1/x".into()];
    let error = place.fetch(&urls, None, Proof::Sha256(&place.sha256)).badly();
    assert!(error.contains("404 Not Found; nor from http://127.0.0.1:1/x: "), "{error}");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let home = Server::start(vec![Answer { stops_after: Some(1000), ..fine() }, fine()]);
    let leads = |to: &str| Answer { headers: format!("Location: {to}\r\n"), ..refuses("302 Found") };
    let (place, server) = (Place::new(), Server::start(vec![leads(&home.address)]));
    place.checked(&server).well();
    place.has_file();
    // the range goes with them
    assert_eq!(ranges(&home)[1].as_deref(), Some("bytes=1000-"));

    let (place, server) = (Place::new(), Server::start(vec![leads("/again")]));
    let error = place.checked(&server).badly();
    assert!(error.to_lowercase().contains("redirect"), "{error}");
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn nonsense_instead_of_an_answer_is_an_error() {
    for nonsense in [
        "\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 999999 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut line in listener.incoming().flatten() {
                let _ = std::io::Write::write_all(&mut line, nonsense.as_bytes());
            }
        });
        let place = Place::new();
        let error = place.fetch(&[url], None, Proof::Sha256(&place.sha256)).badly();
        assert!(error.contains("cannot be downloaded"), "{error}");
        assert_eq!(place.names(), [""; 0]);
    }
}

#[test]
fn addresses_that_are_none_are_final() {
    for url in ["", "x", "ftp://127.0.0.1/x", "http://"] {
        let place = Place::new();
        let ended = place.fetch(&[url.to_owned()], None, Proof::Sha256(&place.sha256));
        assert!(ended.retries.is_empty(), "{url}: {:?}", ended.retries);
        ended.badly();
    }
}

#[test]
fn a_file_that_is_there_but_another_is_left_alone() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("x.bin"), "mine").unwrap();
    let error = place.checked(&server).result.unwrap_err();
    assert!(error.to_string().contains("x.bin: the SHA-256 checksum is "), "{error}");
    assert_eq!(error.hint_text(), Some("move it away or delete it, and it is downloaded again"));
    assert_eq!(fs::read(place.path("x.bin")).unwrap(), b"mine");
    assert!(server.requests().is_empty());
}

#[test]
fn contents_that_do_not_fit_are_thrown_away() {
    let page = Answer { file: b"<html>log in first</html>".to_vec(), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![page]));
    let refuse = |path: &std::path::Path| Err(Error::new("is no archive").at(path));
    let error = place.fetch(from_ref(&server.address), None, Proof::Contents(&refuse)).badly();
    assert!(error.ends_with(": is no archive"), "{error}");
    assert_eq!((server.requests().len(), place.names()), (2, vec![]));
}

#[test]
fn two_downloads_of_one_file_do_not_meet() {
    let slow = Answer { drips: Some(Duration::from_millis(20)), ..fine() };
    let (place, server) = (Place::new(), Server::start(vec![slow]));
    thread::scope(|scope| {
        let (started, wait) = mpsc::channel();
        let (place, server) = (&place, &server);
        let first = scope.spawn(move || {
            let request = Request {
                urls: from_ref(&server.address),
                size: None,
                most: MOST,
                proof: Proof::Sha256(&place.sha256),
                token: None,
            };
            download(&request, &place.path("x.bin"), &OPTIONS, &mut |_| {
                let _ = started.send(());
            })
        });
        wait.recv().unwrap();
        let error = place.checked(server).badly();
        assert!(error.ends_with("is being downloaded by another process"), "{error}");
        assert_eq!(first.join().unwrap().unwrap(), Outcome::Downloaded);
    });
    place.has_file();
    assert_eq!(server.requests().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let (place, server) = (Place::new(), Server::start(vec![fine()]));
    fs::write(place.path("file"), "").unwrap();
    let request = Request {
        urls: from_ref(&server.address),
        size: None,
        most: MOST,
        proof: Proof::Sha256(&place.sha256),
        token: None,
    };
    let error = download(&request, &place.path("file/x.bin"), &OPTIONS, &mut |_| {}).unwrap_err();
    assert!(error.to_string().ends_with("file: is a file, expected a folder"), "{error}");
    assert!(server.requests().is_empty());
}
