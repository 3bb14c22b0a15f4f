//! `sagitta rejects`: repeat analysis from the ledger, beside a running service or without one.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{Days, Months, NaiveDate};
use clap::Args;

use crate::config::Config;
use crate::ledger::{Ledger, Limits, Range};
use crate::rejects::{Analysis, csv, table};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first day, as 2026-03-01, or the first month, as 2026-03 [default: the ledger's first]
    #[arg(long, value_name = "D", value_parser = first)]
    since: Option<NaiveDate>,
    /// The last day or month, itself included [default: today]
    #[arg(long, value_name = "D", value_parser = last)]
    until: Option<NaiveDate>,
    /// Comma-separated values, one line a group, rather than a table
    #[arg(long)]
    csv: bool,
    /// The configuration [default: /etc/sagitta/sagitta.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const WANTED: &str = "write a day as 2026-03-01, or a month as 2026-03";

fn month(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()
}

fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

fn first(text: &str) -> Result<NaiveDate, String> {
    day(text).or_else(|| month(text)).ok_or_else(|| WANTED.into())
}

fn last(text: &str) -> Result<NaiveDate, String> {
    let of_month = || month(text)?.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1));
    day(text).or_else(of_month).ok_or_else(|| WANTED.into())
}

/// 0 also where there is nothing to tell, 1 where the ledger cannot be read, 2 for days in the wrong order.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let range = Range { first: arguments.since, last: arguments.until };
    if let (Some(first), Some(last)) = (range.first, range.last)
        && last < first
    {
        eprintln!("sagitta: --until {last} lies before --since {first}; give the earlier day to --since.");
        return Ok(ExitCode::from(2));
    }
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let analysis = if Ledger::exists(&config.store.path) {
        let ledger = Ledger::open(&config.store.path, Limits::default())?;
        let (passed_over, faults) = ledger.beside(range)?;
        Analysis::of(&ledger.judged(range)?, passed_over, faults)
    } else {
        eprintln!("sagitta: there is no ledger in {} yet.", config.store.path.display());
        Analysis::of(&[], 0, 0)
    };
    if arguments.csv {
        print!("{}", csv::csv(&analysis));
    } else {
        print!("{}", table::table(&analysis, &span(range)));
    }
    Ok(ExitCode::SUCCESS)
}

fn span(range: Range) -> String {
    match (range.first, range.last) {
        (None, None) => "all days".into(),
        (Some(first), None) => format!("since {first}"),
        (None, Some(last)) => format!("until {last}"),
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_read_and_nothing_else() {
        let told = |date: Result<NaiveDate, String>| date.map(|date| date.to_string()).ok();
        assert_eq!(told(first("2026-02")).as_deref(), Some("2026-02-01"));
        assert_eq!(told(last("2028-02")).as_deref(), Some("2028-02-29"));
        assert_eq!(told(last("2026-12")).as_deref(), Some("2026-12-31"));
        assert_eq!(told(first("2026-03-31")), told(last("2026-03-31")));
        for bad in ["", "today", "2026", "2026-13", "2026-02-30", "26-1-1x", "01.03.2026"] {
            assert!(first(bad).is_err() && last(bad).is_err(), "{bad}");
        }
    }
}
