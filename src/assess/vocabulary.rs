//! The words by which a header tells body part and view, in the spellings of several vendors and languages.
//!
//! BodyPartExamined and ViewPosition have defined terms (PS3.16 Annex L, PS3.3 C.8.11.5) that modalities keep loosely;
//! series and study descriptions are free text. A text is brought to upper case, everything that is neither letter nor
//! digit becomes a blank, and a word of a table matches a whole word of the text, or a run of them. Words in scripts
//! that are written without blanks match anywhere. A text that matches no table says nothing.

/// The cervical spine, or the neck as a whole.
pub const CERVICAL: &[&str] = &[
    // DICOM and English
    "CSPINE",
    "C SPINE",
    "CSP",
    "CERVICAL",
    "CERVICALSPINE",
    "NECK",
    "CERVSPINE",
    "CERV SPINE",
    "C SP",
    // German
    "HWS",
    "HALS",
    "HALSWIRBELSAEULE",
    "HALSWIRBELSÄULE",
    // French, Spanish, Portuguese, Italian
    "CERVICALE",
    "CERVICALES",
    "CERVICAUX",
    "CERVICO",
    "CUELLO",
    "COLLO",
    "COU",
    "PESCOCO",
    "PESCOÇO",
    // Dutch, Swedish, Danish and Norwegian, Polish, Turkish, Russian
    "CWK",
    "NEK",
    "HALSRYGG",
    "HALSKOTPELARE",
    "COLUMNA CERVICALIS",
    "SZYJNY",
    "SZYJNEGO",
    "SERVIKAL",
    "ШОП",
    "ШЕЙНЫЙ",
    "ШЕЙНОГО",
    // Chinese, Japanese, Korean
    "颈椎",
    "颈部",
    "颈",
    "頸椎",
    "頸部",
    "頚椎",
    "頚部",
    "경추",
];

/// Other parts of the body.
pub const ELSEWHERE: &[&str] = &[
    // Trunk
    "CHEST",
    "THORAX",
    "LUNG",
    "LUNGS",
    "RIB",
    "RIBS",
    "STERNUM",
    "HEART",
    "ABDOMEN",
    "PELVIS",
    "HIP",
    "HIPS",
    "SACRUM",
    "COCCYX",
    "LSPINE",
    "L SPINE",
    "LUMBAR",
    "LSSPINE",
    "LS SPINE",
    "TSPINE",
    "T SPINE",
    "THORACIC",
    "DORSAL SPINE",
    "BREAST",
    "WHOLEBODY",
    "KUB",
    // Limbs
    "SHOULDER",
    "CLAVICLE",
    "SCAPULA",
    "ARM",
    "HUMERUS",
    "ELBOW",
    "FOREARM",
    "RADIUS",
    "ULNA",
    "WRIST",
    "HAND",
    "FINGER",
    "THUMB",
    "EXTREMITY",
    "LEG",
    "FEMUR",
    "FEMORAL",
    "KNEE",
    "PATELLA",
    "TIBIA",
    "FIBULA",
    "ANKLE",
    "FOOT",
    "FEET",
    "CALCANEUS",
    "HEEL",
    "TOE",
    "TOES",
    // Head
    "SKULL",
    "HEAD",
    "FACE",
    "FACIAL",
    "SINUS",
    "SINUSES",
    "ORBIT",
    "ORBITS",
    "NOSE",
    "NASAL",
    "MANDIBLE",
    "JAW",
    "TMJ",
    "TEETH",
    "CEPHALOGRAM",
    // German
    "BWS",
    "LWS",
    "BECKEN",
    "HUEFTE",
    "HÜFTE",
    "KNIE",
    "FUSS",
    "SPRUNGGELENK",
    "SCHULTER",
    "ELLENBOGEN",
    "HANDGELENK",
    "SCHAEDEL",
    "SCHÄDEL",
    "RIPPEN",
    // French, Spanish, Portuguese, Italian
    "THORACIQUE",
    "POUMON",
    "BASSIN",
    "HANCHE",
    "GENOU",
    "PIED",
    "CHEVILLE",
    "EPAULE",
    "COUDE",
    "MAIN",
    "POIGNET",
    "CRANE",
    "LOMBAIRE",
    "TORAX",
    "PELVIS",
    "CADERA",
    "RODILLA",
    "TOBILLO",
    "HOMBRO",
    "CODO",
    "MANO",
    "CRANEO",
    "BACINO",
    "ANCA",
    "GINOCCHIO",
    "TORACE",
    "LOMBARE",
    // Chinese, Japanese, Korean
    "胸部",
    "胸片",
    "胸椎",
    "腹部",
    "腰椎",
    "骨盆",
    "骨盤",
    "髋",
    "膝",
    "踝",
    "足",
    "肩",
    "肘",
    "腕",
    "手部",
    "头颅",
    "頭部",
    "흉부",
    "요추",
];

