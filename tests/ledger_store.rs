//! The ledger from outside: what it keeps, what gives way, and what it says when the disk or the file fails it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod publish_support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use proptest::prelude::*;
use publish_support::{hash, id, record, record_at};
use sagitta::domain::fault::FaultCode;
use sagitta::ledger::{Film, Identity, Kind, Ledger, LedgerError, Limits, NewRow, Next, Recorded, RowId, Seen};
use tempfile::TempDir;

fn open(folder: &TempDir) -> Ledger {
    Ledger::open(folder.path(), Limits::default()).unwrap()
}

fn row(kind: Kind, n: u32, bytes: usize) -> NewRow {
    NewRow { kind, key: id(n).0, payload: vec![b'x'; bytes], received_at: Utc::now(), expires_in: None }
}

fn fault(ledger: &Ledger, n: u32, rows: &[NewRow]) -> Result<Recorded, LedgerError> {
    let hash = hash(n);
    let seen = Seen::Fault(FaultCode::Corrupt);
    ledger.record(
        &Film { identity: Identity::Content(&hash), file: "f", received_at: Utc::now(), seen },
        rows,
        Utc::now(),
    )
}

fn next(ledger: &Ledger) -> Option<RowId> {
    match ledger.next(Utc::now()).unwrap() {
        Next::Row(row) => Some(row.id),
        Next::Later(_) | Next::Empty => None,
    }
}

#[test]
fn a_film_is_recorded_once_under_one_number() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    assert!(!ledger.knows(&hash(1)).unwrap());
    assert_eq!(record(&ledger, 1), Recorded::New { seq: Some(1), overlays_dropped: 0 });
    assert_eq!(record(&ledger, 1), Recorded::Known);
    assert!(ledger.knows(&hash(1)).unwrap());
    assert_eq!(record(&ledger, 2), Recorded::New { seq: Some(2), overlays_dropped: 0 });
    assert_eq!(ledger.room().unwrap().waiting, 2);
    assert_eq!(ledger.reports(None, 10).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(ledger.reports(Some(2), 10).unwrap().len(), 1);
    assert_eq!(ledger.report(&id(2)).unwrap().map(|r| r.seq), Some(2));
    assert_eq!(ledger.report(&id(3)).unwrap(), None);
}

#[test]
fn a_reopened_ledger_knows_everything_and_goes_on_counting() {
    let folder = TempDir::new().unwrap();
    let key = {
        let ledger = open(&folder);
        record(&ledger, 1);
        ledger.pseudonym_key().unwrap()
    };
    let ledger = open(&folder);
    assert_eq!(record(&ledger, 1), Recorded::Known);
    assert_eq!(record(&ledger, 2), Recorded::New { seq: Some(2), overlays_dropped: 0 });
    assert_eq!(ledger.pseudonym_key().unwrap(), key);
    let Next::Row(first) = ledger.next(Utc::now()).unwrap() else { panic!("nothing waits") };
    assert!(first.from_earlier_run);
    ledger.delivered(first.id).unwrap();
    let Next::Row(second) = ledger.next(Utc::now()).unwrap() else { panic!("nothing waits") };
    assert!(!second.from_earlier_run);
    assert_eq!(second.seq, Some(2));
}

#[test]
fn two_ledgers_have_two_secrets_that_only_their_user_can_read() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let ledger = open(&one);
    assert_ne!(ledger.pseudonym_key().unwrap(), open(&two).pseudonym_key().unwrap());
    record(&ledger, 1);
    for file in fs::read_dir(one.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_row_stays_until_it_is_delivered_and_refused_ones_are_overtaken() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    record(&ledger, 1);
    record(&ledger, 2);
    let first = next(&ledger).unwrap();
    assert_eq!(next(&ledger), Some(first), "asking changes nothing");
    ledger.set_aside(first, Utc::now() + chrono::Duration::minutes(30), "not authorised").unwrap();
    let second = next(&ledger).unwrap();
    assert_ne!(second, first);
    ledger.delivered(second).unwrap();
    assert!(matches!(ledger.next(Utc::now()).unwrap(), Next::Later(wait) if wait > Duration::from_secs(1700)));
    let listed = ledger.outbox(10).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].attempts, listed[0].last_error.as_deref()), (1, Some("not authorised")));
    assert_eq!(ledger.room().unwrap().set_aside, 1);
    assert_eq!(ledger.retry(None).unwrap(), 1);
    assert_eq!(next(&ledger), Some(first));
}

