//! Names: which files are not looked at, and how a file is called in the log.
//!
//! Invariant: where `log_file_names` is off, no part of a file's name reaches the log, since modalities put patients'
//! names into file names. The label that stands there instead is keyed anew with every run, so it cannot be looked up in
//! a table of names; the content's hash, logged beside it once it is known, finds the file on disk.

use std::ffi::OsStr;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Component, Path};

/// A name or an ending that is not looked at: `Thumbs.db`, or `*.tmp` for everything that ends in `.tmp`; letters count
/// the same in upper and lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    text: String,
    ending: bool,
}

impl Ignored {
    /// A pattern, or `None` where it is empty, `*` alone, holds `/` or a star elsewhere than in front.
    pub fn parse(pattern: &str) -> Option<Self> {
        let (ending, rest) = pattern.strip_prefix('*').map_or((false, pattern), |rest| (true, rest));
        let sound = !rest.is_empty() && !rest.contains(['*', '/', '\0']);
        sound.then(|| Self { text: rest.to_lowercase(), ending })
    }

    fn holds(&self, name: &str) -> bool {
        if self.ending { name.ends_with(&self.text) } else { name == self.text }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ending { "*" } else { "" })?;
        f.write_str(&self.text)
    }
}

/// Whether a file or folder called `name` is passed over: hidden (a leading dot) or in `ignored`.
pub(super) fn is_ignored(name: &OsStr, ignored: &[Ignored]) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || {
        let lower = name.to_lowercase();
        ignored.iter().any(|pattern| pattern.holds(&lower))
    }
}

/// Whether any part of `path`, which lies below the watched folder, is passed over or leads out of it.
pub(super) fn is_path_ignored(path: &Path, ignored: &[Ignored]) -> bool {
    path.components().any(|part| match part {
        Component::Normal(name) => is_ignored(name, ignored),
        _ => true,
    })
}

/// `path`, which lies below the watched folder, as it stands in an [`Arrival`](crate::domain::arrival::Arrival): with
/// `/` between folders; what is not UTF-8 becomes U+FFFD.
pub(super) fn file(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// How a file is called in the log.
#[derive(Debug)]
pub(super) enum Labels {
    /// By its name: the configuration allows it.
    Plain,
    /// By eight hexadecimal digits, the same for the same file within one run.
    Keyed(RandomState),
}

impl Labels {
    /// Plain names only where the configuration allows them.
    pub(super) fn new(plain: bool) -> Self {
        if plain { Self::Plain } else { Self::Keyed(RandomState::new()) }
    }

    /// The label of `path`.
    pub(super) fn of(&self, path: &Path) -> String {
        match self {
            Self::Plain => file(path),
            Self::Keyed(key) => format!("{:08x}", key.hash_one(path) >> 32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &[&str]) -> Vec<Ignored> {
        patterns.iter().filter_map(|p| Ignored::parse(p)).collect()
    }

    #[test]
    fn hidden_and_temporary_names_are_passed_over_in_any_case_and_at_any_depth() {
        let patterns = ignored(&["*.tmp", "*~", "Thumbs.db"]);
        for name in [".a.dcm", "a.dcm.tmp", "A.TMP", "a~", "THUMBS.DB", "x/.cache/a.dcm", "x.tmp/a.dcm", "../a.dcm"] {
            assert!(is_path_ignored(Path::new(name), &patterns), "{name}");
        }
        for name in ["a.dcm", "IM0001", "tmp", "a.tmp.dcm", "x/Thumbs.db.png", "ä/ö.png"] {
            assert!(!is_path_ignored(Path::new(name), &patterns), "{name}");
        }
    }

    #[test]
    fn a_pattern_that_would_hide_everything_is_none() {
        for bad in ["", "*", "**", "a*", "*a*", "a/b"] {
            assert_eq!(Ignored::parse(bad), None, "{bad}");
        }
        assert_eq!(Ignored::parse("*.Tmp").map(|p| p.to_string()), Some("*.tmp".into()));
    }

    #[test]
    fn a_label_holds_nothing_of_the_name() {
        let labels = Labels::new(false);
        let label = labels.of(Path::new("DOE_JANE.dcm"));
        assert_eq!(label, labels.of(Path::new("DOE_JANE.dcm")));
        assert_ne!(label, labels.of(Path::new("DOE_JOHN.dcm")));
        assert_ne!(label, Labels::new(false).of(Path::new("DOE_JANE.dcm")), "keyed anew with every run");
        assert!(label.len() == 8 && label.chars().all(|c| c.is_ascii_hexdigit()));
        assert_eq!(Labels::new(true).of(Path::new("a/b.dcm")), "a/b.dcm");
    }
}
