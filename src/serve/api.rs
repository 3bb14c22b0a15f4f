//! What the page and a monitoring system ask for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{Answer, BrokerAddress, MqttVersion, PageConfig, Readiness, Site, Source, Stored, metrics};

/// Reports in an answer that asks for no number.
const DEFAULT_LIMIT: usize = 50;
/// Reports in one answer at most; who asks for more gets as many.
const MAX_LIMIT: usize = 200;
/// The longest id that is looked up.
const MAX_ID: usize = 128;
/// How long a request waits for its turn at the source.
const PATIENCE: Duration = Duration::from_secs(5);

type Shared = State<Arc<Site>>;

/// `?limit&before`.
#[derive(Debug, Deserialize)]
pub(super) struct Span {
    limit: Option<usize>,
    before: Option<u64>,
}

/// `GET /api/config`.
pub(super) async fn config(State(site): Shared) -> Response {
    json_answer(StatusCode::OK, config_json(&site.config).to_string())
}

/// `GET /api/reports`.
pub(super) async fn reports(State(site): Shared, span: Result<Query<Span>, QueryRejection>) -> Response {
    let Ok(Query(Span { limit, before })) = span else {
        return problem(StatusCode::BAD_REQUEST, "limit and before must be whole numbers");
    };
    let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    if limit == 0 {
        return problem(StatusCode::BAD_REQUEST, "limit must be at least 1");
    }
    // One more than asked for tells whether there is more.
    match ask(&site, move |source| (source.reports)(before, limit + 1)).await {
        Ok(stored) => json_answer(StatusCode::OK, list(&stored, limit)),
        Err(response) => response,
    }
}

/// `GET /api/reports/<id>`.
pub(super) async fn report(State(site): Shared, Path(id): Path<String>) -> Response {
    let Some(id) = valid(id) else { return unknown() };
    match ask(&site, move |source| (source.report)(&id)).await {
        Ok(Some(Stored { json, .. })) => json_answer(StatusCode::OK, json),
        Ok(None) => unknown(),
        Err(response) => response,
    }
}

/// `GET /api/reports/<id>/overlay`.
pub(super) async fn overlay(State(site): Shared, Path(id): Path<String>) -> Response {
    let Some(id) = valid(id) else { return unknown() };
    match ask(&site, move |source| (source.overlay)(&id)).await {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(None) => unknown(),
        Err(response) => response,
    }
}

/// `GET /api/reports/<id>/film`.
pub(super) async fn film(State(site): Shared, Path(id): Path<String>) -> Response {
    let Some(id) = valid(id) else { return unknown() };
    match ask(&site, move |source| (source.film)(&id)).await {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(None) => unknown(),
        Err(response) => response,
    }
}

/// `GET /healthz`: this process answers, and no more than that.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`.
pub(super) async fn ready(State(site): Shared) -> Response {
    match (site.source.readiness)() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(site): Shared) -> Response {
    let told = ask(&site, |source| Ok((source.metrics)())).await;
    let mut all = metrics::own((site.source.readiness)() == Readiness::Ready, &site.requests);
    match told {
        Ok(told) => all.extend(told),
        Err(response) => return response,
    }
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&all)).into_response()
}

/// Any method but GET and HEAD.
pub(super) async fn wrong_method() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here")
}

/// Asks the source on a thread that may block; the error is the answer to give instead.
async fn ask<T: Send + 'static>(
    site: &Arc<Site>,
    question: impl FnOnce(&Source) -> Answer<T> + Send + 'static,
) -> Result<T, Response> {
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, site.questions.acquire()).await else {
        return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "too much is asked at once; try again"));
    };
    let asked = Arc::clone(site);
    let answer = tokio::task::spawn_blocking(move || question(&asked.source)).await;
    drop(turn);
    let failed = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::warn!(error = %failed, "a question over HTTP could not be answered");
    Err(problem(StatusCode::SERVICE_UNAVAILABLE, "the reports cannot be read just now; try again"))
}

/// Only what a report id can be made of is looked up.
fn valid(id: String) -> Option<String> {
    let made_of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= MAX_ID && id.bytes().all(made_of)).then_some(id)
}

/// Puts stored reports into one answer byte for byte; one that is no JSON is left out, so that it cannot spoil the rest.
fn list(stored: &[Stored], limit: usize) -> Vec<u8> {
    let shown = stored.get(..limit).unwrap_or(stored);
    let next = if stored.len() > shown.len() { shown.last().map(|last| last.seq) } else { None };
    let mut json = b"{\"reports\":[".to_vec();
    let mut first = true;
    for Stored { seq, json: report } in shown {
        if serde_json::from_slice::<IgnoredAny>(report).is_err() {
            tracing::warn!(seq, "a stored report is no JSON and was left out");
            continue;
        }
        if !first {
            json.push(b',');
        }
        first = false;
        json.extend_from_slice(report);
    }
    let tail = next.map_or_else(|| "],\"next\":null}".to_owned(), |next| format!("],\"next\":{next}}}"));
    json.extend_from_slice(tail.as_bytes());
    json
}

fn config_json(config: &PageConfig) -> Value {
    let broker = config.broker.as_ref().map(|broker| {
        let protocol = match broker.version {
            MqttVersion::V3 => 4,
            MqttVersion::V5 => 5,
        };
        match &broker.address {
            BrokerAddress::Url(url) => json!({ "url": url, "protocol": protocol }),
            BrokerAddress::Port(port, path) => json!({ "port": port, "path": path, "protocol": protocol }),
            BrokerAddress::Here => json!({ "path": "/api/mqtt", "protocol": protocol }),
        }
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "prefix": config.prefix,
        "devices": config.devices,
        "broker": broker,
    })
}

fn unknown() -> Response {
    problem(StatusCode::NOT_FOUND, "no such report is stored")
}

pub(super) fn problem(status: StatusCode, what: &str) -> Response {
    json_answer(status, json!({ "error": what }).to_string())
}

fn json_answer(status: StatusCode, json: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(seq: u64, json: &str) -> Stored {
        Stored { seq, json: json.as_bytes().to_vec() }
    }

    fn listed(stored: &[Stored], limit: usize) -> Value {
        serde_json::from_slice(&list(stored, limit)).expect("JSON")
    }

    #[test]
    fn the_list_says_where_it_goes_on() {
        let all = [stored(9, "{\"a\":1}"), stored(7, "{\"a\":2}"), stored(4, "{\"a\":3}")];
        assert_eq!(listed(&all, 2), json!({ "reports": [{ "a": 1 }, { "a": 2 }], "next": 7 }));
        assert_eq!(listed(&all, 3)["next"], Value::Null);
        assert_eq!(listed(&[], 3), json!({ "reports": [], "next": null }));
    }

    #[test]
    fn a_damaged_report_spoils_no_other() {
        let all = [stored(3, "{\"a\":"), stored(2, "{\"a\":2}"), stored(1, "")];
        assert_eq!(listed(&all, 3), json!({ "reports": [{ "a": 2 }], "next": null }));
    }

    #[test]
    fn only_what_an_id_is_made_of_is_looked_up() {
        for id in ["r-0", "0af_9.b", &"x".repeat(MAX_ID)] {
            assert!(valid(id.to_owned()).is_some(), "{id}");
        }
        for id in ["", "a/b", "a b", "ü", "a\0", "a%", &"x".repeat(MAX_ID + 1)] {
            assert!(valid(id.to_owned()).is_none(), "{id}");
        }
    }
}
