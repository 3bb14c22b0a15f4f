//! The films thread: takes landings one by one, measures, records, and only then touches the modality's folder.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use chrono::{Local, NaiveDateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::detect::Detector;
use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::radiograph::GrayImage;
use crate::domain::report::{Report, Verdict};
use crate::inference::onnx;
use crate::ingest::{Landing, Stamp, after, sidecar};
use crate::ledger::{Film, Identity, Kind, Ledger, LedgerError, Membership, NewRow, Recorded, Seen, StudyRow};
use crate::overlay;
use crate::pipeline::{Outcome, Pipeline, pseudonym};
use crate::publish::{mqtt, wire};

use super::pictures::{Picture, Pictures};
use super::settings::Settings;
use super::standing::Standing;
use super::systemd;
use super::vigil::Vigil;

/// The pause before a film that could not be recorded is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often a film is tried on which the models fail, and the pause between. Fewer than the threads that may hang before a
/// way of running a model is given up: a film that hangs every engine becomes a fault, and not the end of the service.
const ATTEMPTS: u32 = 2;
const AGAIN: Duration = Duration::from_secs(1);
/// Long side of an overlay, pixels, and the bytes the contract allows it.
const OVERLAY_SIDE: u32 = 1400;
const OVERLAY_BYTES: usize = 256 * 1024;
/// Long side of the bare film that the page draws on, pixels.
const FILM_SIDE: u32 = 1600;
/// A picture is not worth delivering after a day; the report is, for ever.
const OVERLAY_EXPIRES: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything the thread owns.
pub(super) struct Films {
    settings: Settings,
    pipeline: Pipeline,
    ledger: Ledger,
    pictures: Pictures,
    publisher: Arc<mqtt::Handle>,
    standing: watch::Sender<Standing>,
    pseudonyms: [u8; 32],
    vigil: Vigil,
    weaker: Weaker,
    stop: (Sender<()>, Receiver<()>),
}

/// Loads models that rest on no engine, for when the self-test finds that those in use have drifted.
pub(super) type Weaker = Box<dyn Fn() -> anyhow::Result<Detector> + Send>;

/// What measures, and what proves that it measures rightly.
pub(super) struct Measures {
    pub(super) pipeline: Pipeline,
    pub(super) vigil: Vigil,
    pub(super) weaker: Weaker,
}

/// Ends a wait of the films thread.
pub(super) struct Stopper(Sender<()>);

impl Stopper {
    /// The film in hand is finished if it can be recorded, and given up if not.
    pub(super) fn stop(&self) {
        let _ = self.0.send(());
    }
}

/// A film on its way into the ledger.
struct Entry {
    identity: Owned,
    file: String,
    received_at: chrono::DateTime<Utc>,
    seen: Became,
    rows: Vec<NewRow>,
    study: Option<Joined>,
}

/// The study of a film.
struct Joined {
    key: String,
    patient: Option<String>,
    by_time: bool,
    taken_at: NaiveDateTime,
}

enum Owned {
    Content(ContentHash),
    Unread(FaultCode),
}

enum Became {
    Report(Box<Report>, Vec<u8>),
    Fault(FaultCode),
    PassedOver(String),
}

impl Films {
    /// A thread's worth of state; [`Films::run`] uses it up.
    pub(super) fn new(
        settings: Settings,
        measures: Measures,
        ledger: Ledger,
        pictures: Pictures,
        publisher: Arc<mqtt::Handle>,
        standing: watch::Sender<Standing>,
        pseudonyms: [u8; 32],
    ) -> Self {
        let (Measures { pipeline, vigil, weaker }, stop) = (measures, mpsc::channel());
        Self { settings, pipeline, ledger, pictures, publisher, standing, pseudonyms, vigil, weaker, stop }
    }

    /// What ends its waits.
    pub(super) fn stopper(&self) -> Stopper {
        Stopper(self.stop.0.clone())
    }