#[test]
fn a_clock_that_was_put_back_does_not_hold_a_row_for_ever() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    record(&ledger, 1);
    let row = next(&ledger).unwrap();
    ledger.set_aside(row, Utc::now() + chrono::Duration::days(400), "a clock that ran ahead").unwrap();
    assert_eq!(next(&ledger), Some(row));
}

#[test]
fn overlays_go_last_and_give_way_first() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { overlay_bytes: 2_500, outbox_rows: 5, ..Limits::default() };
    let ledger = Ledger::open(folder.path(), limits).unwrap();
    for n in 0..4 {
        let dropped = fault(&ledger, n, &[row(Kind::Overlay, n, 1_000), row(Kind::Fault, n, 10)]).unwrap();
        assert_eq!(dropped, Recorded::New { seq: None, overlays_dropped: usize::from(n >= 2) });
    }
    let kinds: Vec<_> = ledger.outbox(20).unwrap().into_iter().map(|row| (row.kind, row.key)).collect();
    let expected: Vec<_> = (0..4).map(|n| ("fault", n)).chain([("overlay", 2), ("overlay", 3)]).collect();
    assert_eq!(kinds, expected.into_iter().map(|(kind, n)| (kind.to_owned(), id(n).0)).collect::<Vec<_>>());
}

#[test]
fn a_full_outbox_refuses_the_film_and_keeps_what_it_has() {
    let folder = TempDir::new().unwrap();
    let ledger = Ledger::open(folder.path(), Limits { outbox_rows: 2, ..Limits::default() }).unwrap();
    for n in 0..2 {
        fault(&ledger, n, &[row(Kind::Fault, n, 10)]).unwrap();
    }
    let refused = fault(&ledger, 2, &[row(Kind::Fault, 2, 10)]);
    assert!(matches!(refused, Err(LedgerError::OutboxFull { rows: 2 })));
    assert!(!ledger.knows(&hash(2)).unwrap(), "the film must be tried again");
    assert_eq!(fault(&ledger, 1, &[row(Kind::Fault, 1, 10)]).unwrap(), Recorded::Known);
    assert!(matches!(fault(&ledger, 3, &[]), Ok(Recorded::New { .. })), "a film without messages needs no room");
    ledger.delivered(next(&ledger).unwrap()).unwrap();
    fault(&ledger, 2, &[row(Kind::Fault, 2, 10)]).unwrap();
}

#[test]
fn a_payload_beyond_the_limit_is_refused() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let limit = Limits::default().payload_bytes;
    fault(&ledger, 1, &[row(Kind::Overlay, 1, limit)]).unwrap();
    let refused = fault(&ledger, 2, &[row(Kind::Overlay, 2, limit + 1)]);
    assert!(matches!(refused, Err(LedgerError::Oversize { kind: "overlay", .. })));
    assert!(!ledger.knows(&hash(2)).unwrap());
}

#[test]
fn what_has_expired_is_not_offered() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let short = NewRow { expires_in: Some(Duration::from_secs(60)), ..row(Kind::Overlay, 1, 10) };
    fault(&ledger, 1, &[short]).unwrap();
    assert!(matches!(ledger.next(Utc::now()).unwrap(), Next::Row(_)));
    assert_eq!(ledger.next(Utc::now() + chrono::Duration::seconds(61)).unwrap(), Next::Empty);
    assert_eq!(ledger.room().unwrap().waiting, 0);
}

#[test]
fn films_that_are_no_necks_are_counted_by_day() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let now = Utc::now();
    for n in [1, 2, 2] {
        let hash = hash(n);
        let seen = Seen::PassedOver("BodyPartExamined is CHEST");
        ledger
            .record(&Film { identity: Identity::Content(&hash), file: "f", received_at: now, seen }, &[], now)
            .unwrap();
    }
    let today = now.with_timezone(&Local).date_naive();
    assert_eq!(ledger.passed_over(today).unwrap(), 2);
    assert_eq!(ledger.passed_over(today.succ_opt().unwrap()).unwrap(), 0);
}

