//! `P/repeat/request` and `P/repeat/response`: the radiographer's word, and what became of it.
//!
//! A request comes from outside: it is bounded before it is read, every field is checked, and nothing of one that cannot
//! be read is repeated in its answer but a report id that could be one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, bytes, names};
use crate::domain::decision::{self as domain, Action, MAX_SIGNATURE, RejectReason, Word};
use crate::domain::report::ReportId;

/// The most bytes that a request may have.
pub const MAX_REQUEST: usize = 4096;
/// The longest report id that is looked up.
const MAX_ID: usize = 128;

const ACTIONS: [&str; 3] = [Action::ALL[0].name(), Action::ALL[1].name(), Action::ALL[2].name()];

/// What a radiographer, or a console on their behalf, sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatRequest {
    /// The report of the film.
    #[schemars(length(min = 1, max = 128))]
    pub report_id: String,
    /// `repeat` rejects the film, `accept` keeps it and takes back an earlier `repeat`, `withdraw` leaves it undecided again.
    #[schemars(extend("enum" = ACTIONS))]
    pub action: String,
    /// Why: a word or a code of DICOM CID 7011, `positioning` or `111209`. Required for `repeat`.
    pub reason: Option<String>,
    /// Who says so, as they sign at the console. It is shown wherever the decision is: initials or a staff number will do.
    #[schemars(length(min = 1, max = 64))]
    pub by: String,
}

/// Why a request is refused: a word for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RefusalCode {
    /// Larger than a request may be.
    TooLarge,
    /// No JSON object with the fields of a request.
    Malformed,
    /// No action of that name.
    UnknownAction,
    /// No reason of that name in CID 7011.
    UnknownReason,
    /// A repeat needs a reason.
    ReasonMissing,
    /// The signature is empty, too long or holds control characters.
    BadSignature,
    /// No report of that id was made by this device.
    UnknownReport,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For machines.
    pub code: RefusalCode,
    /// For people, with what to do.
    pub text: String,
    /// The report it was about, where that could be read.
    pub report: Option<ReportId>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatResponse {
    /// `sagitta.repeat_response/1`.
    #[schemars(extend("const" = names::REPEAT_RESPONSE))]
    pub schema: String,
    /// The device that answers.
    pub device: String,
    /// The report of the film; `null` where the request did not name one.
    pub report_id: Option<String>,
    /// Whether the word was taken.
    pub status: RequestStatus,
    /// Why not, in plain words; `null` where it was taken.
    pub error: Option<String>,
    /// Why not, in a word for machines; `null` where it was taken.
    pub code: Option<RefusalCode>,
    /// What stands about the film now; `null` where nobody has decided, or the request was refused.
    pub decision: Option<Decision>,
}

/// Whether a word was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RequestStatus {
    /// It stands in the ledger.
    Ok,
    /// Nothing has changed.
    Refused,
}

/// What the radiographer has decided about a film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// `repeat` or `accept`.
    pub action: String,
    /// Why, in a word; `null` where none was given.
    pub reason: Option<String>,
    /// The same as a code of DICOM CID 7011.
    pub dicom_code: Option<String>,
    /// Who decided, as they signed.
    pub by: String,
    /// When the word reached the appliance.
    pub at: Moment,
}

impl From<&domain::Decision> for Decision {
    fn from(decision: &domain::Decision) -> Self {
        Self {
            action: decision.action().name().into(),
            reason: decision.reason.map(|reason| reason.name().into()),
            dicom_code: decision.reason.map(|reason| reason.dicom_code().into()),
            by: decision.by.clone(),
            at: decision.at.into(),
        }
    }
}

/// The word that a request holds.
///
/// # Errors
/// A [`Refusal`] that says what is wrong with it.
pub fn repeat_request(payload: &[u8]) -> Result<Word, Refusal> {
    let refuse = |code, text: String, report| Err(Refusal { code, text, report });
    if payload.len() > MAX_REQUEST {
        let text = format!("a request of {} bytes is larger than the {MAX_REQUEST} that one may have", payload.len());
        return refuse(RefusalCode::TooLarge, text, None);
    }
    // A list of four texts would be read as the four fields.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return refuse(RefusalCode::Malformed, "the request is no JSON object".into(), None);
    }
    let request: RepeatRequest = match serde_json::from_slice(payload) {
        Ok(request) => request,
        Err(error) => return refuse(RefusalCode::Malformed, malformed(&error), None),
    };
    let RepeatRequest { report_id, action, reason, by } = request;
    let Some(report) = report_id_of(report_id) else {
        return refuse(RefusalCode::UnknownReport, "report_id is no id of a report".into(), None);
    };
    let Some(action) = Action::from_name(&action) else {
        let text = format!("the action is none of {}", ACTIONS.join(", "));
        return refuse(RefusalCode::UnknownAction, text, Some(report));
    };
    let given = reason.is_some();
    let reason = reason.as_deref().and_then(RejectReason::parse);
    if reason.is_none() && (given || action == Action::Repeat) {
        let all = RejectReason::ALL.map(RejectReason::name).join(", ");
        let (code, what) = if given {
            (RefusalCode::UnknownReason, "the reason is none of")
        } else {
            (RefusalCode::ReasonMissing, "a repeat needs a reason, one of")
        };
        return refuse(code, format!("{what} DICOM CID 7011: {all}, or their codes"), Some(report));
    }
    let by = by.trim();
    if by.is_empty() || by.chars().count() > MAX_SIGNATURE || by.chars().any(deceives) {
        let text = format!("`by` must say who decides: 1 to {MAX_SIGNATURE} letters without control characters");
        return refuse(RefusalCode::BadSignature, text, Some(report));
    }
    Ok(Word { report, action, reason, by: by.to_owned() })
}

