//! One radiograph from bytes to report: the stages in a row, synchronous, without any I/O.
//!
//! ```text
//! bytes ──decode──► Radiograph ──header says it is no neck──────────────► PassedOver
//!                        └──detect──► measure ──► assess ──not a neck──► PassedOver
//!                                                   └────────────────────► Measured
//! ```
//!
//! Invariants: the same bytes on the same device give the same report, but for its times; nothing that names a person
//! enters a report unless the settings let it out; a film that fails is a [`Fault`] of its own and leaves the pipeline
//! ready for the next one.

use std::time::Instant;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::assess::{self, Applicability};
use crate::decode;
use crate::detect::{DetectError, Detector};
use crate::domain::anatomy::{Keypoints, LANDMARKS};
use crate::domain::arrival::{Arrival, ContentHash};
use crate::domain::detection::Detection;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::geometry::PixelSpacing;
use crate::domain::measurement::Measurements;
use crate::domain::radiograph::{GrayImage, Private, Radiograph};
use crate::domain::report::{Assessment, EngineFacts, Report, ReportId, Source, Timing, Verdict};
use crate::inference::engine::{EngineError, Facts};
use crate::measure;

/// Hexadecimal digits of a report id and of a pseudonym: 128 and 64 bits of a hash.
const REPORT_ID_DIGITS: usize = 32;
const PSEUDONYM_DIGITS: usize = 16;

/// What the stages need to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The name of this device.
    pub device: String,
    /// Limits of decoding.
    pub decode: decode::Settings,
    /// How sure a number must be.
    pub measure: measure::Settings,
    /// Thresholds of the judgement.
    pub assess: assess::Settings,
    /// Whether a report carries the patient's id as it is, rather than a pseudonym.
    pub patient_id: bool,
    /// Whether who took the film is kept by name, rather than under a pseudonym.
    pub operator_names: bool,
    /// Whether a report carries the path of the file, rather than the film's hash.
    pub file_names: bool,
}

/// What became of a film.
#[derive(Debug)]
pub enum Outcome {
    /// It was measured; the film is handed on for the overlay.
    Measured(Box<Report>, GrayImage),
    /// It is no lateral neck: a report without numbers that says how this was told.
    PassedOver(Box<Report>),
    /// It could not be measured.
    Fault(Fault),
    /// No model can be run any more, which is not the film's fault: it must wait for a new process. Why.
    Stalled(String),
}

/// The stages, ready for films.
pub struct Pipeline {
    settings: Settings,
    pseudonyms: Option<[u8; 32]>,
    detector: Detector,
}

/// Everything about one film that the stages pass along.
struct Film<'a> {
    arrival: &'a Arrival,
    radiograph: Radiograph,
    started: Instant,
    timing: Timing,
}

impl Pipeline {
    /// A pipeline with a warm detector. `pseudonyms` is this device's secret (`Ledger::pseudonym_key`);
    /// without one, patient and study stay out of the report.
    pub fn new(mut settings: Settings, pseudonyms: Option<[u8; 32]>, detector: Detector) -> Self {
        settings.measure.calibration = detector.intervals();
        Self { settings, pseudonyms, detector }
    }

    /// What computes the landmarks: providers and precisions of all models, each once, that of the global model first; as
    /// of the last film, since a model may have fallen back.
    pub fn engine(&self) -> EngineFacts {
        let facts = self.detector.facts();
        let each_once = |tell: fn(&Facts) -> &String| {
            let mut told: Vec<&str> = Vec::new();
            for word in facts.iter().map(|f| tell(f).as_str()) {
                if !told.contains(&word) {
                    told.push(word);
                }
            }
            told.join("+")
        };
        EngineFacts {
            provider: each_once(|f| &f.provider),
            precision: each_once(|f| &f.precision),
            models: facts.iter().map(|f| (f.role.clone(), f.sha256.clone())).collect(),
        }
    }

    /// The models themselves, for a self-test.
    pub const fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// Measures with other models from now on.
    pub fn replace(&mut self, detector: Detector) {
        self.settings.measure.calibration = detector.intervals();
        self.detector = detector;
    }

    /// From now on a film that carries no spacing has this one, as if it were configured; `None` withholds its lengths.
    pub const fn assume_spacing(&mut self, spacing: Option<PixelSpacing>) {
        self.settings.decode.spacing = spacing;
    }

    /// Measures the film that landed as `arrival` and whose content is `bytes`.
    pub fn process(&mut self, arrival: &Arrival, bytes: &[u8]) -> Outcome {
        let started = Instant::now();
        let fault = |code, reason: String| Outcome::Fault(Fault { code, file: arrival.file.clone(), reason });
        let radiograph = match decode::decode(bytes, &self.settings.decode) {
            Ok(radiograph) => radiograph,
            Err(error) => return fault(error.code(), error.to_string()),
        };
        let timing = Timing { settle: arrival.settle, decode: started.elapsed(), ..Timing::default() };
        let film = Film { arrival, radiograph, started, timing };
        if let Applicability::NotApplicable(reason) = assess::applicability(&film.radiograph.acquisition) {
            let assessment = assess::passed_over(&film.radiograph, reason, &self.settings.assess);
            return Outcome::PassedOver(Box::new(self.report(film, None, Measurements::default(), assessment).0));
        }
        self.look(film).unwrap_or_else(|error| match error {
            DetectError::Engine(EngineError::Dead(_)) => Outcome::Stalled(error.to_string()),
            error => fault(FaultCode::InferenceFailed, error.to_string()),
        })
    }

