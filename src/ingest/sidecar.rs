//! The sidecar of a fault: a text file for people beside the ledger, never in the modality's folder; and, where the
//! configuration wants it, a copy of the file itself (the quarantine).
//!
//! Sidecars and copies may hold patients' names, as the files themselves do: their folder is made for the service's user
//! alone (mode 0700) and nothing in it leaves the machine. Both are limited; beyond a limit the oldest go first, so a
//! modality gone mad cannot fill the disk. A name begins with the time, hence the order of names is the order of time.
//!
//! On failure: an error that the appliance logs; the fault itself is in the ledger and on MQTT all the same.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use crate::domain::fault::Fault;

/// Where sidecars go and how many are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder, `faults` below the store; made when first needed.
    pub folder: PathBuf,
    /// Sidecars kept.
    pub keep: usize,
    /// Copies of the files, where wanted.
    pub quarantine: Option<Quarantine>,
}

/// Limits of the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantine {
    /// Copies kept.
    pub files: usize,
    /// Bytes kept altogether; a larger file is not copied at all.
    pub bytes: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The sidecar.
    pub sidecar: PathBuf,
    /// The copy of the file, if one was made.
    pub copy: Option<PathBuf>,
}

/// A sidecar that could not be written: the disk is full, or the store is not ours.
#[derive(Debug, thiserror::Error)]
#[error("no sidecar in {}: {source}; look at the free space and the owner of the store", folder.display())]
pub struct SidecarError {
    folder: PathBuf,
    source: io::Error,
}

const NOTE: &str = "txt";
const COPY: &str = "film";

/// Writes the sidecar for `fault`, which concerns the file at `original` and happened at `at`.
///
/// # Errors
/// [`SidecarError`] when it cannot be written. A copy that cannot be made is no error: the sidecar says so.
pub fn write(settings: &Settings, fault: &Fault, original: &Path, at: DateTime<Utc>) -> Result<Written, SidecarError> {
    let attempt = || {
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.folder)?;
        let name = name(fault, at);
        let copy = settings.quarantine.map(|limits| {
            let path = settings.folder.join(format!("{name}.{COPY}"));
            copy(original, &path, limits).map(|()| path)
        });
        let sidecar = settings.folder.join(format!("{name}.{NOTE}"));
        let mut file = private(&sidecar)?;
        file.write_all(text(fault, at, copy.as_ref()).as_bytes())?;
        file.sync_all()?;
        let copy = copy.and_then(Result::ok);
        if let Some(limits) = settings.quarantine {
            prune(&settings.folder, COPY, limits.files, limits.bytes)?;
        }
        prune(&settings.folder, NOTE, settings.keep, u64::MAX)?;
        Ok(Written { sidecar, copy: copy.filter(|path| path.exists()) })
    };
    attempt().map_err(|source| SidecarError { folder: settings.folder.clone(), source })
}

/// `20261122T003547.123Z-truncated-3f2a9c1b`: the time, the code and the beginning of the file name's hash.
fn name(fault: &Fault, at: DateTime<Utc>) -> String {
    let hash = Sha256::digest(fault.file.as_bytes());
    let id: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{id}", at.format("%Y%m%dT%H%M%S%.3fZ"), fault.code.name())
}

fn text(fault: &Fault, at: DateTime<Utc>, copy: Option<&io::Result<PathBuf>>) -> String {
    let copy = match copy {
        None => "none; set faults.quarantine in the configuration to keep one".to_owned(),
        Some(Ok(path)) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Some(Err(error)) => format!("none; {error}"),
    };
    format!(
        "Sagitta could not measure this file.\n\n\
         file:     {}\ncode:     {}\nreason:   {}\nremedy:   {}\ntime:     {}\ncopy:     {copy}\nversion:  {}\n",
        printable(&fault.file),
        fault.code.name(),
        printable(&fault.reason),
        fault.code.remedy(),
        at.to_rfc3339(),
        env!("CARGO_PKG_VERSION"),
    )
}

