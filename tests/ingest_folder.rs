//! Ingest from outside: a real folder, a real clock, writers of all kinds.
//!
//! That nothing comes of a file is shown by what comes next: a film that is dropped after it. The only times here are
//! limits after which a test has failed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use sagitta::domain::arrival::{Arrival, ContentHash};
use sagitta::domain::fault::{Fault, FaultCode};
use sagitta::ingest::{self, Ignored, Ingest, Known, Landing, Patience, Settings, Stamp, WatchState, Wholeness};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Longer than anything here takes, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

/// A film of this test: it says how long it is, so that a reader can tell whether it is whole.
fn film(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = format!("FILM {length:08}\n").into_bytes();
    bytes.resize(length, seed);
    bytes
}

fn is_whole(path: &Path) -> io::Result<Wholeness> {
    let bytes = fs::read(path)?;
    if bytes.is_empty() {
        return Ok(Wholeness::Partial);
    }
    let Some(length) = bytes.get(..14).and_then(|head| std::str::from_utf8(head).ok()?.strip_prefix("FILM ")) else {
        return Ok(Wholeness::Unrecognised);
    };
    let length: usize = length.trim().parse().map_err(io::Error::other)?;
    Ok(if bytes.len() >= length { Wholeness::Whole } else { Wholeness::Partial })
}

fn settings(watch: &Path) -> Settings {
    Settings {
        watch: watch.to_owned(),
        inotify: true,
        rescan: Duration::from_millis(100),
        patience: Patience { settle: Duration::from_millis(300), give_up_after: Duration::from_secs(30) },
        max_bytes: 1 << 20,
        ignore: ["*.tmp", "*.part"].into_iter().filter_map(Ignored::parse).collect(),
        log_file_names: false,
    }
}

/// What an appliance's ledger would remember, and which files were opened.
#[derive(Default)]
struct Ledger {
    stamps: BTreeMap<String, Stamp>,
    hashes: BTreeSet<ContentHash>,
    opened: Vec<PathBuf>,
}

struct Room {
    dir: TempDir,
    ingest: Option<Ingest>,
    landings: Receiver<Landing>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Room {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(tempfile::tempdir().unwrap(), Arc::default(), change)
    }

    fn over(dir: TempDir, ledger: Arc<Mutex<Ledger>>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(&dir.path().join("watch"));
        fs::create_dir_all(&settings.watch).unwrap();
        change(&mut settings);
        let (by_stamp, by_hash, asked) = (Arc::clone(&ledger), Arc::clone(&ledger), Arc::clone(&ledger));
        let known = Known {
            by_stamp: Box::new(move |file, stamp| by_stamp.lock().unwrap().stamps.get(file) == Some(stamp)),
            by_hash: Box::new(move |hash| by_hash.lock().unwrap().hashes.contains(hash)),
        };
        let ask = move |path: &Path| {
            asked.lock().unwrap().opened.push(path.to_owned());
            // To root nothing is unreadable: the right to read is asked here as it is for the service's user.
            if fs::metadata(path)?.permissions().mode() & 0o400 == 0 {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            is_whole(path)
        };
        let (ingest, landings) = ingest::start(settings, ask, known).unwrap();
        Self { dir, ingest: Some(ingest), landings, ledger }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join("watch").join(name)
    }

    /// A place on the same file system that is not watched.
    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn any(&self) -> Landing {
        self.landings.recv_timeout(LIMIT).expect("nothing landed")
    }

    /// The next landing that is not about the folder itself.
    fn next(&self) -> Landing {
        loop {
            match self.any() {
                Landing::Watch(_) => {}
                landing => return landing,
            }
        }
    }

    /// The next landing, which must be a film; the ledger records it.
    fn film(&self) -> Arrival {
        match self.next() {
            Landing::Film { arrival, stamp } => {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.stamps.insert(arrival.file.clone(), stamp);
                ledger.hashes.insert(arrival.sha256);
                arrival
            }
            other => panic!("not a film: {other:?}"),
        }
    }

    fn fault(&self) -> Fault {
        match self.next() {
            Landing::Fault { fault, .. } => fault,
            other => panic!("not a fault: {other:?}"),
        }
    }

    fn watch_state(&self) -> WatchState {
        match self.any() {
            Landing::Watch(state) => state,
            other => panic!("not about the folder: {other:?}"),
        }
    }

    /// Drops a film with a content of its own and expects it to be the very next landing.
    fn expect_only_what_comes_now(&self) {
        fs::write(self.outside("last"), film(255, 77)).unwrap();
        fs::rename(self.outside("last"), self.at("last")).unwrap();
        assert_eq!(self.film().file, "last");
    }

    fn stop(mut self) -> (TempDir, Arc<Mutex<Ledger>>) {
        assert!(self.ingest.take().unwrap().stop(), "the thread did not end");
        (self.dir, self.ledger)
    }
}

fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash(Sha256::digest(bytes).into())
}