    fn look(&mut self, mut film: Film<'_>) -> Result<Outcome, DetectError> {
        let begun = Instant::now();
        let detection = self.detector.detect(&film.radiograph.image)?;
        film.timing.detect = begun.elapsed();
        if detection.negative {
            film.radiograph.image = film.radiograph.image.negative();
        }
        let begun = Instant::now();
        let subject = measure::Subject::of(&detection, film.radiograph.spacing);
        let measurements = measure::measure(&subject, &self.settings.measure);
        let assessment = assess::assess(&film.radiograph, &detection, &measurements, &self.settings.assess);
        film.timing.measure = begun.elapsed();
        if assessment.quality.verdict == Verdict::NotApplicable {
            return Ok(Outcome::PassedOver(Box::new(self.report(film, None, Measurements::default(), assessment).0)));
        }
        let (report, image) = self.report(film, Some(detection), measurements, assessment);
        Ok(Outcome::Measured(Box::new(report), image))
    }

    fn report(
        &self,
        film: Film<'_>,
        detection: Option<Detection>,
        measurements: Measurements,
        assessment: Assessment,
    ) -> (Report, GrayImage) {
        let Film { arrival, radiograph, started, timing } = film;
        let (facing, keypoints) = detection
            .map_or_else(|| (None, Keypoints::new([None; LANDMARKS])), |found| (found.facing, found.keypoints));
        let report = Report {
            id: report_id(&self.settings.device, &arrival.sha256),
            device: self.settings.device.clone(),
            source: self.source(arrival, &radiograph),
            acquired_at: radiograph.acquisition.acquired_at.map(|at| at.format("%Y-%m-%dT%H:%M:%S").to_string()),
            received_at: arrival.received_at,
            width: radiograph.image.width(),
            height: radiograph.image.height(),
            spacing: radiograph.spacing,
            position: assess::position(&radiograph.acquisition, &measurements),
            facing,
            keypoints,
            measurements,
            assessment,
            engine: self.engine(),
            timing: Timing { total: timing.settle + started.elapsed(), ..timing },
        };
        (report, radiograph.image)
    }

    fn source(&self, arrival: &Arrival, radiograph: &Radiograph) -> Source {
        let acquisition = &radiograph.acquisition;
        let id = acquisition.patient_id.as_ref().map(Private::reveal);
        let patient_key = id.and_then(|id| self.pseudonym("patient", id));
        // The study's own identifier alone would join the films of two patients whom a wrong entry put into one study.
        let study_key = acquisition
            .study_instance_uid
            .as_deref()
            .and_then(|uid| self.pseudonym("study", &format!("{uid}\0{}", id.unwrap_or_default())));
        let operator = acquisition.operator.as_ref().and_then(|name| {
            let name = name.reveal();
            if self.settings.operator_names { Some(name.to_owned()) } else { self.pseudonym("operator", name) }
        });
        Source {
            file: if self.settings.file_names { arrival.file.clone() } else { arrival.sha256.hex() },
            sha256: arrival.sha256,
            format: radiograph.format,
            sop_instance_uid: acquisition.sop_instance_uid.clone(),
            study_key,
            patient: if self.settings.patient_id { id.map(str::to_owned) } else { patient_key.clone() },
            patient_key,
            operator,
        }
    }

    fn pseudonym(&self, kind: &str, text: &str) -> Option<String> {
        pseudonym(&self.pseudonyms?, kind, text)
    }
}

/// The same text of the same `kind` always becomes the same word on this device, and on no other: `key` is its secret.
pub fn pseudonym(key: &[u8; 32], kind: &str, text: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(kind.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    Some(hex(&mac.finalize().into_bytes(), PSEUDONYM_DIGITS))
}

/// A function of device and content: the same film gives the same id, also after a crash.
pub fn report_id(device: &str, content: &ContentHash) -> ReportId {
    let digest = Sha256::new().chain_update(device.as_bytes()).chain_update([0]).chain_update(content.0).finalize();
    ReportId(hex(&digest, REPORT_ID_DIGITS))
}

fn hex(bytes: &[u8], digits: usize) -> String {
    use std::fmt::Write as _;
    let mut text = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_id_depends_on_device_and_content_alone() {
        let (a, b) = (ContentHash([1; 32]), ContentHash([2; 32]));
        assert_eq!(report_id("room-1", &a), report_id("room-1", &a));
        assert_ne!(report_id("room-1", &a), report_id("room-1", &b));
        assert_ne!(report_id("room-1", &a), report_id("room-2", &a));
        assert_eq!(report_id("room-1", &a).0.len(), REPORT_ID_DIGITS);
    }
}