/// One line, without anything that a terminal would obey: names and reasons come from hostile files too.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn copy(from: &Path, to: &Path, limits: Quarantine) -> io::Result<()> {
    let source = File::open(from)?;
    let metadata = source.metadata()?;
    if !metadata.is_file() || metadata.len() > limits.bytes {
        return Err(io::Error::other(format!("the file is larger than the limit of {} bytes", limits.bytes)));
    }
    let copied = private(to).and_then(|mut target| io::copy(&mut source.take(limits.bytes), &mut target));
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied.map(drop)
}

/// Removes the oldest files with the ending `ending` until at most `files` of them with `bytes` altogether are left.
fn prune(folder: &Path, ending: &str, files: usize, bytes: u64) -> io::Result<()> {
    let mut kept: Vec<(PathBuf, u64)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|e| e == ending) {
            kept.push((entry.path(), entry.metadata()?.len()));
        }
    }
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, size)| size).sum();
    let mut left = kept.len();
    for (path, size) in kept {
        if left <= files && total <= bytes {
            break;
        }
        fs::remove_file(path)?;
        left -= 1;
        total -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use chrono::TimeDelta;

    use crate::domain::fault::FaultCode;

    use super::*;

    fn fault(file: &str) -> Fault {
        Fault { code: FaultCode::Truncated, file: file.into(), reason: "It ends\x1b[2J early.".into() }
    }

    fn settings(dir: &Path, keep: usize, quarantine: Option<Quarantine>) -> Settings {
        Settings { folder: dir.join("store/faults"), keep, quarantine }
    }

    fn count(folder: &Path, ending: &str) -> usize {
        fs::read_dir(folder).unwrap().filter(|e| e.as_ref().unwrap().path().extension().unwrap() == ending).count()
    }

    #[test]
    fn a_sidecar_says_what_why_and_what_to_do_in_plain_lines() {
        let dir = tempfile::tempdir().unwrap();
        let at = DateTime::from_timestamp(1_795_300_000, 0).unwrap();
        let written = write(&settings(dir.path(), 10, None), &fault("sub/a.dcm"), Path::new("/none"), at).unwrap();
        let text = fs::read_to_string(&written.sidecar).unwrap();
        for part in ["sub/a.dcm", "truncated", "It ends\u{FFFD}[2J early.", FaultCode::Truncated.remedy()] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains('\x1b'));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&written.sidecar), mode(written.sidecar.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn the_oldest_sidecars_and_copies_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("a.dcm");
        fs::write(&original, [7; 100]).unwrap();
        let settings = settings(dir.path(), 5, Some(Quarantine { files: 9, bytes: 250 }));
        let start = DateTime::from_timestamp(1_795_300_000, 0).unwrap();
        let all: Vec<_> = (0..8)
            .map(|i| write(&settings, &fault("a.dcm"), &original, start + TimeDelta::seconds(i)).unwrap())
            .collect();
        assert_eq!((count(&settings.folder, NOTE), count(&settings.folder, COPY)), (5, 2));
        assert!(!all[2].sidecar.exists() && all[3].sidecar.exists());
        let copy = all[7].copy.as_ref().unwrap();
        assert_eq!(fs::read(copy).unwrap(), [7; 100]);
    }

    #[test]
    fn a_file_beyond_the_quarantine_or_gone_leaves_a_sidecar_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("a.dcm");
        fs::write(&original, [7; 100]).unwrap();
        let settings = settings(dir.path(), 5, Some(Quarantine { files: 9, bytes: 99 }));
        let written = write(&settings, &fault("a.dcm"), &original, Utc::now()).unwrap();
        assert_eq!((written.copy, count(&settings.folder, COPY)), (None, 0));
        assert!(fs::read_to_string(written.sidecar).unwrap().contains("limit of 99 bytes"));
        let gone = write(&settings, &fault("b.dcm"), Path::new("/nowhere/b.dcm"), Utc::now()).unwrap();
        assert!(gone.copy.is_none() && gone.sidecar.exists());
    }

    #[test]
    fn a_store_that_cannot_be_written_is_an_error_with_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("store"), "a file where a folder should be").unwrap();
        let error = write(&settings(dir.path(), 5, None), &fault("a"), Path::new("/none"), Utc::now()).unwrap_err();
        assert!(error.to_string().contains("free space"), "{error}");
    }
}
