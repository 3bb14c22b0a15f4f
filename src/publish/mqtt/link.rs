//! One connection to the broker, from CONNECT to its end.
//!
//! Every connection has an event loop of its own, so that nothing of an older one can come back: rumqttc keeps requests
//! that were not acknowledged and sends them again or drops them as the session says, while here the ledger alone
//! decides what is sent. The session is therefore clean; what QoS 1 needs across connections stands in the outbox.
//!
//! A task polls the event loop and is never cancelled inside a poll: a cancelled write would lose a message that the
//! loop believes to be in flight. Publishing goes through `try_publish`, which cannot wait: with one message in flight
//! there is always room in the queue. The acknowledgement is read from the PUBACK itself, because the library only logs
//! a failure code.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, LastWill, LastWillProperties, Packet, PubAckReason, PublishProperties,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError, mqttbytes};
use rumqttc::{NetworkOptions, Outgoing, TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::credentials;
use crate::publish::machine::ReasonCode;
use crate::publish::topics::{Retained, Topics};
use crate::publish::{PublishError, Settings, wire};

/// How long TCP, TLS and CONNACK may take, in seconds.
const CONNECT_WITHIN_S: u64 = 10;
/// Requests that wait for the event loop: the message in flight and the DISCONNECT.
const REQUESTS: usize = 4;
/// Answers that wait for the driver.
const ANSWERS: usize = 4;
/// The largest packet the broker may send us, in bytes: nothing is subscribed, and no answer is larger.
const LARGEST_ANSWER: u32 = 64 * 1024;

/// What the connection tells.
#[derive(Debug)]
pub(super) enum Answer {
    /// CONNACK, with the largest packet that the broker takes.
    Connected(Option<u32>),
    /// PUBACK with success.
    Acked,
    /// PUBACK with a failure.
    Refused(ReasonCode),
    /// The end; with the reason if the broker named one that concerns the message in flight.
    Lost(Option<ReasonCode>, String),
}

/// A message ready to be published.
#[derive(Debug)]
pub(super) struct Outgoings {
    /// Where to.
    pub(super) topic: String,
    /// What.
    pub(super) payload: Bytes,
    /// Whether the broker keeps it for late subscribers.
    pub(super) retain: bool,
    /// Its MIME type.
    pub(super) content_type: &'static str,
    /// How long the broker may keep it.
    pub(super) expiry: Option<Duration>,
    /// What the request that this answers wanted to find in it.
    pub(super) correlation: Option<Bytes>,
}

/// A connection; dropped without [`Link::disconnect`], the broker publishes the last will.
#[derive(Debug)]
pub(super) struct Link {
    client: AsyncClient,
    answers: mpsc::Receiver<Answer>,
    task: JoinHandle<()>,
}

impl Link {
    /// Begins to connect; must be called inside a runtime.
    pub(super) fn open(options: MqttOptions) -> Self {
        let (client, events) = AsyncClient::new(options, REQUESTS);
        let (sender, answers) = mpsc::channel(ANSWERS);
        Self { client, answers, task: tokio::spawn(poll(events, sender)) }
    }

    /// The next thing that happens to it. Safe to cancel.
    pub(super) async fn answer(&mut self) -> Answer {
        self.answers.recv().await.unwrap_or_else(|| Answer::Lost(None, "the connection is closed".into()))
    }

    /// Queues a message; whether there was room.
    pub(super) fn send(&self, message: Outgoings) -> bool {
        let properties = PublishProperties {
            message_expiry_interval: message.expiry.map(seconds),
            content_type: Some(message.content_type.into()),
            correlation_data: message.correlation,
            ..PublishProperties::default()
        };
        let Outgoings { topic, payload, retain, .. } = message;
        self.client.try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties).is_ok()
    }

    /// Queues the DISCONNECT; its end comes as [`Answer::Lost`].
    pub(super) fn disconnect(&self) {
        if self.client.try_disconnect().is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn poll(mut events: EventLoop, answers: mpsc::Sender<Answer>) {
    loop {
        let answer = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                Answer::Connected(ack.properties.and_then(|properties| properties.max_packet_size))
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => match failure(ack.reason) {
                None => Answer::Acked,
                Some(reason) => Answer::Refused(reason),
            },
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Answer::Lost(None, "disconnected as asked".into()),
            Ok(_) => continue,
            Err(error) => Answer::Lost(blame(&error), explain(&error)),
        };
        let end = matches!(answer, Answer::Lost(..));
        if answers.send(answer).await.is_err() || end {
            return;
        }
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// The code of a PUBACK that is no success (MQTT 5, 3.4.2.1).
fn failure(reason: PubAckReason) -> Option<ReasonCode> {
    let code = match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return None,
        PubAckReason::UnspecifiedError => 0x80,
        PubAckReason::ImplementationSpecificError => 0x83,
        PubAckReason::NotAuthorized => 0x87,
        PubAckReason::TopicNameInvalid => 0x90,
        PubAckReason::PacketIdentifierInUse => 0x91,
        PubAckReason::QuotaExceeded => 0x97,
        PubAckReason::PayloadFormatInvalid => 0x99,
    };
    Some(ReasonCode(code))
}

/// The reason code by which the broker ended the connection over what was in flight.
fn blame(error: &ConnectionError) -> Option<ReasonCode> {
    let ConnectionError::MqttState(state) = error else { return None };
    match state {
        // A PUBACK with a code that the standard does not list for PUBACK; mosquitto answers 0x95 this way.
        StateError::Deserialization(mqttbytes::Error::InvalidConnectReturnCode(code)) => Some(ReasonCode(*code)),
        StateError::OutgoingPacketTooLarge { .. } => Some(ReasonCode::TOO_LARGE),
        StateError::ServerDisconnect { reason_code, .. } => match reason_code {
            DisconnectReasonCode::NotAuthorized => Some(ReasonCode::NOT_AUTHORISED),
            DisconnectReasonCode::TopicNameInvalid => Some(ReasonCode(0x90)),
            DisconnectReasonCode::PacketTooLarge => Some(ReasonCode::TOO_LARGE),
            DisconnectReasonCode::QuotaExceeded => Some(ReasonCode::QUOTA),
            DisconnectReasonCode::PayloadFormatInvalid => Some(ReasonCode(0x99)),
            DisconnectReasonCode::RetainNotSupported => Some(ReasonCode(0x9A)),
            DisconnectReasonCode::QoSNotSupported => Some(ReasonCode(0x9B)),
            _ => None,
        },
        _ => None,
    }
}

/// What a person should know about the end of a connection.
fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::Timeout(_) => format!("no answer within {CONNECT_WITHIN_S} s"),
        ConnectionError::ConnectionRefused(code) => refused(*code),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "the broker closed the connection".into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker no longer answers".into(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            let said = reason_string.as_deref().unwrap_or("no further word");
            match reason_code {
                DisconnectReasonCode::SessionTakenOver => {
                    "another client has connected under the same client id: give each appliance its own [device] id"
                        .into()
                }
                other => format!("the broker ended the connection: {other:?} ({said})"),
            }
        }
        other => other.to_string(),
    }
}

