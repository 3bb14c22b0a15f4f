//! The closed sets of words in the payloads, each made from a type of the domain: a new variant there does not compile
//! until it has a word here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{anatomy, detection, geometry, measurement, radiograph, report};
use crate::study;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident from $domain:path { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        #[allow(missing_docs)]
        pub enum $name {
            $(#[serde(rename = $word)] $variant,)+
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value {
                    $(Domain::$variant => Self::$variant,)+
                }
            }
        }

        impl $name {
            /// The word as it is written.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words! {
    /// The container a film came in.
    Format from radiograph::Format { Dicom = "dicom", Png = "png", Jpeg = "jpeg", Tiff = "tiff" }
}
words! {
    /// Which rule gave the millimetres; defined in `docs/measurements.md`.
    SpacingSource from geometry::SpacingSource {
        PixelSpacingCalibrated = "pixel_spacing_calibrated",
        ImagerMagnificationCorrected = "imager_magnification_corrected",
        ImagerDetectorPlane = "imager_detector_plane",
        PixelSpacingUndetermined = "pixel_spacing_undetermined",
        Configured = "configured",
    }
}
words! {
    /// The position of the neck.
    Position from report::Position { Neutral = "neutral", Flexion = "flexion", Extension = "extension", Unknown = "unknown" }
}
words! {
    /// Who told the position of the neck.
    ToldBy from report::ToldBy { Header = "header", Anatomy = "anatomy" }
}
words! {
    /// The side of the film towards which the patient looks.
    Facing from anatomy::Facing { Left = "left", Right = "right" }
}
words! {
    /// Which pass over the film placed a landmark.
    Stage from anatomy::Stage { Global = "global", Refined = "refined" }
}
words! {
    /// The unit of a measurement.
    Unit from measurement::Unit { Degrees = "deg", Millimetres = "mm", Ratio = "ratio" }
}
words! {
    /// Whether a finding's interval is clear of its threshold.
    Certainty from report::Certainty { Clear = "clear", Borderline = "borderline" }
}
words! {
    /// What to do with the film.
    Verdict from report::Verdict { Accept = "accept", Review = "review", Repeat = "repeat", NotApplicable = "not_applicable" }
}
words! {
    /// How much of C7 can be seen.
    Visibility from detection::C7Visibility { Full = "full", Partial = "partial", Hidden = "hidden" }
}
words! {
    /// The exposure in one word.
    ExposureState from report::ExposureState { Good = "good", Under = "under", Over = "over", Unknown = "unknown" }
}

words! {
    /// Whether the neck moved enough between flexion and extension to call anything stable.
    Effort from study::Effort { Sufficient = "sufficient", Insufficient = "insufficient", Unknown = "unknown" }
}

/// Whether a number is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum MeasurementStatus {
    /// Use it.
    Ok,
    /// No number, for the reason given.
    Withheld,
    /// Distrust it, for the reason given.
    Unreliable,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The domain's own names and the words on the wire are the same, so that listings and payloads agree.
    #[test]
    fn words_are_the_domains_names() {
        use crate::domain::{
            anatomy as a, detection as d, geometry as g, measurement as m, radiograph as r, report as p,
        };
        for f in [r::Format::Dicom, r::Format::Png, r::Format::Jpeg, r::Format::Tiff] {
            assert_eq!(Format::from(f).word(), f.name());
        }
        for s in [
            g::SpacingSource::PixelSpacingCalibrated,
            g::SpacingSource::ImagerMagnificationCorrected,
            g::SpacingSource::ImagerDetectorPlane,
            g::SpacingSource::PixelSpacingUndetermined,
            g::SpacingSource::Configured,
        ] {
            assert_eq!(SpacingSource::from(s).word(), s.name());
        }
        for v in [p::Position::Neutral, p::Position::Flexion, p::Position::Extension, p::Position::Unknown] {
            assert_eq!(Position::from(v).word(), v.name());
        }
        for v in [p::Verdict::Accept, p::Verdict::Review, p::Verdict::Repeat, p::Verdict::NotApplicable] {
            assert_eq!(Verdict::from(v).word(), v.name());
        }
        for u in [m::Unit::Degrees, m::Unit::Millimetres, m::Unit::Ratio] {
            assert_eq!(Unit::from(u).word(), u.name());
        }
        for t in [p::ToldBy::Header, p::ToldBy::Anatomy] {
            assert_eq!(ToldBy::from(t).word(), t.name());
        }
        for e in [study::Effort::Sufficient, study::Effort::Insufficient, study::Effort::Unknown] {
            assert_eq!(Effort::from(e).word(), e.name());
        }
        for c in [p::Certainty::Clear, p::Certainty::Borderline] {
            assert_eq!(Certainty::from(c).word(), c.name());
        }
        for e in [p::ExposureState::Good, p::ExposureState::Under, p::ExposureState::Over, p::ExposureState::Unknown] {
            assert_eq!(ExposureState::from(e).word(), e.name());
        }
        for v in [d::C7Visibility::Full, d::C7Visibility::Partial, d::C7Visibility::Hidden] {
            assert_eq!(Visibility::from(v).word(), v.name());
        }
        for f in [a::Facing::Left, a::Facing::Right] {
            assert_eq!(Facing::from(f).word(), f.name());
        }
    }
}
