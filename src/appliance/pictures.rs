//! The drawings and the bare films of the newest reports, as files beside the ledger, for the page that is opened late.
//!
//! A picture is written before its report is recorded and is only a convenience: one that cannot be written or read is
//! missing on the page, and nothing else happens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::report::ReportId;

/// Pictures kept, two a report; some 300 KiB each, so about 600 MB at the very worst.
const KEEP: usize = 2000;
/// How many more than that may lie there before the oldest are removed.
const SLACK: usize = 100;

/// Which picture of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// With everything drawn on it.
    Overlay,
    /// The bare film.
    Film,
}

impl Picture {
    const fn ending(self) -> &'static str {
        match self {
            Self::Overlay => "jpg",
            Self::Film => "film.jpg",
        }
    }
}

/// The folder of the pictures.
#[derive(Debug, Clone)]
pub(super) struct Pictures {
    folder: PathBuf,
}

impl Pictures {
    /// Those below `store`.
    pub(super) fn new(store: &Path) -> Self {
        Self { folder: store.join("overlays") }
    }

    fn path(&self, id: &str, what: Picture) -> Option<PathBuf> {
        // Ids are hexadecimal; anything else is no picture of ours.
        let sound = !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit());
        sound.then(|| self.folder.join(format!("{id}.{}", what.ending())))
    }

    /// Keeps `jpeg` as a picture of report `id`.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn keep(&self, id: &ReportId, what: Picture, jpeg: &[u8]) -> io::Result<()> {
        let path = self.path(&id.0, what).ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(&self.folder)?;
        let part = path.with_extension("part");
        fs::write(&part, jpeg)?;
        fs::rename(&part, &path)?;
        self.prune()
    }

    /// A picture of report `id`, if it is still there.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn get(&self, id: &str, what: Picture) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.path(id, what) else { return Ok(None) };
        match fs::read(path) {
            Ok(jpeg) => Ok(Some(jpeg)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn prune(&self) -> io::Result<()> {
        let mut pictures: Vec<_> = fs::read_dir(&self.folder)?.filter_map(Result::ok).collect();
        if pictures.len() <= KEEP + SLACK {
            return Ok(());
        }
        pictures.sort_by_key(|entry| entry.metadata().and_then(|m| m.modified()).ok());
        let surplus = pictures.len() - KEEP;
        pictures.into_iter().take(surplus).try_for_each(|entry| fs::remove_file(entry.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_pictures_are_kept_and_no_name_leaves_the_folder() {
        let store = tempfile::tempdir().unwrap();
        let pictures = Pictures::new(store.path());
        for i in 0..KEEP + SLACK + 1 {
            pictures.keep(&ReportId(format!("{i:032x}")), Picture::Overlay, b"jpeg").unwrap();
        }
        assert_eq!(fs::read_dir(store.path().join("overlays")).unwrap().count(), KEEP);
        assert!(pictures.get(&format!("{:032x}", KEEP + SLACK), Picture::Overlay).unwrap().is_some());
        assert!(pictures.get(&format!("{:032x}", KEEP + SLACK), Picture::Film).unwrap().is_none());
        assert!(pictures.get("../ledger", Picture::Film).unwrap().is_none());
        assert!(pictures.keep(&ReportId("../x".into()), Picture::Film, b"").is_err());
    }
}
