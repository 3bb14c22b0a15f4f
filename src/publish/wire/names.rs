//! What stands in a payload's `schema`. Within `/1` fields may be added, never changed or removed.

pub(super) const REPORT: &str = "sagitta.report/1";
pub(super) const FAULT: &str = "sagitta.fault/1";
pub(super) const STATUS: &str = "sagitta.status/1";
pub(super) const INFO: &str = "sagitta.info/1";
pub(super) const HEALTH: &str = "sagitta.health/1";
pub(super) const REPEAT_REQUEST: &str = "sagitta.repeat_request/1";
pub(super) const REPEAT_RESPONSE: &str = "sagitta.repeat_response/1";
pub(super) const REJECTS: &str = "sagitta.rejects/1";
pub(super) const STUDY: &str = "sagitta.study/1";

/// All of them, as `info` tells them.
pub(super) const ALL: [&str; 9] =
    [REPORT, FAULT, STATUS, INFO, HEALTH, REPEAT_REQUEST, REPEAT_RESPONSE, REJECTS, STUDY];
