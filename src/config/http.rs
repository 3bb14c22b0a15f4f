//! Reads what concerns the page: where it is served, who may see it, how it reaches the broker.

use std::net::SocketAddr;

use config::Value;

use super::read::{Need, Reader};
use super::table;
use super::values::{list, text, topic_level};
use super::{Http, HttpTls, Login};

/// The longest address of a broker's WebSocket listener.
const MAX_URL: usize = 300;

/// The section `[http]`.
pub(super) fn read(r: &mut Reader<'_>) -> Option<Http> {
    let listen = r.get(table::HTTP_LISTEN, listen);
    let token = r.optional_path(table::HTTP_TOKEN_FILE, Need::File);
    let cert = r.optional_path(table::HTTP_CERT_FILE, Need::File);
    let key = r.optional_path(table::HTTP_KEY_FILE, Need::File);
    let client_ca = r.optional_path(table::HTTP_CLIENT_CA_FILE, Need::File);
    let rooms = r.get(table::HTTP_ROOMS, rooms);
    let (listen, token_file, cert, key, client_ca) = (listen?, token?, cert?, key?, client_ca?);
    let mut sound = true;
    let mut refuse = |name: &str, wrong: bool, what: &str, remedy: &str| {
        if wrong {
            r.problem(name, None, what, remedy.to_owned());
            sound = false;
        }
    };
    let (has_cert, has_key) = (cert.is_some(), key.is_some());
    refuse(
        "http.key_file",
        has_cert && !has_key,
        "is missing, and http.cert_file is there",
        "Name the certificate's key.",
    );
    refuse(
        "http.cert_file",
        has_key && !has_cert,
        "is missing, and http.key_file is there",
        "Name the key's certificate.",
    );
    refuse(
        "http.client_ca_file",
        client_ca.is_some() && !has_cert,
        "does nothing without http.cert_file",
        "Name http.cert_file and http.key_file, or remove this key.",
    );
    refuse(
        "http.listen",
        !listen.ip().is_loopback() && token_file.is_none() && client_ca.is_none(),
        "can be reached from other machines, and nothing says who may look",
        "Name http.token_file, or http.client_ca_file with http.cert_file and http.key_file; or listen on 127.0.0.1.",
    );
    let tls = cert.zip(key).map(|(cert_file, key_file)| HttpTls { cert_file, key_file, client_ca_file: client_ca });
    let rooms = rooms?;
    sound.then_some(Http { listen, token_file, tls, rooms })
}

/// `mqtt.page_username` and its password file.
pub(super) fn page_login(r: &mut Reader<'_>, websocket: &Option<Option<String>>) -> Option<Option<Login>> {
    let username = r.optional(table::MQTT_PAGE_USERNAME, text);
    let password_file = r.optional_path(table::MQTT_PAGE_PASSWORD_FILE, Need::File);
    let (username, password_file) = (username?, password_file?);
    if password_file.is_some() && username.is_none() {
        let remedy = "Write mqtt.page_username too.".into();
        r.problem("mqtt.page_password_file", None, "stands without mqtt.page_username", remedy);
        return None;
    }
    if username.is_some() && matches!(websocket, Some(Some(_))) {
        let remedy = "Remove one of the two.".into();
        r.problem("mqtt.page_username", None, "does nothing with mqtt.websocket", remedy);
        return None;
    }
    Some(username.map(|username| Login { username, password_file }))
}

/// An address of a WebSocket listener, without a name and a password in it.
pub(super) fn websocket(value: &Value) -> Result<String, String> {
    let url = text(value).unwrap_or_default();
    let rest = url.strip_prefix("ws://").or_else(|| url.strip_prefix("wss://"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/[]~%".contains(c);
    let sound = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(allowed));
    if sound && url.len() <= MAX_URL {
        Ok(url)
    } else {
        Err("Write an address such as \"ws://broker.example:9001/mqtt\", without a user in it.".into())
    }
}

fn rooms(value: &Value) -> Result<Vec<String>, String> {
    let wrong = "Write the names of devices in square brackets, or [\"+\"] for all of them.";
    let level = |room: &String| room == "+" || topic_level(&Value::new(None, room.as_str()), 64).is_ok();
    let all: Vec<String> = list(value)?.into_iter().filter(|room| !room.is_empty()).collect();
    if all.iter().all(level) { Ok(all) } else { Err(wrong.into()) }
}

fn listen(value: &Value) -> Result<SocketAddr, String> {
    let address: Option<SocketAddr> = text(value).ok().and_then(|text| text.parse().ok());
    let wrong = "Write an address and a port from 1 to 65535, such as \"127.0.0.1:8080\" or \"[::1]:8080\".";
    address.filter(|address| address.port() != 0).ok_or_else(|| wrong.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_broker_carries_no_secret() {
        for good in ["ws://broker:9001", "wss://broker.example:8084/mqtt", "ws://[::1]:9001/"] {
            assert_eq!(websocket(&Value::new(None, good)), Ok(good.into()));
        }
        for bad in ["", "broker:9001", "http://broker", "ws://", "ws:///mqtt", "ws://user:secret@broker", "ws://a b"] {
            assert!(websocket(&Value::new(None, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn rooms_are_devices_or_all_of_them() {
        for good in ["room-2", "room-2,room-3", "+", ""] {
            assert!(rooms(&Value::new(None, good)).is_ok(), "{good}");
        }
        for bad in ["#", "a/b", "room 2"] {
            assert!(rooms(&Value::new(None, bad)).is_err(), "{bad}");
        }
    }
}