#[test]
fn a_film_that_is_closed_or_renamed_in_is_taken_as_it_is() {
    let room = Room::new();
    assert_eq!(room.watch_state(), WatchState::Watching);
    let bytes = film(1, 5_000);
    fs::write(room.at("closed.dcm"), &bytes).unwrap();
    let arrival = room.film();
    assert_eq!((arrival.file.as_str(), arrival.sha256), ("closed.dcm", hash(&bytes)));
    assert_eq!(arrival.path, room.at("closed.dcm"));

    fs::write(room.at(".writing"), film(2, 600)).unwrap();
    fs::write(room.at("writing.tmp"), film(3, 600)).unwrap();
    fs::rename(room.at("writing.tmp"), room.at("renamed.dcm")).unwrap();
    assert_eq!(room.film().sha256, hash(&film(3, 600)));
    room.expect_only_what_comes_now();
}

#[test]
fn hidden_and_temporary_names_and_what_lies_behind_links_are_passed_over() {
    let room = Room::new();
    fs::create_dir_all(room.at(".hidden")).unwrap();
    for name in [".a.dcm", "a.tmp", "B.PART", ".hidden/a.dcm"] {
        fs::write(room.at(name), film(1, 100)).unwrap();
    }
    fs::create_dir(room.outside("elsewhere")).unwrap();
    fs::write(room.outside("elsewhere/secret.dcm"), film(2, 100)).unwrap();
    symlink(room.outside("elsewhere"), room.at("folder")).unwrap();
    symlink(room.outside("elsewhere/secret.dcm"), room.at("file.dcm")).unwrap();
    assert!(Command::new("mkfifo").arg(room.at("pipe.dcm")).status().unwrap().success());
    sleep(Duration::from_millis(900));
    room.expect_only_what_comes_now();
    assert_eq!(room.ledger.lock().unwrap().opened, [room.at("last")], "nothing else was even opened");
}

/// Writes `bytes` in pieces, each a while after the last.
fn write_slowly(path: &Path, bytes: &[u8], close_between: bool) {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).unwrap();
    for piece in bytes.chunks(bytes.len().div_ceil(8)) {
        file.write_all(piece).unwrap();
        sleep(Duration::from_millis(150));
        if close_between {
            drop(file);
            file = OpenOptions::new().append(true).open(path).unwrap();
        }
    }
}

#[test]
fn a_slow_writer_is_waited_for_whether_it_closes_early_or_late() {
    let room = Room::new();
    for (name, close_between) in [("open.dcm", false), ("closing.dcm", true)] {
        let bytes = film(u8::from(close_between), 80_000);
        write_slowly(&room.at(name), &bytes, close_between);
        let arrival = room.film();
        assert_eq!((arrival.file.as_str(), arrival.sha256), (name, hash(&bytes)));
    }
    room.expect_only_what_comes_now();
}

#[test]
fn without_events_as_on_a_network_share_the_walk_finds_everything() {
    let room = Room::with(|settings| settings.inotify = false);
    assert!(matches!(room.watch_state(), WatchState::PollingOnly(_)));
    let bytes = film(7, 80_000);
    fs::create_dir_all(room.at("a/b")).unwrap();
    write_slowly(&room.at("a/b/slow.dcm"), &bytes, true);
    let arrival = room.film();
    assert_eq!((arrival.file.as_str(), arrival.sha256), ("a/b/slow.dcm", hash(&bytes)));
    fs::write(room.at("x.tmp"), film(8, 50)).unwrap();
    fs::rename(room.at("x.tmp"), room.at("x.dcm")).unwrap();
    assert_eq!(room.film().file, "x.dcm");
    room.expect_only_what_comes_now();
}

