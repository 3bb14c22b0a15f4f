//! Neutral, flexion or extension: what the header says, and what the neck on the film looks like.
//!
//! The two sources are kept apart ([`PositionEvidence`]), so that report and study can compare them. Neither guesses: a
//! header whose texts contradict each other names nothing, and neither does a neck between the typical ranges.
//!
//! A text that names flexion **and** extension (`FLEXION/EXTENSION`, `动力位`, `Funktionsaufnahmen`) is the name of an
//! examination, not of a film: it says that both views are due.

use super::vocabulary::Text;
use crate::domain::measurement::{Measurements, Quantity, Reading};
use crate::domain::radiograph::Acquisition;
use crate::domain::report::{Position, PositionEvidence};

/// Bent forwards.
const FLEXION: &[&str] = &[
    // English, and what fits into the fields of a console
    "FLEXION",
    "FLEX",
    "FLX",
    "FLEXED",
    "HYPERFLEXION",
    "HYPERFLEX",
    "LATFLEX",
    "FLEXLAT",
    // German
    "INKLINATION",
    "INKLIN",
    "INKL",
    "ANTEFLEXION",
    "ANTEFLEX",
    "VORBEUGE",
    "VORNEIGUNG",
    "BEUGUNG",
    // Spanish, Portuguese, Italian, Dutch; French writes as English does
    "FLEXIÓN",
    "HIPERFLEXION",
    "HIPERFLEXIÓN",
    "FLEXÃO",
    "FLEXAO",
    "HIPERFLEXÃO",
    "HIPERFLEXAO",
    "FLESSIONE",
    "IPERFLESSIONE",
    "ANTEFLESSIONE",
    "FLEXIE",
    "HYPERFLEXIE",
    "ANTEFLEXIE",
    // Turkish, Polish, Russian
    "FLEKSIYON",
    "ZGIĘCIE",
    "ZGIECIE",
    "СГИБАНИЕ",
    // Chinese, Japanese, Korean
    "过屈",
    "過屈",
    "前屈",
    "屈曲",
    "屈位",
    "屈颈",
    "굴곡",
];
/// Bent backwards.
const EXTENSION: &[&str] = &[
    "EXTENSION",
    "EXT",
    "EXTN",
    "EXTENDED",
    "HYPEREXTENSION",
    "HYPEREXT",
    "LATEXT",
    "EXTLAT",
    "REKLINATION",
    "REKLIN",
    "REKL",
    "RETROFLEXION",
    "RETROFLEX",
    "RÜCKNEIGUNG",
    "RUECKNEIGUNG",
    "STRECKUNG",
    "EXTENSIÓN",
    "HIPEREXTENSION",
    "HIPEREXTENSIÓN",
    "EXTENSÃO",
    "EXTENSAO",
    "HIPEREXTENSÃO",
    "HIPEREXTENSAO",
    "ESTENSIONE",
    "IPERESTENSIONE",
    "RETROFLESSIONE",
    "EXTENSIE",
    "HYPEREXTENSIE",
    "RETROFLEXIE",
    "EKSTANSIYON",
    "WYPROST",
    "РАЗГИБАНИЕ",
    "过伸",
    "過伸",
    "后伸",
    "後伸",
    "后仰",
    "後屈",
    "仰伸",
    "背伸",
    "伸展",
    "伸位",
    "신전",
];
/// Held straight.
const NEUTRAL: &[&str] = &[
    "NEUTRAL",
    "NEUTR",
    "NEUT",
    "NTRL",
    "NEUTRALSTELLUNG",
    "NEUTRALPOSITION",
    "MITTELSTELLUNG",
    "NEUTRE",
    "NEUTRO",
    "NEUTRA",
    "NEUTRALE",
    "NEUTRAAL",
    "INDIFFERENTE",
    "NÖTRAL",
    "中立",
    "中间位",
    "中間位",
    "自然位",
    "중립",
];
/// An examination of the neck's motion: a film of each end is due.
const FUNCTIONAL: &[&str] = &[
    "FUNCTIONAL",
    "DYNAMIC",
    "FUNKTION",
    "FUNKTIONS",
    "FUNKT",
    "FUNKTIONSAUFNAHME",
    "FUNKTIONSAUFNAHMEN",
    "FUNKTIONSAUFN",
    "FUNKTIONELL",
    "DYNAMISCH",
    "DYNAMIQUE",
    "DYNAMIQUES",
    "FONCTIONNEL",
    "FONCTIONNELS",
    "DINAMICA",
    "DINAMICAS",
    "DINÁMICA",
    "DINÁMICAS",
    "FUNCIONAL",
    "FUNCIONALES",
    "DINAMICHE",
    "FUNZIONALE",
    "FUNZIONALI",
    "DINÂMICA",
    "DINÂMICAS",
    "FUNCIONAIS",
    "FUNCTIEOPNAME",
    "FUNCTIEOPNAMEN",
    "FUNCTIONEEL",
    "DYNAMISCHE",
    "FLEXEXT",
];
/// The same in scripts without blanks; taken out of a text before positions are looked for, because each of them holds one.
const FUNCTIONAL_JOINED: &[&str] = &[
    "过伸过屈",
    "过屈过伸",
    "過伸過屈",
    "過屈過伸",
    "前后屈",
    "前後屈",
    "屈伸",
    "伸屈",
    "动力位",
    "動力位",
    "动态",
    "功能位",
    "機能撮影",
];