    /// Takes landings until ingest has ended and its channel is empty; between them, where none waits, tests itself.
    pub(super) fn run(mut self, landings: &Receiver<Landing>) {
        loop {
            match landings.recv_timeout(self.vigil.pause(Instant::now())) {
                Ok(Landing::Film { arrival, stamp }) => self.film(&arrival, stamp),
                Ok(Landing::Duplicate { arrival, stamp }) => self.remember(&arrival.file, stamp),
                Ok(Landing::Fault { fault, path, stamp }) => self.unread(fault, &path, stamp),
                Ok(Landing::Watch(state)) => self.standing.send_modify(|standing| standing.watched(state)),
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            systemd::alive();
        }
    }

    /// One step of the self-test, where one is due. Engines that have drifted are not trusted any more.
    fn idle(&mut self) {
        let tried = catch_unwind(AssertUnwindSafe(|| self.vigil.step(self.pipeline.detector())));
        let Some(failure) = tried.unwrap_or_else(|_| Some(Some("Sagitta stumbled over a golden film".into()))) else {
            return;
        };
        let engine = self.pipeline.engine();
        let (Some(why), false) = (&failure, engine.provider == onnx::Provider::Cpu.name()) else {
            return self.standing.send_modify(|standing| standing.self_tested(failure));
        };
        let what =
            format!("{} {} failed the self-test ({why}), the CPU measures instead", engine.provider, engine.precision);
        match (self.weaker)() {
            Ok(detector) => {
                tracing::error!(what);
                self.pipeline.replace(detector);
                self.vigil.again();
                self.standing.send_modify(|standing| standing.model("self-test", Some(&what)));
            }
            Err(error) => {
                let failure = format!("{why}; nor can the CPU measure instead: {error:#}");
                self.standing.send_modify(|standing| standing.self_tested(Some(failure)));
            }
        }
    }

    fn film(&mut self, arrival: &Arrival, stamp: Stamp) {
        let begun = Instant::now();
        let bytes = match fs::read(&arrival.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let reason = format!("the film cannot be read: {error}");
                let fault = Fault { code: FaultCode::Unreadable, file: arrival.file.clone(), reason };
                return self.unread(fault, &arrival.path, stamp);
            }
        };
        if Sha256::digest(&bytes)[..] != arrival.sha256.0 {
            // It was written again since it landed: ingest sees that by its stamp and offers it anew.
            tracing::info!(film = short(&arrival.sha256), "changed while it waited; waiting for it to be complete");
            return;
        }
        let Some(outcome) = self.measure(arrival, &bytes) else { return };
        drop(bytes);
        let entry = self.entry(arrival, outcome);
        let what = entry.seen.name();
        if self.record(&entry) {
            self.remember(&arrival.file, stamp);
            self.clear_away(&arrival.file, stamp);
            let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(film = short(&arrival.sha256), outcome = what, millis, "film done");
        }
    }

    /// What becomes of a film; `None` where the service ends before the models can run again.
    fn measure(&mut self, arrival: &Arrival, bytes: &[u8]) -> Option<Outcome> {
        for attempt in 1.. {
            let outcome =
                catch_unwind(AssertUnwindSafe(|| self.pipeline.process(arrival, bytes))).unwrap_or_else(|_| {
                    let reason = "Sagitta stumbled over this film; the next one is measured as usual".to_owned();
                    Outcome::Fault(Fault { code: FaultCode::Internal, file: arrival.file.clone(), reason })
                });
            match outcome {
                Outcome::Stalled(why) => {
                    // The watchdog hears nothing from here on: a new process measures this film.
                    tracing::error!(%why, film = short(&arrival.sha256), "the film waits");
                    self.standing.send_modify(|standing| standing.cannot_measure(why));
                    let _ = self.stop.1.recv();
                    return None;
                }
                // The machine may be at fault rather than the film: memory comes back, an engine is loaded anew.
                Outcome::Fault(fault) if fault.code == FaultCode::InferenceFailed && attempt < ATTEMPTS => {
                    tracing::warn!(reason = %fault.reason, film = short(&arrival.sha256), "the models failed; once more");
                    systemd::alive();
                    if !matches!(self.stop.1.recv_timeout(AGAIN), Err(RecvTimeoutError::Timeout)) {
                        return None;
                    }
                }
                outcome => return Some(outcome),
            }
        }
        None
    }

    /// A file whose content nobody has seen: too large, cut short, not readable.
    fn unread(&mut self, fault: Fault, path: &Path, stamp: Stamp) {
        let file = fault.file.clone();
        let entry = self.fault(fault, path, Owned::Unread, None, Utc::now());
        if self.record(&entry) {
            self.remember(&file, stamp);
        }
    }

