//! Who is answered, and the headers that every answer carries.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Site;
use super::access::Let;

/// What the page may load and where it may connect: itself, and a broker by WebSocket.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Patient data: no cache keeps it, unless the answer says otherwise.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What a monitoring system may ask without a secret: neither tells anything of a patient.
const FOR_ANYBODY: [&str; 2] = ["/healthz", "/readyz"];

/// The names by which the service may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hosts {
    /// The address is reached from other machines, under names that only its owner knows.
    Any,
    /// Loopback names, and these.
    Loopback(Vec<String>),
}

impl Hosts {
    /// For a listener on `address`.
    pub(super) fn of(address: IpAddr, names: &[String]) -> Self {
        if address.is_loopback() { Self::Loopback(names.to_vec()) } else { Self::Any }
    }

    /// Whether a request that names its host so is answered. A name without a port counts like one with.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let Self::Loopback(names) = self else { return true };
        let authority = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let Some(authority) = authority else { return false };
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
            || names.iter().any(|name| host.eq_ignore_ascii_case(name))
    }
}

/// Refuses foreign names and who is not let in, counts the answer and puts the headers on it.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let known = if FOR_ANYBODY.contains(&request.uri().path()) { Let::In } else { site.access.ask(request.headers()) };
    let mut response = if site.hosts.allow(request.headers()) {
        match known {
            Let::In => next.run(request).await,
            Let::InWith(cookie) => {
                let mut response = next.run(request).await;
                response.headers_mut().insert(header::SET_COOKIE, cookie);
                response
            }
            Let::Out => {
                let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"Sagitta\", charset=\"UTF-8\"")];
                let told = "This page asks for the secret of [http] token_file: as a password, or as \"Authorization: Bearer …\".\n";
                (StatusCode::UNAUTHORIZED, ask, told).into_response()
            }
        }
    } else {
        let told = "This address is not answered under that name. Open the page as http://localhost, or add the name to [http] hosts.\n";
        (StatusCode::MISDIRECTED_REQUEST, told).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    site.requests.count(response.status());
    response
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn allowed(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header"));
        hosts.allow(&headers)
    }

    #[test]
    fn on_loopback_only_loopback_names_are_answered() {
        let hosts = Hosts::of(Ipv4Addr::LOCALHOST.into(), &["ward.example".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.3.2.1",
            "[::1]:8080",
            "ward.example",
            "Ward.Example:80",
        ] {
            assert!(allowed(&hosts, host), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:8080", "", "a b", "x@y@z"]
        {
            assert!(!allowed(&hosts, host), "{host}");
        }
        assert!(!hosts.allow(&HeaderMap::new()), "a request without a host");
        assert_eq!(Hosts::of(Ipv6Addr::LOCALHOST.into(), &[]), Hosts::Loopback(Vec::new()));
    }

    #[test]
    fn a_name_in_front_of_an_at_sign_does_not_help() {
        let hosts = Hosts::of(Ipv4Addr::LOCALHOST.into(), &[]);
        assert!(!allowed(&hosts, "localhost@evil.example"));
    }

    #[test]
    fn beyond_loopback_every_name_is_answered() {
        let hosts = Hosts::of(Ipv4Addr::UNSPECIFIED.into(), &[]);
        assert!(allowed(&hosts, "sagitta.hospital.example"));
        assert!(hosts.allow(&HeaderMap::new()));
    }
}
