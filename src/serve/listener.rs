//! A listener with a limit: no crowd of connections, and none that only sits there, can take the file handles that
//! the folder, the models and the broker need.
//!
//! Beyond [`MAX_CONNECTIONS`] a caller waits in the operating system's queue. A connection on which nothing moves in
//! either direction for [`IDLE`] is closed; a browser opens a new one when it needs it.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// A browser opens up to six; a ward has some ten screens.
const MAX_CONNECTIONS: usize = 96;
/// Longer than any answer takes here.
const IDLE: Duration = Duration::from_secs(30);

/// Accepts while a place is free.
pub(super) struct Bounded {
    inner: TcpListener,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Bounded {
    pub(super) fn new(inner: TcpListener) -> Self {
        Self::with(inner, MAX_CONNECTIONS, IDLE)
    }

    fn with(inner: TcpListener, places: usize, idle: Duration) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(places)), idle }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed: an error cannot come, and would mean a connection without a limit.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.inner).await;
        (Connection { stream, _place: place, limit: self.idle, idle: Box::pin(sleep(self.idle)) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A connection that gives its place back, and ends when nothing moves.
pub(super) struct Connection {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
    limit: Duration,
    idle: Pin<Box<Sleep>>,
}

impl Connection {
    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + self.limit);
    }

    /// What a pending read or write becomes: still pending, or an end.
    fn pending<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.idle.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(done) => {
                self.moved();
                Poll::Ready(done)
            }
            Poll::Pending => self.pending(cx),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Ready(done) => {
                self.moved();
                Poll::Ready(done)
            }
            Poll::Pending => self.pending(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bufs) {
            Poll::Ready(done) => {
                self.moved();
                Poll::Ready(done)
            }
            Poll::Pending => self.pending(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const NEVER: Duration = Duration::from_secs(3600);

    async fn bounded(places: usize, idle: Duration) -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        (Bounded::with(listener, places, idle), address)
    }

    #[tokio::test]
    async fn a_connection_on_which_nothing_moves_ends() {
        let (mut bounded, address) = bounded(1, SHORT).await;
        let _caller = TcpStream::connect(address).await.expect("connected");
        let (mut connection, _) = bounded.accept().await;
        let error = connection.read_u8().await.expect_err("nothing was sent");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn beyond_the_limit_a_caller_waits_until_a_place_is_free() {
        let (mut bounded, address) = bounded(1, NEVER).await;
        let _first = TcpStream::connect(address).await.expect("connected");
        let _second = TcpStream::connect(address).await.expect("connected");
        let (held, _) = bounded.accept().await;
        assert!(timeout(SHORT, bounded.accept()).await.is_err(), "the limit was passed");
        drop(held);
        bounded.accept().await;
    }
}
