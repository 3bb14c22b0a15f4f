//! The few statistics that the papers report, each a pure function of numbers.
//!
//! All answers are `None` where the numbers are too few to say anything; numbers that are not finite must not come in.

use serde::Serialize;

/// Limits of agreement lie this many standard deviations to either side of the bias (Bland & Altman 1986).
pub const Z_95: f64 = 1.96;

/// Where errors lie: mean, median and 95th percentile, in the unit of the errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Errors {
    pub mean: f64,
    pub median: f64,
    pub p95: f64,
}

impl Errors {
    /// Of absolute errors; `None` without any.
    pub fn of(errors: &[f64]) -> Option<Self> {
        let sorted = sorted(errors);
        Some(Self { mean: mean(errors)?, median: quantile(&sorted, 0.5)?, p95: quantile(&sorted, 0.95)? })
    }
}

/// Differences between two methods (Bland & Altman, Lancet 1986; 327:307–310).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The mean difference.
    pub bias: f64,
    /// The standard deviation of the differences (n − 1).
    pub sd: f64,
    /// Bias ∓ 1.96 standard deviations.
    pub limits: (f64, f64),
}

impl Agreement {
    /// Of the differences found − true; `None` with fewer than two.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let (bias, sd) = (mean(differences)?, deviation(differences)?);
        Some(Self { bias, sd, limits: (bias - Z_95 * sd, bias + Z_95 * sd) })
    }
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample (n − 1).
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The values from the smallest to the largest.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value below which the share `p` (0…1) of `sorted` lies, interpolated between neighbours (Hyndman & Fan's type 7,
/// as numpy and R do by default).
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (*sorted.get(at.floor() as usize)?, *sorted.get(at.ceil() as usize)?);
    Some(low + (high - low) * at.fract())
}

/// ICC(2,1): agreement of single ratings by judges who stand for all judges, absolute, two-way random effects.
///
/// Shrout & Fleiss, Psychol. Bull. 1979; 86:420–428: (BMS − EMS) / (BMS + (k − 1)·EMS + k·(JMS − EMS)/n), with the
/// mean squares between the n targets, between the k judges and of the residual. One row a target, one column a judge.
/// `None` with fewer than two targets or judges, or where no rating differs from another.
pub fn icc_2_1<const K: usize>(ratings: &[[f64; K]]) -> Option<f64> {
    let (n, k) = (ratings.len() as f64, K as f64);
    if ratings.len() < 2 || K < 2 {
        return None;
    }
    let grand = ratings.iter().flatten().sum::<f64>() / (n * k);
    let square = |v: f64| v * v;
    let targets: f64 = ratings.iter().map(|row| square(row.iter().sum::<f64>() / k - grand)).sum::<f64>() * k;
    let mut judges = [0.0; K];
    for row in ratings {
        for (sum, rating) in judges.iter_mut().zip(row) {
            *sum += rating / n;
        }
    }
    let judges_sum: f64 = judges.iter().map(|judge| square(judge - grand)).sum::<f64>() * n;
    // The residual from its definition rather than as a difference of sums, which would cancel.
    let residual: f64 = ratings
        .iter()
        .flat_map(|row| {
            let own = row.iter().sum::<f64>() / k;
            row.iter().zip(&judges).map(move |(rating, judge)| square(rating - own - judge + grand))
        })
        .sum();
    let (bms, jms, ems) = (targets / (n - 1.0), judges_sum / (k - 1.0), residual / ((n - 1.0) * (k - 1.0)));
    let whole = bms + (k - 1.0) * ems + k * (jms - ems) / n;
    (whole > 0.0).then(|| (bms - ems) / whole)
}

/// The 95 % interval of a share of which `hits` of `n` were seen (Wilson, J. Am. Stat. Assoc. 1927; 22:209–212).
pub fn wilson(hits: usize, n: usize) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (n, p, z2) = (n as f64, hits as f64 / n as f64, Z_95 * Z_95);
    let middle = p + z2 / (2.0 * n);
    let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z2 / n;
    Some((((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0)))
}

/// The five numbers of a box plot after Tukey: quartiles, and whiskers at the last value within 1.5 interquartile ranges.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Box5 {
    pub low: f64,
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub high: f64,
}

