//! From a raw value of the file or the environment to a checked one. What comes from the environment is always text.
//!
//! A parser answers with what it expected, as a remedy that begins with "Write …" or "Give …".

use std::time::Duration;

use config::{Value, ValueKind};

/// What to do about a value that is wrong.
pub(super) type Wrong = String;

/// Text that is not empty and holds no control characters.
pub(super) fn text(value: &Value) -> Result<String, Wrong> {
    match &value.kind {
        ValueKind::String(text) if text.trim().is_empty() => Err("Write something, or leave the key out.".into()),
        ValueKind::String(text) if text.chars().any(char::is_control) => {
            Err("Write it without control characters such as line ends.".into())
        }
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err("Write text in quotes.".into()),
    }
}

/// `true` or `false`.
pub(super) fn truth(value: &Value) -> Result<bool, Wrong> {
    match &value.kind {
        ValueKind::Boolean(truth) => Ok(*truth),
        ValueKind::String(text) => text.trim().parse().map_err(|_| String::new()),
        _ => Err(String::new()),
    }
    .map_err(|_| "Write true or false.".into())
}

/// A whole number from `low` to `high`.
pub(super) fn whole(value: &Value, low: u64, high: u64) -> Result<u64, Wrong> {
    let number = match &value.kind {
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        ValueKind::U64(number) => Some(*number),
        ValueKind::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| format!("Write a whole number from {low} to {high}."))
}

/// A finite number from `low` to `high`.
pub(super) fn number(value: &Value, low: f64, high: f64) -> Result<f64, Wrong> {
    let number = match &value.kind {
        ValueKind::Float(number) => Some(*number),
        ValueKind::I64(number) => i32::try_from(*number).ok().map(f64::from),
        ValueKind::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // A range holds neither NaN nor, with finite ends, an infinity.
    number.filter(|number| (low..=high).contains(number)).ok_or_else(|| format!("Write a number from {low} to {high}."))
}

/// A list of texts; in the environment they stand between commas.
pub(super) fn list(value: &Value) -> Result<Vec<String>, Wrong> {
    match &value.kind {
        ValueKind::Array(items) => items.iter().map(text).collect(),
        ValueKind::String(all) => Ok(all.split(',').map(|item| item.trim().to_owned()).collect()),
        _ => Err("Write a list of texts in square brackets.".into()),
    }
}

const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A duration from `low` to `high`, such as `"500ms"` or `"2 min"`.
pub(super) fn duration(value: &Value, low: &str, high: &str) -> Result<Duration, Wrong> {
    let ms = |text: &str| with_unit(text, &DURATIONS);
    let found = match &value.kind {
        ValueKind::String(text) => ms(text),
        _ => None,
    };
    found
        .filter(|found| Some(*found) >= ms(low) && Some(*found) <= ms(high))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("Write a number with ms, s, min, h or d, from \"{low}\" to \"{high}\"."))
}

/// A number of bytes from `low` to `high`, such as `"200 MB"`.
pub(super) fn bytes(value: &Value, low: &str, high: &str) -> Result<u64, Wrong> {
    let bytes = |text: &str| with_unit(text, &SIZES);
    let found = match &value.kind {
        ValueKind::String(text) => bytes(text),
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    found
        .filter(|found| Some(*found) >= bytes(low) && Some(*found) <= bytes(high))
        .ok_or_else(|| format!("Write a number with B, kB, MB, GB, KiB, MiB or GiB, from \"{low}\" to \"{high}\"."))
}

/// `"2 min"` in the smallest of `units`; `None` where it is no whole number with a unit, or too large to count.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// One of `words`; the parser's answer is its place among them.
pub(super) fn one_of(value: &Value, words: &[&str]) -> Result<usize, Wrong> {
    let found = match &value.kind {
        ValueKind::String(text) => words.iter().position(|word| word == text),
        _ => None,
    };
    found.ok_or_else(|| {
        let meant = match &value.kind {
            ValueKind::String(text) => super::problem::nearest(text, words.iter().copied()),
            _ => None,
        };
        let all = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        meant.map_or(format!("Write one of {all}."), |word| format!("Write one of {all}; did you mean \"{word}\"?"))
    })
}

/// One level of an MQTT topic: no wildcard, no `/`, nothing that needs escaping anywhere.
pub(super) fn topic_level(value: &Value, longest: usize) -> Result<String, Wrong> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text(value)
        .ok()
        .filter(|text| text.len() <= longest && text.chars().all(allowed))
        .ok_or_else(|| format!("Write up to {longest} letters (a to z), digits, '-', '_' and '.'; no '+', '#' or '/'."))
}

