//! HTTPS: certificates are read once at the start; a caller's certificate is asked for where authorities are named.
//!
//! Handshakes run beside each other and within a time, so that none of them holds up the next caller.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ServeError;
use super::listener::{Bounded, Connection};

/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Callers whose handshake is done and who wait to be answered.
const READY: usize = 16;

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// The authorities that must have signed a caller's certificate; `None` asks for none.
    pub client_ca_file: Option<PathBuf>,
}

/// Ready to answer handshakes: ring's algorithms, TLS 1.2 and 1.3.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ServeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let wrong = |path: &Path, problem: String| ServeError::Credential { path: path.into(), problem };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&tls.cert_file, error.to_string()))?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut authorities = RootCertStore::empty();
            let (_, ignored) = authorities.add_parsable_certificates(certificates(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                .build()
                .map_err(|error| wrong(path, format!("{error}; {ignored} of its certificates could not be used")))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|error| wrong(&tls.key_file, format!("no private key can be read from it: {error}")))?;
    let mut config = builder.with_single_cert(certificates(&tls.cert_file)?, key).map_err(|error| {
        wrong(&tls.key_file, format!("the key does not fit the certificate in {}: {error}", tls.cert_file.display()))
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let wrong = |problem: String| ServeError::Credential { path: path.into(), problem };
    let unreadable = |error| wrong(format!("no certificate can be read from it: {error}"));
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if found.is_empty() { Err(wrong("it holds no certificate; give a PEM file".into())) } else { Ok(found) }
}

/// Hands out callers whose handshake is done.
pub(super) struct Secured {
    ready: mpsc::Receiver<(TlsStream<Connection>, SocketAddr)>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Secured {
    pub(super) fn new(mut inner: Bounded, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = inner.local_addr()?;
        let (sender, ready) = mpsc::channel(READY);
        let task = tokio::spawn(async move {
            loop {
                let (connection, caller) = inner.accept().await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(connection)).await {
                        Ok(Ok(stream)) => drop(sender.send((stream, caller)).await),
                        Ok(Err(error)) => tracing::debug!(%error, "a caller's handshake failed"),
                        Err(_) => tracing::debug!("a caller's handshake took too long"),
                    }
                });
            }
        });
        Ok(Self { ready, address, task })
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener for Secured {
    type Io = TlsStream<Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The task holds a sender for as long as this lives.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