    fn entry(&self, arrival: &Arrival, outcome: Outcome) -> Entry {
        let (mut report, image) = match outcome {
            Outcome::Measured(report, image) => (report, Some(image)),
            Outcome::PassedOver(report) if self.settings.report_not_applicable => (report, None),
            Outcome::PassedOver(report) => {
                let how = report.assessment.quality.reasons.first().map_or("", |r| r.text.as_str()).to_owned();
                return Entry {
                    identity: Owned::Content(arrival.sha256),
                    file: arrival.file.clone(),
                    received_at: arrival.received_at,
                    seen: Became::PassedOver(how),
                    rows: Vec::new(),
                    study: None,
                };
            }
            Outcome::Stalled(reason) => {
                let (hash, file) = (arrival.sha256, arrival.file.clone());
                let fault = Fault { code: FaultCode::InferenceFailed, file, reason };
                return self.fault(fault, &arrival.path, |_| Owned::Content(hash), Some(&hash), arrival.received_at);
            }
            Outcome::Fault(fault) => {
                let hash = arrival.sha256;
                return self.fault(fault, &arrival.path, |_| Owned::Content(hash), Some(&hash), arrival.received_at);
            }
        };
        let study = self.join(&mut report);
        let payload = wire::report(&report);
        let row = |kind, payload, expires_in| NewRow {
            kind,
            key: report.id.0.clone(),
            payload,
            received_at: arrival.received_at,
            expires_in,
        };
        let mut rows = vec![row(Kind::Report, payload.clone(), None)];
        if let Some(jpeg) = image.and_then(|image| self.picture(&image, &report)) {
            rows.push(row(Kind::Overlay, jpeg, Some(OVERLAY_EXPIRES)));
        }
        Entry {
            identity: Owned::Content(arrival.sha256),
            file: arrival.file.clone(),
            received_at: arrival.received_at,
            seen: Became::Report(report, payload),
            rows,
            study,
        }
    }

    /// The overlay; without one the report goes out all the same.
    fn picture(&self, image: &GrayImage, report: &Report) -> Option<Vec<u8>> {
        if !self.settings.overlays {
            return None;
        }
        let drawn = overlay::draw(image, report, OVERLAY_SIDE).and_then(|p| overlay::jpeg(&p, OVERLAY_BYTES));
        let jpeg = drawn.map_err(|error| tracing::warn!(%error, report = %report.id, "no overlay")).ok()?;
        let bare = overlay::bare(image, FILM_SIDE).map_err(std::io::Error::other);
        let kept = self
            .pictures
            .keep(&report.id, Picture::Overlay, &jpeg)
            .and_then(|()| self.pictures.keep(&report.id, Picture::Film, &bare?));
        if let Err(error) = kept {
            tracing::warn!(%error, "the pictures are not kept for the page");
        }
        Some(jpeg)
    }

    fn fault(
        &self,
        fault: Fault,
        path: &Path,
        identity: impl FnOnce(FaultCode) -> Owned,
        hash: Option<&ContentHash>,
        received_at: chrono::DateTime<Utc>,
    ) -> Entry {
        let mut written = None;
        match sidecar::write(&self.settings.faults, &fault, path, received_at) {
            Ok(done) => written = done.sidecar.file_name().map(|name| name.to_string_lossy().into_owned()),
            Err(error) => tracing::warn!(%error, "the fault is published without a sidecar"),
        }
        tracing::warn!(code = fault.code.name(), reason = %fault.reason, "film not measured");
        let mut published = fault.clone();
        if !self.settings.pipeline.file_names {
            published.file = hash.map_or_else(|| "(withheld)".into(), ContentHash::hex);
        }
        let device = &self.settings.pipeline.device;
        let put = written.map(|name| format!("faults/{name}"));
        let payload = wire::fault(&published, device, received_at, hash, put.as_deref());
        let row = NewRow { kind: Kind::Fault, key: published.file, payload, received_at, expires_in: None };
        Entry {
            identity: identity(fault.code),
            file: fault.file,
            received_at,
            seen: Became::Fault(fault.code),
            rows: vec![row],
            study: None,
        }
    }

