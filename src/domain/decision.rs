//! The radiographer's word on a film, keep it or take it again, and the film as repeat analysis counts it.

use chrono::{DateTime, NaiveDate, Utc};

use super::report::{Position, ReportId, Verdict};

/// The most letters a signature may have.
pub const MAX_SIGNATURE: usize = 64;

/// What a radiographer can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The film is rejected; it is taken again.
    Repeat,
    /// The film is kept, whatever was said before.
    Accept,
    /// What was said before is taken back; nobody has decided.
    Withdraw,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Repeat, Self::Accept, Self::Withdraw];

    /// The name on the wire and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Accept => "accept",
            Self::Withdraw => "withdraw",
        }
    }

    /// The action of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// Why a film is rejected: DICOM PS3.16 CID 7011, Rejected for Quality Reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum RejectReason {
    ImageArtifact,
    Grid,
    Positioning,
    MotionBlur,
    Underexposed,
    Overexposed,
    NoImage,
    Detector,
    OtherArtifact,
    Mechanical,
    Electrical,
    Software,
    Processing,
    Other,
    Unknown,
    DoubleExposure,
}

impl RejectReason {
    /// Every reason, in the order of the codes.
    pub const ALL: [Self; 16] = [
        Self::ImageArtifact,
        Self::Grid,
        Self::Positioning,
        Self::MotionBlur,
        Self::Underexposed,
        Self::Overexposed,
        Self::NoImage,
        Self::Detector,
        Self::OtherArtifact,
        Self::Mechanical,
        Self::Electrical,
        Self::Software,
        Self::Processing,
        Self::Other,
        Self::Unknown,
        Self::DoubleExposure,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// The code value; coding scheme DCM.
    pub const fn dicom_code(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ImageArtifact => ("image_artifact", "111207"),
            Self::Grid => ("grid", "111208"),
            Self::Positioning => ("positioning", "111209"),
            Self::MotionBlur => ("motion_blur", "111210"),
            Self::Underexposed => ("underexposed", "111211"),
            Self::Overexposed => ("overexposed", "111212"),
            Self::NoImage => ("no_image", "111213"),
            Self::Detector => ("detector", "111214"),
            Self::OtherArtifact => ("other_artifact", "111215"),
            Self::Mechanical => ("mechanical", "111216"),
            Self::Electrical => ("electrical", "111217"),
            Self::Software => ("software", "111218"),
            Self::Processing => ("processing", "111219"),
            Self::Other => ("other", "111220"),
            Self::Unknown => ("unknown", "111221"),
            Self::DoubleExposure => ("double_exposure", "113026"),
        }
    }

    /// The reason of this code value.
    pub fn from_dicom_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.dicom_code() == code)
    }

    /// The reason that a person wrote: its word or its code, in upper or lower case, with any separators
    /// (`under-exposed`, `Motion blur`, `111209`).
    pub fn parse(text: &str) -> Option<Self> {
        let bare = |text: &str| -> String {
            let letters = text.chars().filter(|c| !matches!(c, ' ' | '-' | '_'));
            letters.map(|c| c.to_ascii_lowercase()).collect()
        };
        let wanted = bare(text);
        Self::ALL.into_iter().find(|reason| bare(reason.name()) == wanted || reason.dicom_code() == wanted)
    }
}

/// A radiographer's word on one film, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The film's report.
    pub report: ReportId,
    /// What to do.
    pub action: Action,
    /// Why; always there for [`Action::Repeat`].
    pub reason: Option<RejectReason>,
    /// Who says so, as they sign: at most [`MAX_SIGNATURE`] letters, none of them a control character.
    pub by: String,
}

/// What stands about a film until another word is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Rejected rather than kept.
    pub repeat: bool,
    /// Why.
    pub reason: Option<RejectReason>,
    /// Who decided, as they sign.
    pub by: String,
    /// When the word reached the ledger.
    pub at: DateTime<Utc>,
}

impl Decision {
    /// The action that made it.
    pub const fn action(&self) -> Action {
        if self.repeat { Action::Repeat } else { Action::Accept }
    }
}

/// A film as repeat analysis counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedFilm {
    /// The local day on which it was complete in the folder.
    pub day: NaiveDate,
    /// The position of the neck.
    pub position: Position,
    /// What Sagitta suggested.
    pub verdict: Verdict,
    /// The gravest reason of the suggestion.
    pub suggested: Option<RejectReason>,
    /// DeviationIndex (IEC 62494-1).
    pub deviation_index: Option<f64>,
    /// Who took it: a keyed pseudonym, or the name where the configuration lets it out.
    pub operator: Option<String>,
    /// What the radiographer decided.
    pub decision: Option<Decision>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_known_by_word_and_by_code_however_they_are_written() {
        for reason in RejectReason::ALL {
            assert_eq!(RejectReason::parse(reason.name()), Some(reason));
            assert_eq!(RejectReason::parse(reason.dicom_code()), Some(reason));
            assert_eq!(RejectReason::from_dicom_code(reason.dicom_code()), Some(reason));
        }
        for (text, reason) in [
            ("under-exposed", RejectReason::Underexposed),
            ("Over exposed", RejectReason::Overexposed),
            ("Motion blur", RejectReason::MotionBlur),
            ("DOUBLE-EXPOSURE", RejectReason::DoubleExposure),
        ] {
            assert_eq!(RejectReason::parse(text), Some(reason), "{text}");
        }
        for text in ["", " ", "-", "c7_hidden", "positionin", "positioning!", "111222", "11120"] {
            assert_eq!(RejectReason::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_codes_are_those_of_cid_7011() {
        let mut codes: Vec<&str> = RejectReason::ALL.iter().map(|reason| reason.dicom_code()).collect();
        assert!(codes.is_sorted());
        assert_eq!(codes.pop(), Some("113026"));
        assert!(codes.into_iter().eq((111_207..=111_221).map(|code| code.to_string())));
    }
}