/// Tells the place, not what stands there: it may be anything.
fn malformed(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let missing =
        ["report_id", "action", "by"].into_iter().find(|field| said.starts_with(&format!("missing field `{field}`")));
    match missing {
        Some(field) => format!("{field} is missing"),
        None => format!(
            "the request is no JSON object with report_id, action, reason and by, each a text: line {}, column {}",
            error.line(),
            error.column()
        ),
    }
}

/// Control characters, and those that turn the direction of what follows.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn report_id_of(text: String) -> Option<ReportId> {
    let made_of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!text.is_empty() && text.len() <= MAX_ID && text.bytes().all(made_of)).then_some(ReportId(text))
}

/// The answer to a word that was taken: what stands now. The same word gets the same answer, however often it comes.
pub fn repeat_taken(device: &str, report: &ReportId, decision: Option<&domain::Decision>) -> Vec<u8> {
    bytes(&RepeatResponse {
        schema: names::REPEAT_RESPONSE.into(),
        device: device.into(),
        report_id: Some(report.0.clone()),
        status: RequestStatus::Ok,
        error: None,
        code: None,
        decision: decision.map(Decision::from),
    })
}

/// The answer to a request that is refused.
pub fn repeat_refused(device: &str, refusal: &Refusal) -> Vec<u8> {
    bytes(&RepeatResponse {
        schema: names::REPEAT_RESPONSE.into(),
        device: device.into(),
        report_id: refusal.report.as_ref().map(|report| report.0.clone()),
        status: RequestStatus::Refused,
        error: Some(refusal.text.clone()),
        code: Some(refusal.code),
        decision: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(request: &serde_json::Value) -> Result<Word, RefusalCode> {
        repeat_request(request.to_string().as_bytes()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_good_request_is_read() {
        let request =
            json!({"report_id": "ab01", "action": "repeat", "reason": "positioning", "by": " RT 7 ", "new": 1});
        let word = Word {
            report: ReportId("ab01".into()),
            action: Action::Repeat,
            reason: Some(RejectReason::Positioning),
            by: "RT 7".into(),
        };
        assert_eq!(read(&request), Ok(word));
        for (action, reason) in [("accept", None), ("withdraw", None), ("accept", Some("111209"))] {
            let request = json!({"report_id": "ab01", "action": action, "reason": reason, "by": "李"});
            assert_eq!(read(&request).map(|word| word.action.name()), Ok(action));
        }
        assert!(read(&json!({"report_id": "ab01", "action": "accept", "by": "x"})).is_ok(), "no reason is needed");
    }

    #[test]
    fn what_is_wrong_is_told() {
        use RefusalCode as Code;
        let good = json!({"report_id": "ab01", "action": "repeat", "reason": "positioning", "by": "x"});
        for (field, value, code) in [
            ("report_id", json!(7), Code::Malformed),
            ("report_id", json!(""), Code::UnknownReport),
            ("report_id", json!("../ledger"), Code::UnknownReport),
            ("report_id", json!("a".repeat(129)), Code::UnknownReport),
            ("action", json!("REPEAT!"), Code::UnknownAction),
            ("action", json!(null), Code::Malformed),
            ("reason", json!("bad hair"), Code::UnknownReason),
            ("reason", json!(null), Code::ReasonMissing),
            ("reason", json!(""), Code::UnknownReason),
            ("reason", json!(["positioning"]), Code::Malformed),
            ("by", json!("  "), Code::BadSignature),
            ("by", json!("x\u{1b}[2J"), Code::BadSignature),
            ("by", json!("x\u{202e}gnp"), Code::BadSignature),
            ("by", json!("x".repeat(65)), Code::BadSignature),
            ("by", json!({"name": "x"}), Code::Malformed),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert_eq!(read(&bad), Err(code), "{bad}");
        }
        for bad in [
            "",
            "null",
            "[]",
            "[\"a\",\"accept\",null,\"x\"]",
            "\"repeat\"",
            "{",
            "{}",
            "{\"report_id\":\"a\",\"report_id\":\"b\"}",
        ] {
            let refusal = repeat_request(bad.as_bytes()).unwrap_err();
            assert_eq!((refusal.code, refusal.report), (Code::Malformed, None), "{bad}");
        }
        let deep = "[".repeat(MAX_REQUEST);
        assert_eq!(repeat_request(deep.as_bytes()).unwrap_err().code, Code::Malformed);
        assert_eq!(repeat_request(&vec![b' '; MAX_REQUEST + 1]).unwrap_err().code, Code::TooLarge);
        assert_eq!(repeat_request(b"{\"by\":\"\xff\"}").unwrap_err().code, Code::Malformed);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused_and_never_repeated(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(refusal) = repeat_request(&payload) {
                let answer = repeat_refused("room-1", &refusal);
                prop_assert!(serde_json::from_slice::<RepeatResponse>(&answer).is_ok());
            }
        }

        #[test]
        fn a_request_of_any_texts_is_never_taken_with_a_strange_signature(id in ".{0,40}", by in ".{0,80}") {
            let request = json!({"report_id": id, "action": "accept", "by": by});
            if let Ok(word) = repeat_request(request.to_string().as_bytes()) {
                prop_assert!(!word.by.is_empty() && word.by.chars().count() <= MAX_SIGNATURE);
                prop_assert!(!word.by.chars().any(char::is_control));
                prop_assert_eq!(word.report.0, id);
            }
        }
    }
}