impl Box5 {
    /// Of `sorted` values; `None` without any.
    pub fn of(sorted: &[f64]) -> Option<Self> {
        let (q1, median, q3) = (quantile(sorted, 0.25)?, quantile(sorted, 0.5)?, quantile(sorted, 0.75)?);
        let reach = 1.5 * (q3 - q1);
        let low = sorted.iter().copied().find(|v| *v >= q1 - reach).unwrap_or(q1).min(q1);
        let high = sorted.iter().rev().copied().find(|v| *v <= q3 + reach).unwrap_or(q3).max(q3);
        Some(Self { low, q1, median, q3, high })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shrout & Fleiss 1979, table 2: six targets, four judges.
    const SHROUT_FLEISS: [[f64; 4]; 6] = [
        [9.0, 2.0, 5.0, 8.0],
        [6.0, 1.0, 3.0, 2.0],
        [8.0, 4.0, 6.0, 8.0],
        [7.0, 1.0, 2.0, 6.0],
        [10.0, 5.0, 6.0, 9.0],
        [6.0, 2.0, 4.0, 7.0],
    ];

    #[test]
    fn the_icc_of_the_published_example() {
        // Table 4 of the paper: ICC(2,1) = .29; with more digits 0.2898 from BMS 11.24, JMS 32.49, EMS 1.02.
        let icc = icc_2_1(&SHROUT_FLEISS).unwrap();
        assert!((icc - 0.2898).abs() < 5e-5, "{icc}");
    }

    #[test]
    fn an_icc_needs_two_that_differ() {
        assert_eq!(icc_2_1::<2>(&[]), None);
        assert_eq!(icc_2_1(&[[1.0, 2.0]]), None);
        assert_eq!(icc_2_1(&[[3.0, 3.0], [3.0, 3.0]]), None);
        assert_eq!(icc_2_1(&[[1.0], [2.0]]), None);
    }

    #[test]
    fn quantiles_as_numpy_gives_them() {
        // numpy.percentile([1, 2, 3, 4, 10], [0, 50, 95, 100]) = [1, 3, 8.8, 10]
        let values = sorted(&[10.0, 3.0, 1.0, 4.0, 2.0]);
        for (p, expected) in [(0.0, 1.0), (0.5, 3.0), (0.95, 8.8), (1.0, 10.0)] {
            assert!((quantile(&values, p).unwrap() - expected).abs() < 1e-12, "{p}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn limits_of_agreement_by_hand() {
        // Mean 1, sample variance (1 + 0 + 1) / 2 = 1.
        let agreement = Agreement::of(&[0.0, 1.0, 2.0]).unwrap();
        assert_eq!((agreement.bias, agreement.sd), (1.0, 1.0));
        assert!((agreement.limits.0 + 0.96).abs() < 1e-12 && (agreement.limits.1 - 2.96).abs() < 1e-12);
        assert_eq!(Agreement::of(&[1.0]), None);
    }

    #[test]
    fn wilson_by_the_book() {
        // 81 of 263 (Newcombe, Stat. Med. 1998; 17:857–872, table I): 0.2553 to 0.3662.
        let (low, high) = wilson(81, 263).unwrap();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn a_box_stops_at_the_last_value_within_reach() {
        let five = Box5::of(&[1.0, 2.0, 3.0, 4.0, 100.0]).unwrap();
        assert_eq!((five.low, five.q1, five.median, five.q3, five.high), (1.0, 2.0, 3.0, 4.0, 4.0));
    }

    proptest! {
        #[test]
        fn two_judges_who_agree_have_an_icc_of_one(values in prop::collection::vec(-90.0..90.0f64, 2..40)) {
            prop_assume!(deviation(&values).unwrap() > 1e-6);
            let rows: Vec<[f64; 2]> = values.iter().map(|v| [*v, *v]).collect();
            prop_assert!((icc_2_1(&rows).unwrap() - 1.0).abs() < 1e-9);
        }

        #[test]
        fn an_icc_never_exceeds_one_and_ignores_zero_and_unit(
            rows in prop::collection::vec([-50.0..50.0f64, -50.0..50.0f64], 3..40), shift in -9.0..9.0f64, scale in 0.1..9.0f64,
        ) {
            let Some(icc) = icc_2_1(&rows) else { return Ok(()) };
            prop_assert!(icc <= 1.0 + 1e-9);
            let other: Vec<[f64; 2]> = rows.iter().map(|row| row.map(|v| scale * v + shift)).collect();
            prop_assert!((icc_2_1(&other).unwrap() - icc).abs() < 1e-6);
        }

        #[test]
        fn a_bias_between_judges_lowers_the_icc(values in prop::collection::vec(-50.0..50.0f64, 3..40), bias in 1.0..20.0f64) {
            prop_assume!(deviation(&values).unwrap() > 1.0);
            let rows = |bias: f64| values.iter().enumerate().map(|(i, v)| [*v, v + bias + 0.1 * (i % 2) as f64]).collect::<Vec<_>>();
            prop_assert!(icc_2_1(&rows(bias)).unwrap() < icc_2_1(&rows(0.0)).unwrap());
        }

        #[test]
        fn quantiles_rise_and_stay_within(values in prop::collection::vec(-1e6..1e6f64, 1..60), p in 0.0..1.0f64, q in 0.0..1.0f64) {
            let values = sorted(&values);
            let (p, q) = (p.min(q), p.max(q));
            let (a, b) = (quantile(&values, p).unwrap(), quantile(&values, q).unwrap());
            prop_assert!(values[0] <= a && a <= b + 1e-9 && b <= values[values.len() - 1]);
        }

        #[test]
        fn a_share_lies_within_its_interval(n in 1usize..2000, part in 0.0..1.0f64) {
            let hits = (part * n as f64) as usize;
            let (low, high) = wilson(hits, n).unwrap();
            let share = hits as f64 / n as f64;
            prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0);
        }
    }
}
