//! Certificates, keys and the password: read from their files for every connection, so that they may be renewed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::publish::{Login, PublishError, Tls};

/// The longest password file, in bytes: a larger one is a mistake.
const MAX_PASSWORD: u64 = 64 * 1024;

fn credential(path: &Path, problem: impl Into<String>) -> PublishError {
    PublishError::Credential { path: path.into(), problem: problem.into() }
}

/// The TLS configuration: ring's algorithms, TLS 1.2 and 1.3, the broker's name checked against its certificate.
pub(in crate::publish) fn tls(settings: &Tls) -> Result<ClientConfig, PublishError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| credential(&settings.ca_file, error.to_string()))?
        .with_root_certificates(authorities(&settings.ca_file)?);
    match &settings.client {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| credential(key, format!("no private key can be read from it: {error}")))?;
            builder.with_client_auth_cert(certificates(chain)?, private).map_err(|error| {
                credential(key, format!("the key does not belong to the certificate in {}: {error}", chain.display()))
            })
        }
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, PublishError> {
    let mut store = RootCertStore::empty();
    // The system's collection may hold one that this library does not take; one is enough to go on.
    let (added, ignored) = store.add_parsable_certificates(certificates(path)?);
    if added == 0 {
        return Err(credential(path, format!("none of its {ignored} certificates can be an authority")));
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PublishError> {
    let unreadable = |error| credential(path, format!("no certificate can be read from it: {error}"));
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if found.is_empty() {
        return Err(credential(path, "it holds no certificate; give a PEM file"));
    }
    Ok(found)
}

/// The password of `login`; empty without a file.
pub(in crate::publish) fn password(login: &Login) -> Result<String, PublishError> {
    let Some(path) = &login.password_file else { return Ok(String::new()) };
    let unreadable = |error: std::io::Error| credential(path, format!("the password cannot be read: {error}"));
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_PASSWORD {
        return Err(credential(path, "it is too large for a password"));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
