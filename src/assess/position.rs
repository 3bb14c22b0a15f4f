//! Neutral, flexion or extension, as far as the header says so.

use super::vocabulary::Text;
use crate::domain::radiograph::Acquisition;
use crate::domain::report::Position;

/// Bent forwards.
const FLEXION: &[&str] = &[
    "FLEXION",
    "FLEX",
    "HYPERFLEXION",
    "INKLINATION",
    "FLESSIONE",
    "FLEXIE",
    "FLEXAO",
    "FLEXÃO",
    "过屈",
    "過屈",
    "前屈",
    "屈位",
];
/// Bent backwards.
const EXTENSION: &[&str] = &[
    "EXTENSION",
    "EXT",
    "HYPEREXTENSION",
    "REKLINATION",
    "ESTENSIONE",
    "EXTENSIE",
    "EXTENSAO",
    "EXTENSÃO",
    "过伸",
    "過伸",
    "后伸",
    "後屈",
    "伸位",
];
/// Held straight.
const NEUTRAL: &[&str] = &["NEUTRAL", "NEUTRE", "NEUTRO", "NEUTRALE", "NEUTRALSTELLUNG", "中立", "中间位"];

/// The position that the descriptions name; `Unknown` where they name none, or more than one (`FLEXION/EXTENSION` is the
/// name of an examination, not of a film).
pub fn position(acquisition: &Acquisition) -> Position {
    let texts = || acquisition.view_position.iter().chain(&acquisition.descriptions).map(|text| Text::new(text));
    let named = |table: &[&'static str]| texts().any(|text| text.find(table).is_some());
    match (named(NEUTRAL), named(FLEXION), named(EXTENSION)) {
        (true, false, false) => Position::Neutral,
        (false, true, false) => Position::Flexion,
        (false, false, true) => Position::Extension,
        _ => Position::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_in_several_languages_and_never_guessed() {
        let of = |text: &str| position(&Acquisition { descriptions: vec![text.into()], ..Acquisition::default() });
        for (text, expected) in [
            ("C-SPINE LATERAL FLEXION", Position::Flexion),
            ("HWS seitl. Reklination", Position::Extension),
            ("颈椎过伸位", Position::Extension),
            ("Rachis cervical profil neutre", Position::Neutral),
            ("C-SPINE LATERAL", Position::Unknown),
            ("C-SPINE FLEXION/EXTENSION", Position::Unknown),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