#[test]
fn folders_that_come_later_are_looked_into() {
    let room = Room::new();
    fs::create_dir_all(room.outside("study/series")).unwrap();
    fs::write(room.outside("study/series/1.dcm"), film(1, 300)).unwrap();
    fs::write(room.outside("study/2.dcm"), film(2, 300)).unwrap();
    fs::rename(room.outside("study"), room.at("study")).unwrap();
    let moved: BTreeSet<_> = [room.film().file, room.film().file].into();
    assert_eq!(moved, ["study/2.dcm".into(), "study/series/1.dcm".into()].into());

    fs::create_dir_all(room.at("new/deep/down")).unwrap();
    fs::write(room.at("new/deep/down/3.dcm"), film(3, 300)).unwrap();
    assert_eq!(room.film().file, "new/deep/down/3.dcm");
    fs::write(room.at("study/series/4.dcm"), film(4, 300)).unwrap();
    assert_eq!(room.film().file, "study/series/4.dcm");
    room.expect_only_what_comes_now();
}

#[test]
fn three_hundred_films_at_once_all_arrive_though_nobody_hurries() {
    let room = Room::new();
    for i in 0..300_u32 {
        let mut bytes = film(0, 2_000);
        bytes.extend(i.to_be_bytes());
        fs::write(room.at(&format!("{i:03}.dcm")), bytes).unwrap();
    }
    let files: BTreeSet<_> = (0..300).map(|_| room.film().file).collect();
    assert_eq!(files.len(), 300);
    room.expect_only_what_comes_now();
}

#[test]
fn the_same_film_under_two_names_is_measured_once() {
    let room = Room::new();
    fs::write(room.at("a.dcm"), film(1, 300)).unwrap();
    let first = room.film();
    fs::copy(room.at("a.dcm"), room.at("b.dcm")).unwrap();
    match room.next() {
        Landing::Duplicate { arrival, .. } => {
            assert_eq!((arrival.file.as_str(), arrival.sha256), ("b.dcm", first.sha256));
        }
        other => panic!("{other:?}"),
    }
    fs::write(room.at("a.dcm"), film(2, 300)).unwrap();
    let overwritten = room.film();
    assert_eq!(overwritten.file, "a.dcm", "another content under the same name is another film");
    assert_ne!(overwritten.sha256, first.sha256);
    room.expect_only_what_comes_now();
}

#[test]
fn a_file_that_vanishes_while_it_settles_is_forgotten() {
    let room = Room::new();
    fs::write(room.at("half.dcm"), &film(1, 300)[..100]).unwrap();
    fs::write(room.at("first.dcm"), film(2, 300)).unwrap();
    assert_eq!(room.film().file, "first.dcm");
    fs::remove_file(room.at("half.dcm")).unwrap();
    sleep(Duration::from_millis(700));
    room.expect_only_what_comes_now();
}

#[test]
fn a_film_cut_short_is_a_fault_and_a_film_once_it_is_sent_again() {
    let room = Room::with(|settings| settings.patience.give_up_after = Duration::from_millis(900));
    fs::write(room.at("cut.dcm"), &film(1, 300)[..120]).unwrap();
    let fault = room.fault();
    assert_eq!((fault.code, fault.file.as_str()), (FaultCode::Truncated, "cut.dcm"));
    assert!(fault.reason.contains("120 bytes"), "{}", fault.reason);
    fs::write(room.at("cut.dcm"), film(1, 300)).unwrap();
    assert_eq!(room.film().sha256, hash(&film(1, 300)));
    room.expect_only_what_comes_now();
}