#[test]
fn a_file_that_cannot_be_read_is_told_once() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let unread = |code| Film {
        identity: Identity::Unread("a/b.dcm", code),
        file: "a/b.dcm",
        received_at: Utc::now(),
        seen: Seen::Fault(code),
    };
    let now = Utc::now();
    assert!(matches!(ledger.record(&unread(FaultCode::Unreadable), &[], now), Ok(Recorded::New { .. })));
    assert!(matches!(ledger.record(&unread(FaultCode::Unreadable), &[], now), Ok(Recorded::Known)));
    assert!(matches!(ledger.record(&unread(FaultCode::TooLarge), &[], now), Ok(Recorded::New { .. })));
}

#[test]
fn only_the_newest_payloads_are_kept_and_numbers_never_return() {
    let folder = TempDir::new().unwrap();
    let ledger = Ledger::open(folder.path(), Limits { reports_kept: 3, ..Limits::default() }).unwrap();
    for n in 1..=5 {
        record(&ledger, n);
    }
    assert_eq!(ledger.reports(None, 10).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>(), [5, 4, 3]);
    assert_eq!(record(&ledger, 1), Recorded::Known, "the film is known although its payload is gone");
}

#[test]
fn a_damaged_file_is_told_with_the_remedy() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("ledger.sqlite"), vec![b'x'; 8192]).unwrap();
    let error = Ledger::open(folder.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("move"), "{error}");
}

#[test]
fn damage_in_the_middle_is_found_when_opening() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    {
        let ledger = open(&folder);
        for n in 0..50 {
            record(&ledger, n);
        }
    }
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0xFF);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(Ledger::open(folder.path(), Limits::default()), Err(LedgerError::Corrupt { .. })));
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(open(&folder));
    let sql = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    sql.pragma_update(None, "user_version", 99).unwrap();
    drop(sql);
    assert!(matches!(Ledger::open(folder.path(), Limits::default()), Err(LedgerError::Newer { found: 99, .. })));
}

#[derive(Debug, Clone)]
enum Step {
    Record(u32),
    Deliver,
    SetAside,
    Reopen,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Every recorded film has exactly one row until it is delivered; numbers have no gaps; nothing depends on restarts.
    #[test]
    fn the_ledger_keeps_its_books(
        steps in prop::collection::vec(
            prop_oneof![
                4 => (0_u32..30).prop_map(Step::Record),
                2 => Just(Step::Deliver),
                1 => Just(Step::SetAside),
                1 => Just(Step::Reopen),
            ],
            0..60,
        )
    ) {
        let folder = TempDir::new().unwrap();
        let mut ledger = open(&folder);
        let (mut known, mut delivered) = (BTreeSet::new(), 0);
        for step in steps {
            match step {
                Step::Record(n) => {
                    let recorded = record_at(&ledger, n, DateTime::UNIX_EPOCH);
                    let seq = known.len() as u64 + 1;
                    let expected = if known.insert(n) {
                        Recorded::New { seq: Some(seq), overlays_dropped: 0 }
                    } else {
                        Recorded::Known
                    };
                    prop_assert_eq!(recorded, expected);
                }
                Step::Deliver => if let Some(row) = next(&ledger) {
                    ledger.delivered(row).unwrap();
                    delivered += 1;
                },
                Step::SetAside => if let Some(row) = next(&ledger) {
                    ledger.set_aside(row, Utc::now() + chrono::Duration::minutes(10), "no").unwrap();
                },
                Step::Reopen => {
                    drop(ledger);
                    ledger = open(&folder);
                }
            }
            prop_assert_eq!(ledger.room().unwrap().waiting, known.len() - delivered);
        }
    }
}

#[test]
fn a_new_ledger_can_be_opened_by_two_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            let open = || {
                start.wait();
                Ledger::open(folder.path(), Limits::default()).map(|ledger| ledger.pseudonym_key().unwrap())
            };
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            let keys: Vec<_> = opened.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
            assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "each of them has another secret");
        });
    }
}
