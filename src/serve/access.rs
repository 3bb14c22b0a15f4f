//! Who is let in: everybody, or those who know the secret.
//!
//! A program gives it as `Authorization: Bearer …`; a browser asks its user for a password and gives it as
//! `Authorization: Basic …` (RFC 7617), and is then known by a cookie, because not every browser gives a password to a
//! WebSocket. The cookie is a digest of the secret: it opens this service and tells nothing else. Digests are compared, never
//! the secrets themselves, so that the time it takes tells nothing about them.

use std::fs;
use std::path::Path;

use axum::http::header::{self, HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::ServeError;

/// A shorter secret could be guessed.
const MIN_SECRET: usize = 16;
/// A longer file is no secret but a mistake.
const MAX_SECRET: u64 = 4096;
/// The name of the cookie.
const COOKIE: &str = "sagitta_page";

/// What a caller must know.
#[derive(Debug)]
pub(super) enum Access {
    /// Nothing.
    Open,
    /// The secret of these digests.
    Secret {
        /// Of the secret.
        digest: [u8; 32],
        /// What the cookie holds.
        cookie: String,
        /// Whether the cookie travels over HTTPS only.
        secure: bool,
    },
}

/// What became of a caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Let {
    /// In.
    In,
    /// In, and the browser is to remember it by this cookie.
    InWith(HeaderValue),
    /// Not in.
    Out,
}

impl Access {
    /// With the secret in `file`; one line end at its end is not part of it.
    pub(super) fn read(file: Option<&Path>, secure: bool) -> Result<Self, ServeError> {
        let Some(file) = file else { return Ok(Self::Open) };
        let wrong = |problem: String| ServeError::Credential { path: file.into(), problem };
        let unreadable = |error: std::io::Error| wrong(format!("the secret cannot be read: {error}"));
        if fs::metadata(file).map_err(unreadable)?.len() > MAX_SECRET {
            return Err(wrong(format!("it is too large for a secret; give at most {MAX_SECRET} bytes")));
        }
        let text = fs::read_to_string(file).map_err(unreadable)?;
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.chars().count() < MIN_SECRET || secret.chars().any(char::is_control) {
            return Err(wrong(format!(
                "the secret must be one line of {MIN_SECRET} letters or more; make one with: openssl rand -hex 24"
            )));
        }
        Ok(Self::of(secret, secure))
    }

    fn of(secret: &str, secure: bool) -> Self {
        let digest = Sha256::digest(secret.as_bytes()).into();
        let of_cookie = Sha256::digest(format!("sagitta page\0{secret}").as_bytes());
        let cookie = of_cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::Secret { digest, cookie, secure }
    }

    /// What becomes of a caller with these headers.
    pub(super) fn ask(&self, headers: &HeaderMap) -> Let {
        let Self::Secret { digest, cookie, secure } = self else { return Let::In };
        let knows = |secret: &[u8]| Sha256::digest(secret)[..] == digest[..];
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, word) = given.and_then(|given| given.split_once(' ')).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") && knows(word.trim().as_bytes()) {
            return Let::In;
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(word.trim()).unwrap_or_default();
            let password = pair.iter().position(|byte| *byte == b':').and_then(|colon| pair.get(colon + 1..));
            if password.is_some_and(knows) {
                let secure = if *secure { "; Secure" } else { "" };
                let set = format!("{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/{secure}");
                return HeaderValue::from_str(&set).map_or(Let::In, Let::InWith);
            }
        }
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let ours = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && Sha256::digest(value) == Sha256::digest(cookie));
        if ours { Let::In } else { Let::Out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct horse battery";

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        headers
    }

    fn basic(pair: &str) -> HeaderMap {
        with(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn who_knows_the_secret_is_let_in_and_nobody_else() {
        let access = Access::of(SECRET, false);
        assert_eq!(access.ask(&with(header::AUTHORIZATION, &format!("Bearer {SECRET}"))), Let::In);
        assert!(matches!(access.ask(&basic(&format!("anyone:{SECRET}"))), Let::InWith(_)));
        for wrong in ["Bearer wrong", "Bearer", "", "Basic !!!", "Negotiate x", SECRET] {
            assert_eq!(access.ask(&with(header::AUTHORIZATION, wrong)), Let::Out, "{wrong}");
        }
        for wrong in ["anyone:wrong", "anyone", "", SECRET] {
            assert_eq!(access.ask(&basic(wrong)), Let::Out, "{wrong}");
        }
        assert_eq!(access.ask(&HeaderMap::new()), Let::Out);
        assert_eq!(Access::Open.ask(&HeaderMap::new()), Let::In);
    }

    #[test]
    fn the_cookie_opens_and_does_not_hold_the_secret() {
        let access = Access::of(SECRET, true);
        let Let::InWith(set) = access.ask(&basic(&format!(":{SECRET}"))) else { panic!("a cookie") };
        let set = set.to_str().expect("ASCII");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Secure"), "{set}");
        assert!(!set.contains(SECRET));
        let pair = set.split(';').next().expect("a pair");
        assert_eq!(access.ask(&with(header::COOKIE, &format!("a=b; {pair}"))), Let::In);
        assert_eq!(access.ask(&with(header::COOKIE, "sagitta_page=; sagitta_page=0")), Let::Out);
        assert_eq!(Access::of("another secret of length", true).ask(&with(header::COOKIE, pair)), Let::Out);
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        for (text, good) in [("short\n", false), ("two\nlines of letters here", false), ("0123456789abcdef\n", true)] {
            fs::write(&file, text).expect("written");
            assert_eq!(Access::read(Some(&file), false).is_ok(), good, "{text:?}");
        }
        assert!(matches!(Access::read(None, false), Ok(Access::Open)));
        assert!(Access::read(Some(&folder.path().join("none")), false).is_err());
    }
}
