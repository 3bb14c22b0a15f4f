//! What is wrong with a configuration: each problem with its key, its value and the remedy.
//!
//! Invariant: a value that may be a secret is never printed. There is no key for a secret itself (passwords and keys
//! lie in files), so the values of keys that do not exist, and lines that do not parse, are the ones that are withheld.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `mqtt.port`, or empty where the whole file is meant.
    pub key: String,
    /// Its value as found; `None` where it is missing or not to be shown.
    pub value: Option<String>,
    /// Where the value stands: the file or the environment variable.
    pub place: String,
    /// What is wrong, a sentence without its full stop.
    pub what: String,
    /// What to do, a whole sentence.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            f.write_str(&self.key)?;
            if let Some(value) = &self.value {
                write!(f, " = {value}")?;
            }
            f.write_str(" ")?;
        }
        write!(f, "({}): {}. {}", self.place, self.what, self.remedy)
    }
}

/// Everything that is wrong, one line each; never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// The one of `names` that someone who wrote `wrong` most likely meant.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_lowercase();
    let wrong_last = last(wrong);
    names
        .into_iter()
        .map(|name| {
            let whole = distance(&wrong.to_lowercase(), name);
            (whole.min(distance(&wrong_last, &last(name)).saturating_add(1)), name)
        })
        .filter(|(distance, name)| *distance <= 1 + last(name).chars().count() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein's distance: how many letters to insert, remove or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((&diagonal, &above), &y) in row.iter().zip(row.iter().skip(1)).zip(&b) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        for (a, b, d) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("port", "prot", 2), ("ä", "a", 1)] {
            assert_eq!((distance(a, b), distance(b, a)), (d, d), "{a} {b}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_nonsense_is_not() {
        let names = ["ingest.watch", "ingest.settle", "mqtt.host", "mqtt.port"];
        for (wrong, meant) in [
            ("mqtt.hst", Some("mqtt.host")),
            ("mqtt.Host", Some("mqtt.host")),
            ("ingets.watch", Some("ingest.watch")),
            ("watch", Some("ingest.watch")),
            ("ingest.setle", Some("ingest.settle")),
            ("mqtt.quality_of_service", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(wrong, names), meant, "{wrong}");
        }
    }
}