#[test]
fn a_file_that_may_not_be_read_is_a_fault_and_a_film_once_it_may() {
    let room = Room::with(|settings| settings.patience.give_up_after = Duration::from_millis(900));
    fs::write(room.outside("locked"), film(1, 300)).unwrap();
    fs::set_permissions(room.outside("locked"), Permissions::from_mode(0o000)).unwrap();
    fs::rename(room.outside("locked"), room.at("locked.dcm")).unwrap();
    let fault = room.fault();
    assert_eq!((fault.code, fault.file.as_str()), (FaultCode::Unreadable, "locked.dcm"));
    fs::set_permissions(room.at("locked.dcm"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(room.film().file, "locked.dcm");
    room.expect_only_what_comes_now();
}

#[test]
fn a_file_beyond_the_limit_is_a_fault_and_never_opened() {
    let room = Room::new();
    let huge = fs::File::create(room.at("huge.dcm")).unwrap();
    huge.set_len(40 << 30).unwrap();
    drop(huge);
    let fault = room.fault();
    assert_eq!(fault.code, FaultCode::TooLarge);
    assert!(fault.reason.contains("1048576"), "{}", fault.reason);
    room.expect_only_what_comes_now();
    assert_eq!(room.ledger.lock().unwrap().opened, [room.at("last")]);
}

#[test]
fn a_file_of_an_unknown_kind_is_left_to_the_decoder() {
    let room = Room::new();
    fs::write(room.at("notes.txt"), "not a film").unwrap();
    assert_eq!(room.film().file, "notes.txt");
}

#[test]
fn after_a_restart_only_what_landed_meanwhile_is_read() {
    let room = Room::new();
    for (name, seed) in [("old.dcm", 1), ("forgotten.dcm", 2)] {
        fs::write(room.at(name), film(seed, 300)).unwrap();
        room.film();
    }
    let (dir, ledger) = room.stop();
    fs::write(dir.path().join("watch/meanwhile.dcm"), film(3, 300)).unwrap();
    ledger.lock().unwrap().stamps.remove("forgotten.dcm");
    ledger.lock().unwrap().opened.clear();

    let room = Room::over(dir, ledger, |_| {});
    let (mut films, mut duplicates) = (Vec::new(), Vec::new());
    while films.len() + duplicates.len() < 2 {
        match room.next() {
            Landing::Film { arrival, .. } => films.push(arrival.file),
            Landing::Duplicate { arrival, .. } => duplicates.push(arrival.file),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((films, duplicates), (vec!["meanwhile.dcm".to_owned()], vec!["forgotten.dcm".to_owned()]));
    room.expect_only_what_comes_now();
    assert!(!room.ledger.lock().unwrap().opened.contains(&room.at("old.dcm")), "the stamp was enough");
}

#[test]
fn a_folder_that_is_missing_is_waited_for_and_one_that_goes_is_missed() {
    let room = Room::with(|settings| fs::remove_dir(&settings.watch).unwrap());
    match room.watch_state() {
        WatchState::Waiting(why) => assert!(why.contains("does not exist"), "{why}"),
        other => panic!("{other:?}"),
    }
    fs::create_dir(room.at("")).unwrap();
    assert_eq!(room.watch_state(), WatchState::Watching);
    fs::write(room.at("a.dcm"), film(1, 300)).unwrap();
    assert_eq!(room.film().file, "a.dcm");

    fs::rename(room.outside("watch"), room.outside("unmounted")).unwrap();
    assert!(matches!(room.watch_state(), WatchState::Waiting(_)));
    fs::write(room.outside("unmounted/b.dcm"), film(2, 300)).unwrap();
    fs::rename(room.outside("unmounted"), room.outside("watch")).unwrap();
    assert_eq!(room.watch_state(), WatchState::Watching);
    assert_eq!(room.film().file, "b.dcm");
    fs::write(room.at("c.dcm"), film(3, 300)).unwrap();
    assert_eq!(room.film().file, "c.dcm");
    room.expect_only_what_comes_now();
}

#[test]
fn a_film_that_could_not_be_recorded_is_offered_again() {
    let room = Room::new();
    fs::write(room.at("a.dcm"), film(1, 300)).unwrap();
    let Landing::Film { arrival, .. } = room.next() else { panic!("no film") };
    room.ingest.as_ref().unwrap().again(&arrival);
    assert_eq!(room.film().sha256, arrival.sha256);
    room.expect_only_what_comes_now();
}

#[test]
fn it_ends_though_nobody_takes_its_landings() {
    let room = Room::new();
    for i in 0..20_u8 {
        fs::write(room.at(&format!("{i}.dcm")), film(i, 300)).unwrap();
    }
    // The first ones have landed, the queue is full.
    while room.ledger.lock().unwrap().opened.len() < ingest::QUEUE {
        sleep(Duration::from_millis(20));
    }
    room.stop();
}

#[test]
fn it_ends_when_nobody_listens_any_more() {
    let Room { dir, ingest, landings, .. } = Room::new();
    drop(landings);
    fs::write(dir.path().join("watch/a.dcm"), film(1, 300)).unwrap();
    assert!(ingest.unwrap().stop());
}