/// A view from the side. LLD and RLD lie on the side, and are views from the side of a neck all the same.
pub const LATERAL: &[&str] = &[
    "LL",
    "RL",
    "LAT",
    "LATERAL",
    "LLAT",
    "RLAT",
    "L LAT",
    "R LAT",
    "LLD",
    "RLD",
    "XTABLE",
    "CROSSTABLE",
    "CROSS TABLE",
    "SWIMMER",
    "SWIMMERS",
    "FLEXION",
    "EXTENSION",
    "FLEX",
    "HYPERFLEXION",
    "HYPEREXTENSION",
    "INKLINATION",
    "REKLINATION",
    "SEITLICH",
    "SEITL",
    "PROFIL",
    "PROFILE",
    "LATERALE",
    "PERFIL",
    "ZIJDELINGS",
    "БОКОВАЯ",
    "侧位",
    "側位",
    "侧面",
    "側面",
    "过伸",
    "过屈",
    "過伸",
    "過屈",
    "측면",
];

/// Any other view: from the front, from behind, oblique, through the mouth.
pub const NOT_LATERAL: &[&str] = &[
    "AP",
    "PA",
    "A P",
    "P A",
    "ANTEROPOSTERIOR",
    "ANTERO POSTERIOR",
    "ANTERIOR POSTERIOR",
    "POSTEROANTERIOR",
    "POSTERO ANTERIOR",
    "POSTERIOR ANTERIOR",
    "FRONTAL",
    "OBLIQUE",
    "OBL",
    "RAO",
    "LAO",
    "RPO",
    "LPO",
    "RLO",
    "LLO",
    "OPEN MOUTH",
    "OPENMOUTH",
    "ODONTOID",
    "DENS",
    "AXIAL",
    "TRANSORAL",
    "SCHRAEG",
    "SCHRÄG",
    "FACE",
    "DE FACE",
    "OBLICUA",
    "OBLIQUA",
    "ПРЯМАЯ",
    "正位",
    "正面",
    "斜位",
    "双斜",
    "开口位",
    "張口",
    "開口位",
    "정면",
];

/// A text of a header, ready to be searched for words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Upper case, words apart by one blank, a blank at both ends; DICOM's `^` and vendors' `_` are no letters.
    pub fn new(text: &str) -> Self {
        let upper = text.to_uppercase();
        let words = upper.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
        Self(words.fold(String::from(" "), |text, word| text + word + " "))
    }

    /// The first word of `table` that the text holds.
    pub fn find(&self, table: &[&'static str]) -> Option<&'static str> {
        table.iter().copied().find(|word| {
            if written_without_blanks(word) { self.0.contains(word) } else { self.0.contains(&format!(" {word} ")) }
        })
    }
}

/// Chinese, Japanese or Korean: no blank tells where a word begins.
fn written_without_blanks(word: &str) -> bool {
    word.chars().all(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_cervical_spine() {
        for text in [
            "CSPINE",
            "C-SPINE",
            "C Spine",
            "cervical spine",
            "Spine, Cervical",
            "NECK",
            "Hals",
            "HWS seitl.",
            "Halswirbelsäule",
            "颈椎侧位",
            "頚椎",
            "DX_C-SPINE^LAT",
            "Rachis cervical",
            "columna cervical",
            "경추",
        ] {
            assert!(Text::new(text).find(CERVICAL).is_some(), "{text}");
        }
        for text in ["", "CHEST", "LSPINE", "SPINE", "CSPINES", "NECKLACE", "腰椎", "UNKNOWN"] {
            assert!(Text::new(text).find(CERVICAL).is_none(), "{text}");
        }
    }

    #[test]
    fn spellings_of_the_view() {
        for text in ["LL", "RL", "LATERAL", "Lat.", "LLD", "RLD", "C-Spine^Lat", "颈椎侧位片", "HWS seitl.", "flexion"]
        {
            assert!(Text::new(text).find(LATERAL).is_some(), "{text}");
            assert!(Text::new(text).find(NOT_LATERAL).is_none(), "{text}");
        }
        for text in ["AP", "PA", "a.p.", "C Spine AP", "Antero-Posterior", "颈椎正位", "OBLIQUE", "open mouth (dens)"]
        {
            assert!(Text::new(text).find(NOT_LATERAL).is_some(), "{text}");
            assert!(Text::new(text).find(LATERAL).is_none(), "{text}");
        }
    }

    #[test]
    fn every_word_of_a_table_finds_itself() {
        for table in [CERVICAL, ELSEWHERE, LATERAL, NOT_LATERAL] {
            for word in table {
                assert!(Text::new(word).find(table).is_some(), "{word}");
            }
        }
    }
}
