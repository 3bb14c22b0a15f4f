//! What the header says of the acquisition: text for people, identifiers, exposure, the moment.
//!
//! Everything here may be missing or garbage without costing the film: what does not parse counts as missing.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::header::Header;
use crate::domain::radiograph::{Acquisition, Private};

/// A film taken before X-rays were, or after this, carries a wrong date.
const YEARS: std::ops::RangeInclusive<i32> = 1895..=2199;

/// The facts of `header`.
pub(super) fn from_header(header: &Header<'_>) -> Acquisition {
    let meaning = |tag| header.first_item(tag).and_then(|item| item.text(tags::CODE_MEANING));
    let descriptions = [
        tags::SERIES_DESCRIPTION,
        tags::STUDY_DESCRIPTION,
        tags::PROTOCOL_NAME,
        tags::ACQUISITION_DEVICE_PROCESSING_DESCRIPTION,
    ];
    let modifier = header
        .first_item(tags::VIEW_CODE_SEQUENCE)
        .and_then(|view| view.first_item(tags::VIEW_MODIFIER_CODE_SEQUENCE))
        .and_then(|modifier| modifier.text(tags::CODE_MEANING));
    // exposure indices are not negative; the deviation index is a logarithm and may be
    let index = |tag| header.decimal_if_valid(tag).filter(|v| *v >= 0.0);
    Acquisition {
        modality: header.text(tags::MODALITY),
        body_part: header.text(tags::BODY_PART_EXAMINED).or_else(|| meaning(tags::ANATOMIC_REGION_SEQUENCE)),
        view_position: header.text(tags::VIEW_POSITION).or_else(|| meaning(tags::VIEW_CODE_SEQUENCE)),
        descriptions: descriptions.into_iter().filter_map(|tag| header.text(tag)).chain(modifier).collect(),
        sop_instance_uid: uid(header, tags::SOP_INSTANCE_UID),
        study_instance_uid: uid(header, tags::STUDY_INSTANCE_UID),
        patient_id: header.text(tags::PATIENT_ID).map(Private::new),
        operator: header.text(tags::OPERATORS_NAME).as_deref().and_then(operator),
        acquired_at: acquired_at(header),
        exposure_index: index(tags::EXPOSURE_INDEX),
        target_exposure_index: index(tags::TARGET_EXPOSURE_INDEX).filter(|v| *v > 0.0),
        deviation_index: header.decimal_if_valid(tags::DEVIATION_INDEX),
    }
}

/// The first of several operators, in the alphabetic form of a person's name (PS3.5 6.2.1), so that the same person is known
/// again whether or not empty components are written.
fn operator(text: &str) -> Option<Private> {
    let name = text.split(['\\', '=']).next()?.trim_end_matches(['^', ' ']).trim_start();
    (!name.is_empty()).then(|| Private::new(name))
}

/// A UID of at most 64 digits and points (PS3.5 chapter 9).
fn uid(header: &Header<'_>, tag: Tag) -> Option<String> {
    header.ascii(tag).filter(|u| u.len() <= 64 && u.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn acquired_at(header: &Header<'_>) -> Option<NaiveDateTime> {
    let pair = |day, time| Some(date(&header.ascii(day)?)?.and_time(time_of_day(&header.ascii(time)?)?));
    header
        .ascii(tags::ACQUISITION_DATE_TIME)
        .and_then(|text| date_time(&text))
        .or_else(|| pair(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME))
        .or_else(|| pair(tags::CONTENT_DATE, tags::CONTENT_TIME))
}

/// DA (PS3.5 6.2): `YYYYMMDD`, also the `YYYY.MM.DD` of ACR-NEMA.
fn date(text: &str) -> Option<NaiveDate> {
    let digits = text.replace('.', "");
    let whole = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
    let date = whole.then(|| NaiveDate::parse_from_str(&digits, "%Y%m%d").ok())??;
    YEARS.contains(&chrono::Datelike::year(&date)).then_some(date)
}

/// TM (PS3.5 6.2): `HH`, `HHMM`, `HHMMSS` or `HHMMSS.F…`, also the `HH:MM:SS` of ACR-NEMA.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let text = text.replace(':', "");
    let (clock, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !(matches!(clock.len(), 2 | 4 | 6) && numeric(clock) && fraction.len() <= 6 && numeric(fraction)) {
        return None;
    }
    let part = |at: usize| clock.get(at..at + 2).map_or(Some(0), |p| p.parse::<u32>().ok());
    let micros = format!("{fraction:0<6}").parse().ok()?;
    // a leap second is written as 60: chrono wants it as the 59th with a longer fraction
    let second = part(4)?.min(59);
    NaiveTime::from_hms_micro_opt(part(0)?, part(2)?, second, micros).filter(|_| part(4).is_some_and(|s| s <= 60))
}

/// DT (PS3.5 6.2) with at least a day and an hour. Its offset from UTC, where it has one, is not applied: the moment
/// is told in the modality's local time.
fn date_time(text: &str) -> Option<NaiveDateTime> {
    let local = text.split(['+', '-']).next()?.trim_end();
    Some(date(local.get(..8)?)?.and_time(time_of_day(local.get(8..)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(moment: Option<NaiveDateTime>) -> Option<String> {
        moment.map(|m| m.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
    }

    #[test]
    fn an_operator_is_the_same_with_and_without_empty_components() {
        let name = |text: &str| operator(text).map(|name| name.reveal().to_owned());
        for text in ["Li^Na", "Li^Na^^^", " Li^Na ", "Li^Na=李^娜", "Li^Na\\Ott^Eva"] {
            assert_eq!(name(text).as_deref(), Some("Li^Na"), "{text}");
        }
        for text in ["^^", "\\Ott^Eva", "=李^娜"] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn moments() {
        let cases = [
            ("20240229123456.789", Some("2024-02-29T12:34:56.789")),
            ("20240229123456.789+0800", Some("2024-02-29T12:34:56.789")),
            ("2024022912", Some("2024-02-29T12:00:00")),
            ("20240229235960", Some("2024-02-29T23:59:59")),
            ("20230229123456", None),
            ("20240229", None),
            ("20240229999999", None),
            ("2024é229123456", None),
            ("00010101000000", None),
            ("garbage", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(date_time(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn dates_and_times() {
        assert_eq!(date("2024.02.29"), date("20240229"));
        assert!(date("20240229").is_some());
        for bad in ["2024022", "20241301", "2024-1-1", "DOE^JANE", "+2024010"] {
            assert_eq!(date(bad), None, "{bad}");
        }
        assert_eq!(time_of_day("12:34:56"), time_of_day("123456"));
        for bad in ["1", "123", "245900", "126000", "123461", "12345é", "1234567", "123456.1234567"] {
            assert_eq!(time_of_day(bad), None, "{bad}");
        }
    }
}
