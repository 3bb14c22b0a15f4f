//! Bytes in and out: TCP, or the binary frames of a WebSocket (MQTT 5, section 6).

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

/// The largest packet in either direction, in bytes: an overlay four times over.
pub(super) const MAX_PACKET: u32 = 1024 * 1024;

/// The subprotocol of MQTT over WebSocket.
const SUBPROTOCOL: &str = "mqtt";

/// A connection, either way.
#[derive(Debug)]
pub(super) enum Transport {
    /// Plain TCP.
    Tcp(TcpStream),
    /// Frames in TCP.
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

impl Transport {
    /// Answers a WebSocket handshake.
    pub(super) async fn web_socket(stream: TcpStream) -> io::Result<Self> {
        let largest = MAX_PACKET as usize + 16;
        let config = WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
        let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, handshake, Some(config)).await;
        Ok(Self::WebSocket(Box::new(socket.map_err(other)?)))
    }

    /// Adds what has come to `buffer`; `false` at the end. Safe to cancel.
    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => Ok(stream.read_buf(buffer).await? > 0),
            Self::WebSocket(socket) => loop {
                match socket.next().await.transpose().map_err(other)? {
                    Some(Message::Binary(bytes)) => {
                        buffer.extend_from_slice(&bytes);
                        return Ok(true);
                    }
                    Some(Message::Ping(_) | Message::Pong(_)) => {}
                    // MQTT 5, 6.0.0-1: other data frames end the connection.
                    Some(Message::Text(_) | Message::Close(_) | Message::Frame(_)) | None => return Ok(false),
                }
            },
        }
    }

    /// Sends `bytes`.
    pub(super) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(&bytes).await,
            Self::WebSocket(socket) => socket.send(Message::Binary(bytes)).await.map_err(other),
        }
    }

    /// Ends the connection politely; what fails now does not matter any more.
    pub(super) async fn close(&mut self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown().await,
            Self::WebSocket(socket) => socket.close().await.map_err(other),
        };
    }
}

fn other(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Names the subprotocol, and refuses pages that did not come from this machine: a browser lets any page on the web open
/// a WebSocket to loopback, and the reports are none of its business.
#[allow(clippy::result_large_err)] // the type of tungstenite's callback
fn handshake(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !from_here(origin)) {
        let mut refusal = ErrorResponse::new(Some("pages from other machines may not read this broker".into()));
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        return Err(refusal);
    }
    let asked = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let speaks = asked.iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    if speaks.map(str::trim).any(|word| word == SUBPROTOCOL) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(response)
}

fn from_here(origin: &HeaderValue) -> bool {
    let host =
        origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok()).and_then(|uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_may_connect() {
        for (origin, allowed) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost", true),
            ("http://[::1]:8080", true),
            ("https://example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("null", false),
        ] {
            assert_eq!(from_here(&HeaderValue::from_static(origin)), allowed, "{origin}");
        }
    }
}
