//! Bundles of models: signed, versioned, installed as a whole or not at all.

use minisign_verify::PublicKey;

/// Why a bundle is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A text that is no public key.
    #[error("{0:?} is no public key of minisign: 56 letters that begin with RW")]
    Key(String),
}

/// The public key that minisign prints as `text`.
///
/// # Errors
/// [`BundleError::Key`].
pub fn key(text: &str) -> Result<PublicKey, BundleError> {
    PublicKey::from_base64(text.trim()).map_err(|_| BundleError::Key(text.to_owned()))
}