fn refused(code: ConnectReturnCode) -> String {
    let remedy = match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            "check username and password_file under [mqtt], or the certificate, and whether the broker lets this client in"
        }
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => "change [device] id",
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
            "the broker must speak MQTT version 5"
        }
        _ => "see the broker's log",
    };
    format!("the broker refused the connection: {code:?}; {remedy}")
}

/// The options of a connection whose last will is `will`.
pub(super) fn options(settings: &Settings, topics: &Topics, will: &[u8]) -> Result<MqttOptions, PublishError> {
    let mut options = plain(settings, format!("sagitta-{}", settings.device))?;
    options.set_clean_start(true);
    options.set_outgoing_inflight_upper_limit(1);
    options.set_max_packet_size(Some(LARGEST_ANSWER));
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: Some(wire::JSON.into()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let topic = topics.retained(Retained::Status);
    options.set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true, Some(properties)));
    Ok(options)
}

/// What every connection to the broker has in common: where it is, who we are, how it is encrypted.
pub(super) fn plain(settings: &Settings, client_id: String) -> Result<MqttOptions, PublishError> {
    let mut options = MqttOptions::new(client_id, &settings.host, settings.port);
    options.set_keep_alive(settings.keep_alive);
    options.set_connection_timeout(CONNECT_WITHIN_S);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(CONNECT_WITHIN_S);
    options.set_network_options(network);
    if let Some(login) = &settings.login {
        options.set_credentials(&login.username, credentials::password(login)?);
    }
    if let Some(tls) = &settings.tls {
        let config = TlsConfiguration::Rustls(Arc::new(credentials::tls(tls)?));
        options.set_transport(Transport::tls_with_config(config));
    }
    Ok(options)
}