/// Levels of an MQTT topic with `/` between them.
pub(super) fn topic(value: &Value, longest: usize) -> Result<String, Wrong> {
    let whole = text(value).unwrap_or_default();
    let sound =
        whole.len() <= longest && whole.split('/').all(|level| topic_level(&Value::new(None, level), longest).is_ok());
    if sound {
        Ok(whole)
    } else {
        Err(format!("Write up to {longest} letters, digits, '-', '_' and '.', with single '/' between levels."))
    }
}

/// A host name or an address, without port, user or scheme.
pub(super) fn host(value: &Value) -> Result<String, Wrong> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let host = text(value).unwrap_or_default();
    let name_with_port = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
    if host.is_empty() || host.len() > 253 || name_with_port || !host.chars().all(allowed) {
        return Err("Write a host name or an address alone: the port is mqtt.port, the user mqtt.username.".into());
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Value {
        Value::new(None, text)
    }

    #[test]
    fn durations_and_sizes_carry_their_unit() {
        let duration = |text: &str| duration(&value(text), "1ms", "10 d").ok();
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration(" 2 min "), Some(Duration::from_secs(120)));
        assert_eq!(duration("10d"), Some(Duration::from_secs(864_000)));
        for bad in ["", "5", "s", "-1s", "1.5s", "0ms", "11d", "5 weeks", "99999999999999999999s", "9999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        let bytes = |text: &str| bytes(&value(text), "1 kB", "1 GiB").ok();
        assert_eq!((bytes("200 MB"), bytes("1MiB")), (Some(200_000_000), Some(1 << 20)));
        for bad in ["200", "999 B", "2 GiB", "200 mb", "MB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_come_from_the_file_or_as_text_and_are_finite() {
        assert_eq!(whole(&Value::new(None, 1883), 1, 65535), Ok(1883));
        assert_eq!(whole(&value("1883"), 1, 65535), Ok(1883));
        for bad in ["0", "65536", "-1", "18.83", "0x10"] {
            assert!(whole(&value(bad), 1, 65535).is_err(), "{bad}");
        }
        assert!(whole(&Value::new(None, 18.83), 1, 65535).is_err());
        assert_eq!(number(&Value::new(None, 40), 0.0, 100.0), Ok(40.0));
        assert_eq!(number(&value("-13.5"), -90.0, 0.0), Ok(-13.5));
        for bad in ["nan", "inf", "-inf", "101", "x"] {
            assert!(number(&value(bad), 0.0, 100.0).is_err(), "{bad}");
        }
        assert!(number(&Value::new(None, f64::NAN), 0.0, 100.0).is_err());
    }

    #[test]
    fn topics_take_no_wildcards_and_hosts_no_ports() {
        for bad in ["", "+", "room#1", "a/b", "röntgen", "a b", &"x".repeat(65)] {
            assert!(topic_level(&value(bad), 64).is_err(), "{bad}");
        }
        assert!(topic_level(&value("room-1_A.b"), 64).is_ok());
        for bad in ["/a", "a/", "a//b", "a/+/b", "#"] {
            assert!(topic(&value(bad), 128).is_err(), "{bad}");
        }
        assert_eq!(topic(&value("site/sagitta"), 128), Ok("site/sagitta".into()));
        for bad in ["", "mqtt://broker", "broker:1883", "user:secret@broker", "a b"] {
            assert!(host(&value(bad)).is_err(), "{bad}");
        }
        for good in ["broker.ward.example", "127.0.0.1", "::1"] {
            assert_eq!(host(&value(good)), Ok(good.into()));
        }
    }

    #[test]
    fn a_wrong_word_gets_the_one_that_was_meant() {
        let wrong = one_of(&value("tensor"), &["cpu", "cuda", "tensorrt"]).unwrap_err();
        assert!(wrong.ends_with("did you mean \"tensorrt\"?"), "{wrong}");
        assert_eq!(one_of(&value("cuda"), &["cpu", "cuda"]), Ok(1));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,24}") {
            let value = value(&text);
            let _ = (duration(&value, "1ms", "1d"), bytes(&value, "1 B", "1 GB"), topic(&value, 9), host(&value));
        }
    }
}
