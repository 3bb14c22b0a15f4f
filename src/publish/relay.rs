//! The page's way to the broker: a connection of its own for each page, through the same host, port and encryption as the
//! appliance's. Bytes pass as they are; where a login is given, it is put into the page's CONNECT, so that the browser never
//! learns it. On failure the connection ends, and the page makes a new one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::mqtt::credentials;
use super::{Login, Settings};

/// Bytes under way in each direction.
const UNDER_WAY: usize = 64 * 1024;
/// The largest CONNECT that a page may send.
const MAX_CONNECT: usize = 4096;
/// How long TCP and TLS may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(8);
/// How long a page may take with its CONNECT.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(10);

/// Opens a way to the broker of `settings`, under `login` where there is one.
///
/// # Errors
/// A broker that does not answer, certificates or a password that cannot be read.
pub async fn dial(settings: &Settings, login: Option<&Login>) -> io::Result<DuplexStream> {
    let login = login.map(|login| Ok((login.username.clone(), credentials::password(login)?)));
    let login: Option<(String, String)> = login.transpose().map_err(io::Error::other::<super::PublishError>)?;
    let connect = TcpStream::connect((settings.host.as_str(), settings.port));
    let stream = tokio::time::timeout(CONNECT_WITHIN, connect).await??;
    stream.set_nodelay(true)?;
    let (ours, theirs) = tokio::io::duplex(UNDER_WAY);
    match &settings.tls {
        None => drop(tokio::spawn(pass(theirs, stream, login))),
        Some(tls) => {
            let config = credentials::tls(tls).map_err(io::Error::other)?;
            let name = ServerName::try_from(settings.host.clone()).map_err(io::Error::other)?;
            let secured = TlsConnector::from(Arc::new(config)).connect(name, stream);
            let stream = tokio::time::timeout(CONNECT_WITHIN, secured).await??;
            drop(tokio::spawn(pass(theirs, stream, login)));
        }
    }
    Ok(ours)
}

async fn pass<B>(mut page: DuplexStream, mut broker: B, login: Option<(String, String)>)
where
    B: AsyncRead + AsyncWrite + Unpin + Send,
{
    let done = async {
        if let Some((username, password)) = &login {
            let first = tokio::time::timeout(FIRST_WORD_WITHIN, first_word(&mut page)).await??;
            let connect = with_login(&first, username, password)
                .ok_or_else(|| io::Error::other("the page does not begin with a CONNECT of its own"))?;
            broker.write_all(&connect).await?;
        }
        copy_bidirectional(&mut page, &mut broker).await
    };
    if let Err(error) = done.await {
        tracing::debug!(%error, "a page's way to the broker has ended");
    }
}

/// The page's first packet, whole and nothing after it.
async fn first_word(page: &mut DuplexStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![page.read_u8().await?];
    let mut left = 0_usize;
    // The remaining length: up to four bytes of seven bits, the least first (MQTT 5, 1.5.5).
    for place in 0..4 {
        let byte = page.read_u8().await?;
        packet.push(byte);
        left |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if left > MAX_CONNECT {
        return Err(io::Error::other("the page's first packet is too large for a CONNECT"));
    }
    let mut rest = vec![0; left];
    page.read_exact(&mut rest).await?;
    packet.extend(rest);
    Ok(packet)
}

/// The CONNECT in `packet` with user name and password (MQTT 5, 3.1 and MQTT 3.1.1, 3.1): they are the last of its payload.
/// `None` for what is no CONNECT, and for one that has a user, a password or a will already.
fn with_login(packet: &[u8], username: &str, password: &str) -> Option<Vec<u8>> {
    const USER_AND_PASSWORD: u8 = 0xc0;
    const WILL: u8 = 0x04;
    let (0x10, rest) = packet.split_first()? else { return None };
    let length_bytes = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let mut body = rest.get(length_bytes..)?.to_vec();
    // Protocol name with its length, level, flags.
    if body.get(..6)? != b"\0\x04MQTT" {
        return None;
    }
    let flags = body.get_mut(7)?;
    if *flags & (USER_AND_PASSWORD | WILL) != 0 {
        return None;
    }
    *flags |= USER_AND_PASSWORD;
    for word in [username.as_bytes(), password.as_bytes()] {
        body.extend(u16::try_from(word.len()).ok()?.to_be_bytes());
        body.extend(word);
    }
    let mut whole = vec![0x10];
    let mut left = body.len();
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        whole.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    whole.extend(body);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rumqttc::v5::mqttbytes::v5::{Connect, Packet};

    use super::*;

    fn connect(client: &str) -> Vec<u8> {
        let connect = Connect { keep_alive: 20, client_id: client.into(), clean_start: true, properties: None };
        let mut bytes = BytesMut::new();
        connect.write(&None, &None, &mut bytes).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn the_login_is_put_into_the_connect_and_nothing_else_changes() {
        for client in ["page", &"x".repeat(200)] {
            let with = with_login(&connect(client), "dashboard", "sécret").unwrap();
            let Packet::Connect(read, will, login) = Packet::read(&mut BytesMut::from(&with[..]), None).unwrap() else {
                panic!("a CONNECT")
            };
            assert_eq!((read.client_id.as_str(), read.keep_alive, read.clean_start), (client, 20, true));
            assert!(will.is_none());
            let login = login.unwrap();
            assert_eq!((login.username.as_str(), login.password.as_str()), ("dashboard", "sécret"));
            assert_eq!(with_login(&with, "a", "b"), None, "it has a login already");
        }
    }

    #[test]
    fn what_is_no_connect_is_refused() {
        for bad in [
            &b""[..],
            b"\x10",
            b"\x30\x00",
            b"\x10\x00",
            b"\x10\x04MQTT",
            b"GET / HTTP/1.1\r\n",
            b"\x10\xff\xff\xff\xff",
        ] {
            assert_eq!(with_login(bad, "a", "b"), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn the_first_word_is_read_to_its_end_and_no_further() {
        let (mut page, mut ours) = tokio::io::duplex(1024);
        let packet = connect(&"x".repeat(200));
        for piece in packet.chunks(7) {
            page.write_all(piece).await.unwrap();
        }
        page.write_all(b"more").await.unwrap();
        assert_eq!(first_word(&mut ours).await.unwrap(), packet);
        page.write_all(&[0x10, 0xff, 0xff, 0x7f]).await.unwrap();
        let mut four = [0; 4];
        ours.read_exact(&mut four).await.unwrap();
        assert!(first_word(&mut ours).await.is_err(), "a length beyond any CONNECT");
    }
}