/// Ranges of C2–C7 lordosis and of C2's slope, degrees, in which a single film tells its position. They were chosen on
/// phantoms so that hardly any is named wrong (`docs/measurements.md`); between them nothing is said.
mod typical {
    /// A flexion has less lordosis than this **and** a C2 that falls forward by more than the slope.
    pub(super) const FLEXION: (f64, f64) = (-10.0, 40.0);
    /// An extension has more lordosis than this **and** a C2 that falls forward by less than the slope.
    pub(super) const EXTENSION: (f64, f64) = (30.0, -12.0);
    /// A neutral neck: lordosis from … to, slope from … to.
    pub(super) const NEUTRAL: [(f64, f64); 2] = [(-10.0, 28.0), (-2.0, 28.0)];
}

/// What header and neck say of the position.
pub fn position(acquisition: &Acquisition, measurements: &Measurements) -> PositionEvidence {
    let (header, functional) = from_header(acquisition);
    PositionEvidence { header, anatomy: from_anatomy(measurements), functional }
}

/// The position that the texts of the header name, and whether they speak of an examination of motion.
fn from_header(acquisition: &Acquisition) -> (Position, bool) {
    let mut named = None;
    let mut functional = false;
    for text in acquisition.view_position.iter().chain(&acquisition.descriptions) {
        let (position, of_motion) = read(text);
        functional |= of_motion;
        if position == Position::Unknown {
            continue;
        }
        // Two texts that name different positions take each other's word away.
        named = Some(if named.is_none_or(|before| before == position) { position } else { Position::Unknown });
    }
    (named.unwrap_or(Position::Unknown), functional)
}

