//! `P/rejects`: how many films are repeated today and this month, and why. Operators are not told here.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Moment, Number, bytes, names};
use crate::rejects::{Analysis, share};

const SHARE_DECIMALS: u8 = 3;
const INDEX_DECIMALS: u8 = 2;

/// Repeat analysis: retained; every figure is defined in `docs/rejects.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rejects {
    /// `sagitta.rejects/1`.
    #[schemars(extend("const" = names::REJECTS))]
    pub schema: String,
    /// The device.
    pub device: String,
    /// When this was counted.
    pub at: Moment,
    /// The local day of `at`.
    pub today: Period,
    /// The local month of `at` until then.
    pub month: Period,
}

/// The figures of a span of days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// Its first local day, `2026-03-01`.
    pub first: String,
    /// Its last local day.
    pub last: String,
    /// Lateral necks with a report.
    pub films: u64,
    /// Of these, films that the radiographer rejected.
    pub repeated: u64,
    /// `repeated` / `films`, 0…1; `null` without films.
    pub repeat_rate: Option<Number>,
    /// Of these, films that Sagitta suggested to repeat.
    pub suggested: u64,
    /// `suggested` / `films`, 0…1; `null` without films.
    pub suggested_rate: Option<Number>,
    /// Of these, films that the radiographer expressly kept.
    pub accepted: u64,
    /// Of these, films about which nobody has spoken.
    pub undecided: u64,
    /// Each reason that was given or suggested, the most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// The verdict against the radiographer.
    pub agreement: Agreement,
    /// The exposures.
    pub exposure: ExposureStatistics,
    /// Films that are no lateral neck; in no rate.
    pub passed_over: u64,
    /// Files that could not be measured; in no rate.
    pub faults: u64,
}

/// How often one reason was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonCount {
    /// A word: `positioning`, `motion_blur`, …
    pub reason: String,
    /// The same as a code of DICOM CID 7011.
    pub dicom_code: String,
    /// Films rejected for it.
    pub repeated: u64,
    /// `repeated` / all films, 0…1.
    pub repeat_rate: Option<Number>,
    /// Films whose suggested repeat had it as the gravest reason.
    pub suggested: u64,
}

/// The verdict against the radiographer, over the films about which one has spoken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// How many.
    pub films: u64,
    /// Both say repeat.
    pub both_repeat: u64,
    /// Only the verdict says repeat.
    pub suggested_only: u64,
    /// Only the radiographer says repeat.
    pub decided_only: u64,
    /// Neither does.
    pub both_keep: u64,
    /// The share on which both say the same, 0…1; `null` without films.
    pub observed: Option<Number>,
    /// Cohen's κ; `null` where it is not defined.
    pub kappa: Option<Number>,
}

/// Where the deviation indices of IEC 62494-1 lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExposureStatistics {
    /// Films that tell one.
    pub films: u64,
    /// The mean; `null` without films.
    pub mean: Option<Number>,
    /// The standard deviation (n − 1); `null` with fewer than two films.
    pub sd: Option<Number>,
    /// Films below −3, less than half the dose intended.
    pub below: u64,
    /// Films above +3, more than twice the dose intended.
    pub above: u64,
    /// The share of films outside these limits, 0…1; `null` without films.
    pub outside: Option<Number>,
}

/// The payload of `rejects`; each period has its first and last day and its analysis.
pub fn rejects(
    device: &str,
    at: DateTime<Utc>,
    today: (NaiveDate, NaiveDate, &Analysis),
    month: (NaiveDate, NaiveDate, &Analysis),
) -> Vec<u8> {
    bytes(&Rejects {
        schema: names::REJECTS.into(),
        device: device.into(),
        at: at.into(),
        today: period(today),
        month: period(month),
    })
}

fn period((first, last, analysis): (NaiveDate, NaiveDate, &Analysis)) -> Period {
    let total = &analysis.total;
    let number = |value: Option<f64>, decimals| value.and_then(|value| Number::new(value, decimals));
    let index = &total.deviation;
    Period {
        first: first.to_string(),
        last: last.to_string(),
        films: total.films,
        repeated: total.repeated,
        repeat_rate: number(total.repeat_rate(), SHARE_DECIMALS),
        suggested: total.suggested,
        suggested_rate: number(total.suggested_rate(), SHARE_DECIMALS),
        accepted: total.accepted,
        undecided: total.undecided(),
        reasons: analysis
            .reasons
            .iter()
            .map(|count| ReasonCount {
                reason: count.reason.name().into(),
                dicom_code: count.reason.dicom_code().into(),
                repeated: count.repeated,
                repeat_rate: number(share(count.repeated, total.films), SHARE_DECIMALS),
                suggested: count.suggested,
            })
            .collect(),
        agreement: Agreement {
            films: total.agreement.films(),
            both_repeat: total.agreement.both_repeat,
            suggested_only: total.agreement.suggested_only,
            decided_only: total.agreement.decided_only,
            both_keep: total.agreement.both_keep,
            observed: number(total.agreement.observed(), SHARE_DECIMALS),
            kappa: number(total.agreement.kappa(), SHARE_DECIMALS),
        },
        exposure: ExposureStatistics {
            films: index.films,
            mean: number(index.mean, INDEX_DECIMALS),
            sd: number(index.sd, INDEX_DECIMALS),
            below: index.below,
            above: index.above,
            outside: number(index.outside(), SHARE_DECIMALS),
        },
        passed_over: analysis.passed_over,
        faults: analysis.faults,
    }
}
