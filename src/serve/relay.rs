//! `/api/mqtt`: the page's way to the broker, under the page's own address.
//!
//! A browser speaks MQTT over WebSocket only, and the broker may have no WebSocket listener, or stand where browsers do not
//! reach it. Bytes go through as they are; what a page may read and write there is the broker's to say.
//!
//! Only a page from this very address is let through (`Origin`): browsers let any page open a WebSocket to anywhere. On
//! failure the page is answered with a plain sentence or its connection ends, and it tries again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::uri::Uri;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

use super::{Site, api};

/// The subprotocol of MQTT over WebSocket (MQTT 5, 6.0.0-3).
const SUBPROTOCOL: &str = "mqtt";
/// The largest frame from a page: a subscription is far smaller, and so is a request.
const MAX_FRAME: usize = 64 * 1024;
/// Bytes from the broker that are sent on at once.
const CHUNK: usize = 32 * 1024;
/// How long the way to the broker may take to open.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// `GET /api/mqtt`.
pub(super) async fn broker(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(dial) = &site.source.broker else {
        return api::problem(StatusCode::NOT_FOUND, "the page reaches the broker under the broker's own address");
    };
    if !from_here(&headers) {
        return api::problem(StatusCode::FORBIDDEN, "only the page of this address is let through to the broker");
    }
    let Ok(upgrade) = upgrade else {
        return api::problem(StatusCode::UPGRADE_REQUIRED, "this address speaks MQTT over WebSocket only");
    };
    let Ok(place) = Arc::clone(&site.relays).try_acquire_owned() else {
        return api::problem(StatusCode::SERVICE_UNAVAILABLE, "too many pages are connected; close some");
    };
    let broker = match tokio::time::timeout(OPEN_WITHIN, dial()).await {
        Ok(Ok(broker)) => broker,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a page did not reach the broker");
            return api::problem(StatusCode::BAD_GATEWAY, "the broker cannot be reached just now");
        }
        Err(_) => return api::problem(StatusCode::GATEWAY_TIMEOUT, "the broker does not answer"),
    };
    let closing = site.closing.clone();
    upgrade.protocols([SUBPROTOCOL]).max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME).on_upgrade(
        move |page| async move {
            if let Err(error) = pass(page, broker, closing).await {
                tracing::debug!(%error, "a page's connection to the broker has ended");
            }
            drop(place);
        },
    )
}

/// Whether the request comes from a page of this address, or from no page at all.
fn from_here(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin
        .as_ref()
        .and_then(Uri::authority)
        .zip(host)
        .is_some_and(|(origin, host)| origin.as_str().eq_ignore_ascii_case(host))
}

/// Passes bytes both ways until one side ends or the service stops.
async fn pass(page: WebSocket, broker: DuplexStream, mut closing: watch::Receiver<bool>) -> io::Result<()> {
    let (mut to_page, mut from_page) = page.split();
    let (mut from_broker, mut to_broker) = tokio::io::split(broker);
    let down = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from_broker.read(&mut chunk).await?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            to_page.send(Message::Binary(bytes.to_vec().into())).await.map_err(io::Error::other)?;
        }
        let _ = to_page.close().await;
        Ok(())
    };
    let up = async {
        while let Some(message) = from_page.next().await.transpose().map_err(io::Error::other)? {
            match message {
                Message::Binary(bytes) => to_broker.write_all(&bytes).await?,
                Message::Ping(_) | Message::Pong(_) => {}
                // MQTT 5, 6.0.0-1: other data frames end the connection.
                Message::Text(_) | Message::Close(_) => break,
            }
        }
        Ok(())
    };
    tokio::select! {
        done = down => done,
        done = up => done,
        _ = closing.wait_for(|closing| *closing) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_page_of_this_address_is_let_through() {
        let asked = |origin: Option<&'static str>, host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            from_here(&headers)
        };
        assert!(asked(Some("http://127.0.0.1:8080"), "127.0.0.1:8080"));
        assert!(asked(Some("https://Ward.example"), "ward.example"));
        assert!(asked(None, "127.0.0.1:8080"));
        for foreign in ["http://evil.example", "http://127.0.0.1:8081", "http://127.0.0.1", "null", "file://", ""] {
            assert!(!asked(Some(foreign), "127.0.0.1:8080"), "{foreign}");
        }
    }
}
