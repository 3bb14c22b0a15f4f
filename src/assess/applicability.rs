//! Is this a lateral neck at all? First what the header says, before any model runs.
//!
//! BodyPartExamined is wrong on many real films (a preset left from the patient before), so a header rules a film out
//! only where no part of it speaks for a lateral neck. Where it says nothing, or contradicts itself, the image decides.
//!
//! | body part | view | verdict of the header |
//! |---|---|---|
//! | elsewhere, and nothing says cervical | any | not applicable |
//! | cervical or silent | not lateral, and nothing says lateral | not applicable |
//! | cervical | lateral | a lateral neck, by its header |
//! | anything else | | the image decides |

use super::vocabulary::{CERVICAL, ELSEWHERE, LATERAL, NOT_LATERAL, Text};
use crate::domain::radiograph::Acquisition;
use crate::domain::report::Reason;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applicability {
    /// A lateral cervical radiograph, in so many words.
    LateralNeck,
    /// Nothing, or both this and that: the image decides.
    ImageDecides,
    /// Something else: how it was told.
    NotApplicable(Reason),
}

/// What a group of texts says: one thing, the other, or nothing that can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Wanted,
    Other,
    Nothing,
}

/// What the header of a film says about body part and view. Costs nothing; call it before the models.
pub fn applicability(acquisition: &Acquisition) -> Applicability {
    let descriptions: Vec<Text> = acquisition.descriptions.iter().map(|d| Text::new(d)).collect();
    let body =
        Attribute::read("BodyPartExamined", acquisition.body_part.as_deref(), &descriptions, CERVICAL, ELSEWHERE);
    let view =
        Attribute::read("ViewPosition", acquisition.view_position.as_deref(), &descriptions, LATERAL, NOT_LATERAL);
    match (body.says, view.says) {
        (Says::Other, _) => Applicability::NotApplicable(reason(
            "other_body_part",
            format!("Not a neck: {}. Nothing was measured and nothing needs to be done.", body.evidence),
        )),
        (_, Says::Other) => Applicability::NotApplicable(reason(
            "not_lateral",
            format!("Not a lateral view: {}. Nothing was measured and nothing needs to be done.", view.evidence),
        )),
        (Says::Wanted, Says::Wanted) => Applicability::LateralNeck,
        _ => Applicability::ImageDecides,
    }
}

/// CID 7011 has no code for "another kind of film": it is no reject.
pub(super) fn reason(code: &'static str, text: String) -> Reason {
    Reason { code, dicom_code: "111220", text }
}

/// One question put to the header.
struct Attribute {
    says: Says,
    evidence: String,
}

impl Attribute {
    /// The attribute itself speaks first; a description that contradicts it takes its word away.
    fn read(
        name: &str,
        value: Option<&str>,
        descriptions: &[Text],
        wanted: &[&'static str],
        other: &[&'static str],
    ) -> Self {
        let own = value.map(Text::new);
        let own_says = own.as_ref().map_or(Says::Nothing, |text| one(text, wanted, other));
        let told = descriptions.iter().map(|d| one(d, wanted, other));
        let told = told.filter(|s| *s != Says::Nothing).reduce(|a, b| if a == b { a } else { Says::Nothing });
        let told = told.unwrap_or(Says::Nothing);
        let mentioned = descriptions.iter().any(|d| d.find(wanted).is_some());
        let says = match (own_says, told) {
            // A description of the whole study names all its views; one mention of the wanted one is enough for doubt.
            (Says::Other, _) | (Says::Nothing, Says::Other) if mentioned => Says::Nothing,
            (Says::Nothing, told) => told,
            (Says::Wanted, Says::Other) => Says::Nothing,
            (own, _) => own,
        };
        let word = |text: &Text| text.find(other).unwrap_or("something else");
        let evidence = match (own_says, &own) {
            (Says::Other, Some(text)) => format!("{name} says {}", word(text)),
            _ => descriptions
                .iter()
                .find(|d| one(d, wanted, other) == Says::Other)
                .map_or_else(String::new, |d| format!("the description says {}", word(d))),
        };
        Self { says, evidence }
    }
}

fn one(text: &Text, wanted: &[&'static str], other: &[&'static str]) -> Says {
    match (text.find(wanted), text.find(other)) {
        (Some(_), None) => Says::Wanted,
        (None, Some(_)) => Says::Other,
        _ => Says::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: Option<&str>, view: Option<&str>, descriptions: &[&str]) -> Applicability {
        applicability(&Acquisition {
            body_part: body.map(str::to_owned),
            view_position: view.map(str::to_owned),
            descriptions: descriptions.iter().map(|d| (*d).to_owned()).collect(),
            ..Acquisition::default()
        })
    }

    fn code(applicability: &Applicability) -> &'static str {
        match applicability {
            Applicability::LateralNeck => "lateral_neck",
            Applicability::ImageDecides => "image_decides",
            Applicability::NotApplicable(reason) => reason.code,
        }
    }

    #[test]
    fn the_header_of_everyday_films() {
        for (body, view, descriptions, expected) in [
            (Some("CSPINE"), Some("LL"), &["C-Spine^Lat"][..], "lateral_neck"),
            (Some("颈椎"), Some("侧位"), &[], "lateral_neck"),
            (None, None, &["HWS seitl."], "lateral_neck"),
            (Some("SPINE"), Some("LATERAL"), &["Cervical spine"], "lateral_neck"),
            (Some("CHEST"), Some("PA"), &["Chest PA"], "other_body_part"),
            (Some("CHEST"), Some("LL"), &[], "other_body_part"),
            (Some("HAND"), None, &[], "other_body_part"),
            (None, None, &["胸部正位"], "other_body_part"),
            (Some("SKULL"), Some("LL"), &[], "other_body_part"),
            (Some("CSPINE"), Some("AP"), &["C-Spine AP"], "not_lateral"),
            (Some("HWS"), None, &["HWS a.p."], "not_lateral"),
            (None, Some("PA"), &[], "not_lateral"),
            (None, None, &[], "image_decides"),
            (Some("CSPINE"), None, &[], "image_decides"),
            (None, Some("LL"), &[], "image_decides"),
            (Some("UNKNOWN"), Some("UNKNOWN"), &["Emergency"], "image_decides"),
        ] {
            assert_eq!(code(&told(body, view, descriptions)), expected, "{body:?} {view:?} {descriptions:?}");
        }
    }

    #[test]
    fn a_preset_left_from_the_patient_before_does_not_throw_a_neck_away() {
        assert_eq!(code(&told(Some("CHEST"), Some("LL"), &["C-Spine lateral"])), "image_decides");
        assert_eq!(code(&told(Some("CSPINE"), Some("AP"), &["C-Spine lateral"])), "image_decides");
        // A study description that names all views of the study does not speak for this one.
        assert_eq!(code(&told(Some("CSPINE"), Some("LL"), &["C-Spine AP/LAT"])), "lateral_neck");
        assert_eq!(code(&told(Some("CSPINE"), None, &["C-Spine AP/LAT"])), "image_decides");
    }

    #[test]
    fn the_reason_says_how_it_was_told() {
        let Applicability::NotApplicable(reason) = told(Some("Chest"), Some("PA"), &[]) else { panic!("a chest") };
        assert_eq!(
            reason.text,
            "Not a neck: BodyPartExamined says CHEST. Nothing was measured and nothing needs to be done."
        );
        let Applicability::NotApplicable(reason) = told(Some("CSPINE"), None, &["C-Spine AP"]) else { panic!("AP") };
        assert!(reason.text.starts_with("Not a lateral view: the description says AP."), "{}", reason.text);
    }
}
