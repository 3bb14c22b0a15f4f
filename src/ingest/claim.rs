//! Claiming a complete file: hash its content and make sure that it did not change meanwhile.
//!
//! The content is streamed: memory does not grow with the file. A file beyond `max_bytes` is never opened.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::domain::arrival::ContentHash;

use super::settle::Stamp;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;

/// What became of an attempt to claim a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The content's hash; the file had the same stamp before and after.
    Hash(ContentHash),
    /// The file changed while it was being read.
    Changed,
}

/// Hashes the file at `path`, which had the stamp `stamp` when it was last looked at.
///
/// # Errors
/// The operating system's, when the file cannot be opened or read.
pub(super) fn claim(path: &Path, stamp: Stamp) -> io::Result<Claim> {
    let mut file = File::open(path)?;
    // Opened before compared: a link or a pipe that was put in the file's place has another inode.
    if Stamp::of(&file.metadata()?) != stamp {
        return Ok(Claim::Changed);
    }
    let hash = hash(&mut file, stamp.size)?;
    let same = Stamp::of(&file.metadata()?) == stamp && Stamp::of(&fs::symlink_metadata(path)?) == stamp;
    Ok(match hash {
        Some(hash) if same => Claim::Hash(hash),
        _ => Claim::Changed,
    })
}

/// The hash of exactly `size` bytes, or `None` where the file holds fewer or more.
fn hash(file: &mut File, size: u64) -> io::Result<Option<ContentHash>> {
    let (mut sha256, mut left) = (Sha256::new(), size);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok((left == 0).then(|| ContentHash(sha256.finalize().into())));
        };
        let Some(rest) = left.checked_sub(read as u64) else { return Ok(None) };
        left = rest;
        sha256.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::symlink_metadata(path).unwrap())
    }

    #[test]
    fn the_hash_is_the_contents_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "abc").unwrap();
        let Claim::Hash(hash) = claim(&path, stamp(&path)).unwrap() else { panic!("changed") };
        // FIPS 180-2, appendix B.1.
        assert_eq!(hash.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_file_that_grew_or_was_replaced_is_not_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "abc").unwrap();
        let before = stamp(&path);
        fs::write(&path, "abcd").unwrap();
        assert_eq!(claim(&path, before).unwrap(), Claim::Changed);
        fs::write(dir.path().join("b"), "abcd").unwrap();
        let before = stamp(&path);
        fs::rename(dir.path().join("b"), &path).unwrap();
        assert_eq!(claim(&path, before).unwrap(), Claim::Changed);
    }

    #[test]
    fn a_link_in_the_files_place_is_not_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "abc").unwrap();
        let before = stamp(&path);
        fs::rename(&path, &other).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert_eq!(claim(&path, before).unwrap(), Claim::Changed);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(claim(dir.path(), stamp(dir.path())).is_err(), "a folder opens, but reading it fails");
        let gone = dir.path().join("gone");
        let stamp = Stamp { size: 0, modified_ns: 0, changed_ns: 0, inode: 0 };
        assert_eq!(claim(&gone, stamp).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