    /// To which study the film belongs: that of its StudyInstanceUID, else one of the same patient and time, else one of its
    /// own. `None` for a film that names neither study nor patient, and for one that is no lateral neck. A ledger that cannot
    /// be read lets the film begin a study; recording it waits for the ledger all the same.
    fn join(&self, report: &mut Report) -> Option<Joined> {
        if report.assessment.quality.verdict == Verdict::NotApplicable {
            return None;
        }
        let source = &mut report.source;
        // A report without a moment of its own counts from when its film was complete.
        let taken_at = report
            .acquired_at
            .as_deref()
            .and_then(|at| at.parse::<NaiveDateTime>().ok())
            .unwrap_or_else(|| report.received_at.with_timezone(&Local).naive_local());
        let by_time = source.study_key.is_none();
        if by_time {
            let patient = source.patient_key.as_deref()?;
            let near = self.ledger.study_near(patient, taken_at, self.settings.study.window, Utc::now());
            let near = near.unwrap_or_else(|error| {
                tracing::warn!(%error, "whether the film belongs to a study cannot be told");
                None
            });
            source.study_key = near.or_else(|| {
                let first = format!("{patient}\0{taken_at}");
                pseudonym(&self.pseudonyms, "study of a patient", &first)
            });
        }
        Some(Joined { key: source.study_key.clone()?, patient: source.patient_key.clone(), by_time, taken_at })
    }

    /// Writes the film and its messages; waits while the disk or the outbox is full. Returns whether it is recorded.
    fn record(&mut self, entry: &Entry) -> bool {
        let mut told = false;
        loop {
            match self.write(entry) {
                Ok(recorded) => {
                    self.publisher.outbox_changed();
                    self.standing.send_modify(|standing| {
                        standing.recorded(&entry.seen.tally(), told);
                        if let Became::Report(report, _) = &entry.seen {
                            standing.timed(report.timing);
                        }
                    });
                    return matches!(recorded, Recorded::New { .. } | Recorded::Known);
                }
                Err(error) => {
                    if !told {
                        tracing::error!(%error, "a film cannot be recorded; it is tried again");
                    }
                    told = true;
                    self.standing.send_modify(|standing| standing.cannot_record(error.to_string()));
                    if !error.passes() && !matches!(error, LedgerError::Corrupt { .. }) {
                        return false;
                    }
                    match self.stop.1.recv_timeout(RETRY) {
                        // A full disk is nothing that a restart would help.
                        Err(RecvTimeoutError::Timeout) => systemd::alive(),
                        _ => return false,
                    }
                }
            }
        }
    }

    fn write(&self, entry: &Entry) -> Result<Recorded, LedgerError> {
        let now = Utc::now();
        let Some(study) = &entry.study else {
            return self.ledger.record(&entry.film(), &entry.rows, now);
        };
        let settings = &self.settings.study;
        let membership = Membership {
            key: &study.key,
            patient: study.patient.as_deref(),
            by_time: study.by_time,
            taken_at: study.taken_at,
            expires_in: settings.expires,
        };
        let compose = |row: &StudyRow| wire::study(row, &settings.context);
        self.ledger.record_in_study(&entry.film(), &entry.rows, &membership, &compose, now)
    }

    fn remember(&self, file: &str, stamp: Stamp) {
        if let Err(error) = self.ledger.remember_stamp(file, stamp.size, stamp.modified_ns, stamp.changed_ns) {
            tracing::warn!(%error, "the file will be read once more after a restart");
        }
    }

    fn clear_away(&self, file: &str, stamp: Stamp) {
        let folder = &self.settings.ingest.watch;
        if let Err(error) = after::carry_out(&self.settings.after, folder, Path::new(file), stamp) {
            tracing::warn!(%error, "the film stays where it is");
        }
    }
}

impl Entry {
    fn film(&self) -> Film<'_> {
        let identity = match &self.identity {
            Owned::Content(hash) => Identity::Content(hash),
            Owned::Unread(code) => Identity::Unread(&self.file, *code),
        };
        let seen = match &self.seen {
            Became::Report(report, payload) => Seen::Report { report, payload },
            Became::Fault(code) => Seen::Fault(*code),
            Became::PassedOver(how) => Seen::PassedOver(how),
        };
        Film { identity, file: &self.file, received_at: self.received_at, seen }
    }
}

impl Became {
    const fn name(&self) -> &'static str {
        match self {
            Self::Report(..) => "report",
            Self::Fault(code) => code.name(),
            Self::PassedOver(_) => "not a lateral neck",
        }
    }

    fn tally(&self) -> super::standing::Tally {
        use super::standing::Tally;
        match self {
            Self::Report(report, _) => Tally::Report(report.assessment.quality.verdict),
            Self::Fault(code) => Tally::Fault(*code),
            Self::PassedOver(_) => Tally::PassedOver,
        }
    }
}

/// Enough of a hash to find a film in log and ledger.
fn short(hash: &ContentHash) -> String {
    hash.hex().chars().take(12).collect()
}