fn read(text: &str) -> (Position, bool) {
    let joined = FUNCTIONAL_JOINED.iter().any(|word| text.contains(word));
    let bare = FUNCTIONAL_JOINED.iter().fold(text.to_owned(), |text, word| text.replace(word, " "));
    let text = Text::new(&bare);
    let names = |table: &[&'static str]| text.find(table).is_some();
    let of_motion = joined || names(FUNCTIONAL);
    match (names(NEUTRAL), names(FLEXION), names(EXTENSION)) {
        (true, false, false) => (Position::Neutral, of_motion),
        (false, true, false) => (Position::Flexion, of_motion),
        (false, false, true) => (Position::Extension, of_motion),
        (_, true, true) => (Position::Unknown, true),
        _ => (Position::Unknown, of_motion),
    }
}

/// The position that the neck looks like, from lordosis (C2–C6 where C7 cannot be relied on) and C2's slope; `Unknown` where
/// one of them was not read without reservation.
fn from_anatomy(measurements: &Measurements) -> Position {
    let sure = |quantity| match measurements.get(quantity, None) {
        Some(Reading::Ok(estimate)) => Some(estimate.value()),
        _ => None,
    };
    let lordosis = sure(Quantity::C2C7Cobb).or_else(|| sure(Quantity::C2C6Cobb));
    let (Some(lordosis), Some(slope)) = (lordosis, sure(Quantity::C2Slope)) else {
        return Position::Unknown;
    };
    let [in_lordosis, in_slope] = typical::NEUTRAL;
    let within = |value: f64, (low, high): (f64, f64)| (low..=high).contains(&value);
    if lordosis < typical::FLEXION.0 && slope > typical::FLEXION.1 {
        Position::Flexion
    } else if lordosis > typical::EXTENSION.0 && slope < typical::EXTENSION.1 {
        Position::Extension
    } else if within(lordosis, in_lordosis) && within(slope, in_slope) {
        Position::Neutral
    } else {
        Position::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measurement::{Estimate, Measurement};

    fn header(texts: &[&str]) -> (Position, bool) {
        let descriptions = texts.iter().map(|text| (*text).into()).collect();
        from_header(&Acquisition { descriptions, ..Acquisition::default() })
    }

    #[test]
    fn a_position_is_read_in_several_languages_and_never_guessed() {
        for (text, expected) in [
            ("C-SPINE LATERAL FLEXION", Position::Flexion),
            ("LAT FLEX", Position::Flexion),
            ("C SPINE^LAT_EXT", Position::Extension),
            ("Hyperextension lat.", Position::Extension),
            ("HWS Funktion Inkl.", Position::Flexion),
            ("HWS Funktion Rekl.", Position::Extension),
            ("HWS seitl. Reklination", Position::Extension),
            ("HWS Anteflexion", Position::Flexion),
            ("HWS Retroflexion", Position::Extension),
            ("HWS seitl. Rückneigung", Position::Extension),
            ("Rachis cervical profil neutre", Position::Neutral),
            ("Rachis cervical profil en hyperflexion", Position::Flexion),
            ("Columna cervical lateral en flexión", Position::Flexion),
            ("Columna cervical extensión", Position::Extension),
            ("Rachide cervicale LL in flessione", Position::Flexion),
            ("Rachide cervicale LL in estensione", Position::Extension),
            ("Coluna cervical perfil em flexão", Position::Flexion),
            ("COLUNA CERVICAL EXTENSAO", Position::Extension),
            ("CWK lateraal anteflexie", Position::Flexion),
            ("CWK retroflexie", Position::Extension),
            ("CWK neutraal", Position::Neutral),
            ("颈椎过伸位", Position::Extension),
            ("颈椎侧位过屈", Position::Flexion),
            ("颈椎中立位", Position::Neutral),
            ("頚椎側面前屈", Position::Flexion),
            ("頚椎側面後屈", Position::Extension),
            ("경추 굴곡", Position::Flexion),
            ("C-SPINE LATERAL", Position::Unknown),
            ("C-SPINE FLEXION/EXTENSION", Position::Unknown),
            ("EXTREMITY", Position::Unknown),
            ("REFLEX", Position::Unknown),
        ] {
            assert_eq!(header(&[text]).0, expected, "{text}");
        }
    }

    #[test]
    fn an_examination_of_motion_is_told_from_the_position_of_a_film() {
        for text in [
            "C-SPINE FLEXION/EXTENSION",
            "FLEX EXT",
            "HWS Funktionsaufnahmen",
            "颈椎过伸过屈位",
            "颈椎动力位",
            "颈椎屈伸位",
            "頚椎前後屈",
            "Rachis cervical clichés dynamiques",
        ] {
            assert_eq!(header(&[text]), (Position::Unknown, true), "{text}");
        }
        assert_eq!(header(&["LAT FLEX", "C-SPINE FLEX/EXT"]), (Position::Flexion, true));
        assert_eq!(header(&["颈椎动力位 过屈"]), (Position::Flexion, true));
        assert_eq!(header(&["LAT FLEX"]), (Position::Flexion, false));
    }

    #[test]
    fn texts_that_contradict_each_other_name_nothing() {
        assert_eq!(header(&["LAT FLEX", "C-SPINE EXTENSION"]).0, Position::Unknown);
        assert_eq!(header(&["LAT FLEX", "LAT EXT", "LAT FLEX"]).0, Position::Unknown, "nobody counts votes");
        assert_eq!(header(&["LAT FLEX", "FLEXION"]).0, Position::Flexion);
    }

    #[test]
    fn every_word_of_a_table_finds_itself_and_no_other_position() {
        for (table, position) in
            [(FLEXION, Position::Flexion), (EXTENSION, Position::Extension), (NEUTRAL, Position::Neutral)]
        {
            for word in table {
                assert_eq!(read(word), (position, false), "{word}");
            }
        }
        for word in FUNCTIONAL.iter().chain(FUNCTIONAL_JOINED) {
            assert_eq!(read(word), (Position::Unknown, true), "{word}");
        }
    }

    #[test]
    fn a_neck_tells_its_position_only_far_from_the_others() {
        let neck = |lordosis: f64, slope: f64| {
            let row = |quantity, value: f64| Measurement {
                quantity,
                level: None,
                reading: Reading::Ok(Estimate::new(value, value, value).unwrap()),
            };
            let rows = vec![row(Quantity::C2C7Cobb, lordosis), row(Quantity::C2Slope, slope)];
            from_anatomy(&Measurements(rows))
        };
        assert_eq!(neck(-25.0, 48.0), Position::Flexion);
        assert_eq!(neck(45.0, -20.0), Position::Extension);
        assert_eq!(neck(12.0, 14.0), Position::Neutral);
        assert_eq!(neck(-12.0, 15.0), Position::Unknown, "a kyphosis held level is no flexion");
        assert_eq!(neck(38.0, 5.0), Position::Unknown);
        assert_eq!(from_anatomy(&Measurements::default()), Position::Unknown);
    }
}
