//! Bundles of models: signed, versioned, installed as a whole or not at all.
//!
//! ```text
//!  FILE.tar.gz + FILE.tar.gz.minisig ─ signature ─ unpack ─ version ─ manifest, hashes, golden answers ─ engines, gate, self-test
//!                                         │           │        │                  │                              │
//!                                         └───────────┴────────┴──────────────────┴── refused: nothing changes ──┘
//!                                                                                                   switch, by one rename
//! ```
//!
//! A bundle is a tar of plain files, packed with gzip: `bundle.toml` with its version, `manifest.toml`, the models, their
//! cards and `golden.json`. It is signed with minisign (Ed25519, prehashed); the keys that count stand in the configuration.
//!
//! Invariants: what was verified is what is unpacked, from one copy in memory; nothing is written outside the folder of the
//! new set; a set is switched to only after it has proved itself; the set before is kept.

mod sets;
mod unpack;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature};

use crate::golden::{self, AnswersError, Stored};
use crate::inference::manifest::{Manifest, ManifestError};

pub use sets::{PACKAGE, Sets, State};

/// Bytes of a bundle as it comes.
const MAX_BYTES: u64 = 512 << 20;

/// Why a bundle is not taken, or a set not switched to; nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A text that is no public key.
    #[error("{0:?} is no public key of minisign: 56 letters that begin with RW")]
    Key(String),
    /// No key is trusted.
    #[error("no key is trusted: name the maker's public key with [models] keys")]
    NoKeys,
    /// A file that cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no signature beside the bundle.
    #[error("{path} is missing: the bundle is not signed", path = path.display())]
    Unsigned {
        /// Where it should be.
        path: PathBuf,
    },
    /// The signature is by another key, or of another content.
    #[error("{path} is not what a trusted key has signed: {reason}", path = path.display())]
    Signature {
        /// The bundle.
        path: PathBuf,
        /// Which.
        reason: String,
    },
    /// An archive that is not of plain files, or too large.
    #[error("the bundle cannot be unpacked: {0}")]
    Archive(String),
    /// No `bundle.toml`, or one that is not understood.
    #[error("bundle.toml: {0}")]
    About(String),
    /// Too old.
    #[error(
        "the bundle has version {found}, {floor} is the oldest that is taken ({why}); `sagitta models rollback` goes back to the set before"
    )]
    Older {
        /// Its version.
        found: u64,
        /// The oldest.
        floor: u64,
        /// What asks for it.
        why: &'static str,
    },
    /// Its models are not what its manifest says.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its golden answers are missing or of other models.
    #[error(transparent)]
    Answers(#[from] AnswersError),
    /// It did not prove itself on this machine.
    #[error("the new models did not prove themselves: {0}")]
    Unproven(String),
    /// There is nothing to go back to.
    #[error("there is no set before this one")]
    NothingBefore,
    /// Someone else installs.
    #[error("another sagitta installs models in {folder}; wait until it is done", folder = folder.display())]
    Busy {
        /// Where.
        folder: PathBuf,
    },
}

/// The public key that minisign prints as `text`.
///
/// # Errors
/// [`BundleError::Key`].
pub fn key(text: &str) -> Result<PublicKey, BundleError> {
    PublicKey::from_base64(text.trim()).map_err(|_| BundleError::Key(text.to_owned()))
}

/// What `bundle.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of this format: 1.
    pub schema: u32,
    /// Of the models: a newer set has a higher one.
    pub version: u64,
    /// For people.
    pub description: String,
}

impl About {
    const SCHEMA: u32 = 1;
    const FILE: &str = "bundle.toml";

    /// What the set in `folder` says of itself.
    ///
    /// # Errors
    /// [`BundleError::About`].
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        let text =
            fs::read_to_string(folder.join(Self::FILE)).map_err(|error| BundleError::About(error.to_string()))?;
        let about: Self = toml::from_str(&text).map_err(|error| BundleError::About(error.to_string()))?;
        if about.schema == Self::SCHEMA {
            Ok(about)
        } else {
            Err(BundleError::About(format!("its format is {}, this version reads {}", about.schema, Self::SCHEMA)))
        }
    }
}

/// A bundle whose signature was verified.
#[derive(Debug)]
pub struct Bundle {
    bytes: Vec<u8>,
}

impl Bundle {
    /// Reads `path` and its signature, by default `path` with `.minisig` behind it, and verifies it by one of `keys`.
    ///
    /// # Errors
    /// [`BundleError::NoKeys`], [`BundleError::File`], [`BundleError::Unsigned`] or [`BundleError::Signature`].
    pub fn open(path: &Path, signature: Option<&Path>, keys: &[String]) -> Result<Self, BundleError> {
        if keys.is_empty() {
            return Err(BundleError::NoKeys);
        }
        let beside = || {
            let mut name = path.as_os_str().to_owned();
            name.push(".minisig");
            PathBuf::from(name)
        };
        let place = signature.map_or_else(beside, Path::to_owned);
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| BundleError::File { path, source }
        };
        let length = fs::metadata(path).map_err(file(path))?.len();
        if length > MAX_BYTES {
            return Err(BundleError::Archive(format!("it has {} MB, {} are the limit", length >> 20, MAX_BYTES >> 20)));
        }
        let signed = match fs::read_to_string(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BundleError::Unsigned { path: place }),
            Err(error) => return Err(file(&place)(error)),
        };
        let refused = |reason: String| BundleError::Signature { path: path.to_owned(), reason };
        let signature = Signature::decode(&signed).map_err(|error| refused(error.to_string()))?;
        let bytes = fs::read(path).map_err(file(path))?;
        let mut last = String::new();
        for text in keys {
            match key(text)?.verify(&bytes, &signature, false) {
                Ok(()) => return Ok(Self { bytes }),
                Err(error) => last = error.to_string(),
            }
        }
        Err(refused(last))
    }

    /// Unpacks into `folder`, which is made, and checks what is there: version, manifest, hashes, golden answers.
    ///
    /// # Errors
    /// [`BundleError`]; the folder may hold a part of the bundle then.
    fn unpack(&self, folder: &Path) -> Result<About, BundleError> {
        unpack::into(&self.bytes, folder)?;
        let about = About::read(folder)?;
        let manifest = Manifest::load(folder)?;
        for model in manifest.models() {
            model.read()?;
        }
        Stored::load(folder, &golden::models(&manifest))?;
        Ok(about)
    }
}

#[cfg(test)]
mod tests;
