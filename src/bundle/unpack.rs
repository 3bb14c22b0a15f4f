//! A tar of plain files into one folder; anything else is refused before it is written.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path};

use flate2::read::GzDecoder;

use super::BundleError;

/// Files of a bundle.
const MAX_FILES: usize = 64;
/// Bytes of all of them, unpacked.
const MAX_BYTES: u64 = 1 << 30;

/// Unpacks the archive in `bytes` into `folder`, which is made.
///
/// # Errors
/// [`BundleError::Archive`] for what is no archive of plain files, [`BundleError::File`] where one cannot be written.
pub(super) fn into(bytes: &[u8], folder: &Path) -> Result<(), BundleError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| BundleError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(file(folder))?;
    let broken = |error: io::Error| BundleError::Archive(error.to_string());
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let (mut names, mut room) = (BTreeSet::new(), MAX_BYTES);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type().is_dir() {
            // `./`, which tar writes for the folder it was told to pack.
            let itself = entry.path().map_err(broken)?.components().all(|part| part == Component::CurDir);
            if itself {
                continue;
            }
            return Err(BundleError::Archive("it holds a folder".into()));
        }
        if !entry.header().entry_type().is_file() {
            return Err(BundleError::Archive("it holds something that is no plain file".into()));
        }
        let name = plain(&entry.path().map_err(broken)?)?;
        if !names.insert(name.clone()) {
            return Err(BundleError::Archive(format!("it holds {name} twice")));
        }
        if names.len() > MAX_FILES {
            return Err(BundleError::Archive(format!("it holds more than {MAX_FILES} files")));
        }
        let path = folder.join(&name);
        let mut to = File::create_new(&path).map_err(file(&path))?;
        // One byte more than there is room for tells that there is too much.
        let written = io::copy(&mut entry.by_ref().take(room + 1), &mut to);
        let written = written.map_err(|error| BundleError::Archive(format!("{name}: {error}")))?;
        room = room
            .checked_sub(written)
            .ok_or_else(|| BundleError::Archive(format!("it holds more than {} MB", MAX_BYTES >> 20)))?;
        to.sync_all().map_err(file(&path))?;
    }
    if names.is_empty() { Err(BundleError::Archive("it is empty".into())) } else { Ok(()) }
}

/// The name of a file that lies in no folder and is not hidden.
fn plain(path: &Path) -> Result<String, BundleError> {
    let refused = || BundleError::Archive(format!("{:?} is no plain name", path.display().to_string()));
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return Err(refused()) };
    let name = name.to_str().ok_or_else(refused)?;
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&letter);
    if name.starts_with('.') || name.len() > 100 || !name.chars().all(harmless) {
        return Err(refused());
    }
    Ok(name.to_owned())
}
