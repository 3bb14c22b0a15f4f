//! One client's connection, from CONNECT to its end.
//!
//! The task reads packets, obeys them, and sends what the hub delivers, never more unacknowledged messages than the
//! client allows. On any error the connection ends; unless the client said a normal goodbye, its will is published.

use std::collections::{HashSet, VecDeque};
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter, LastWill, Packet,
    PingResp, PubAck, PubAckReason, Publish, PublishProperties, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
    UnsubAckReason, Unsubscribe,
};
use rumqttc::v5::mqttbytes::{self, QoS, has_wildcards, valid_filter};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::hub::{Command, DELIVERIES, Delivery, Key};
use super::transport::{MAX_PACKET, Transport};
use super::v4;

/// How long a client may take for its CONNECT, and for taking what is written to it.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Messages of QoS 1 that wait for one client's acknowledgement.
const WINDOW: u16 = 64;
/// The first byte of DISCONNECT.
const DISCONNECT: u8 = 0xE0;

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The network.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is neither MQTT 5 nor 3.1.1.
    #[error("not MQTT 5 or 3.1.1: {0}")]
    Codec(mqttbytes::Error),
    /// Against the rules.
    #[error("against the protocol: {0:?}")]
    Rules(DisconnectReasonCode),
    /// Took too long.
    #[error("no answer within {ANSWER_WITHIN:?}")]
    TooSlow,
    /// The broker ends.
    #[error("the broker is stopped")]
    Closed,
}

impl From<mqttbytes::Error> for SessionError {
    fn from(error: mqttbytes::Error) -> Self {
        Self::Codec(error)
    }
}

impl SessionError {
    /// What DISCONNECT says of it.
    const fn reason(&self) -> Option<DisconnectReasonCode> {
        match self {
            Self::Io(_) | Self::TooSlow => None,
            Self::Codec(mqttbytes::Error::PayloadSizeLimitExceeded { .. }) => {
                Some(DisconnectReasonCode::PacketTooLarge)
            }
            Self::Codec(_) => Some(DisconnectReasonCode::MalformedPacket),
            Self::Rules(reason) => Some(*reason),
            Self::Closed => Some(DisconnectReasonCode::ServerShuttingDown),
        }
    }
}

/// What follows from a packet.
enum Flow {
    Go,
    /// A goodbye; whether the will is to be published all the same.
    Goodbye {
        with_will: bool,
    },
}

/// Serves one client until its end.
pub(super) async fn serve(
    transport: Transport,
    commands: mpsc::Sender<Command>,
    mut closed: watch::Receiver<bool>,
) -> Result<(), SessionError> {
    let mut line = Line { transport, buffer: BytesMut::new(), largest: None, older: false };
    let (connect, will) = timeout(ANSWER_WITHIN, line.connect()).await.map_err(|_| SessionError::TooSlow)??;
    let (mut session, mut deliveries) = Session::begin(line, &connect, commands).await?;
    let result = session.run(&mut deliveries, &mut closed).await;
    if let Err(reason) = result.as_ref().map_err(SessionError::reason)
        && let Some(reason) = reason
    {
        // The client may be gone already; it is only told why.
        let _ = session.line.say_goodbye(reason).await;
    }
    session.line.transport.close().await;
    // An error means that the hub has ended, with the broker.
    let _ = session.commands.send(Command::Detach(session.key)).await;
    let with_will = result.as_ref().map_or(true, |with_will| *with_will);
    if let Some(will) = will.filter(|will| with_will && valid_topic(&will.topic)) {
        let _ = session.commands.send(Command::Publish(None, will)).await;
    }
    result.map(drop)
}

/// Packets on a transport.
struct Line {
    transport: Transport,
    buffer: BytesMut,
    /// The largest packet the client takes.
    largest: Option<u32>,
    /// Whether the client speaks MQTT 3.1.1.
    older: bool,
}

impl Line {
    /// A packet that has come whole, if any.
    fn packet(&mut self) -> Result<Option<Packet>, SessionError> {
        if self.older {
            return v4::read(&mut self.buffer);
        }
        if let Some((reason, length)) = short_disconnect(&self.buffer) {
            drop(self.buffer.split_to(length));
            return Ok(Some(Packet::Disconnect(Disconnect::new(reason))));
        }
        match Packet::read(&mut self.buffer, Some(MAX_PACKET)) {
            Ok(packet) => Ok(Some(packet)),
            Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn connect(&mut self) -> Result<(Connect, Option<Publish>), SessionError> {
        loop {
            self.older = v4::speaks(&self.buffer).unwrap_or(self.older);
            match self.packet()? {
                Some(Packet::Connect(connect, will, _)) => return Ok((connect, will.map(publish_of))),
                Some(_) => return Err(SessionError::Rules(DisconnectReasonCode::ProtocolError)),
                None if self.transport.read(&mut self.buffer).await? => {}
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            }
        }
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), SessionError> {
        if self.older {
            return match v4::write(packet)? {
                Some(bytes) => self.write(bytes).await,
                None => Ok(()),
            };
        }
        let mut bytes = BytesMut::with_capacity(packet.size());
        packet.write(&mut bytes, None)?;
        self.write(bytes.freeze()).await
    }

    /// DISCONNECT with a reason and no properties. The codec leaves the properties' length out of the packet's length, so
    /// that the client would find a byte too many. MQTT 3.1.1 knows no such word from the broker.
    async fn say_goodbye(&mut self, reason: DisconnectReasonCode) -> Result<(), SessionError> {
        if self.older {
            return Ok(());
        }
        self.write(Bytes::copy_from_slice(&[DISCONNECT, 2, reason as u8, 0])).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), SessionError> {
        timeout(ANSWER_WITHIN, self.transport.write(bytes)).await.map_err(|_| SessionError::TooSlow)??;
        Ok(())
    }
}

struct Session {
    key: Key,
    line: Line,
    commands: mpsc::Sender<Command>,
    /// Messages that the hub has delivered and that are not sent yet.
    waiting: VecDeque<Publish>,
    /// Packet ids that wait for the client's acknowledgement.
    unacknowledged: HashSet<u16>,
    last_packet_id: u16,
    window: u16,
    /// One and a half times what the client promised (MQTT 5, 3.1.2.10); `None` for ever.
    patience: Option<Duration>,
    heard: Instant,
}

impl Session {
    /// Answers CONNECT and registers with the hub.
    async fn begin(
        mut line: Line,
        connect: &Connect,
        commands: mpsc::Sender<Command>,
    ) -> Result<(Self, mpsc::Receiver<Delivery>), SessionError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let key = Key(NEXT.fetch_add(1, Ordering::Relaxed));
        let assigned = connect.client_id.is_empty().then(|| format!("anonymous-{}", key.0));
        let id = assigned.clone().unwrap_or_else(|| connect.client_id.clone());
        let asked = connect.properties.as_ref();
        line.largest = asked.and_then(|properties| properties.max_packet_size);
        let (sender, deliveries) = mpsc::channel(DELIVERIES);
        let hub_gone = |_| SessionError::Closed;
        commands.send(Command::Attach(key, id, sender)).await.map_err(hub_gone)?;
        line.send(&Packet::ConnAck(welcome(assigned))).await?;
        let session = Self {
            key,
            line,
            commands,
            waiting: VecDeque::new(),
            unacknowledged: HashSet::new(),
            last_packet_id: 0,
            window: asked.and_then(|properties| properties.receive_maximum).unwrap_or(WINDOW).clamp(1, WINDOW),
            patience: (connect.keep_alive > 0).then(|| Duration::from_secs(connect.keep_alive.into()) * 3 / 2),
            heard: Instant::now(),
        };
        Ok((session, deliveries))
    }

    /// Until the end; whether the will is to be published after a goodbye.
    async fn run(
        &mut self,
        deliveries: &mut mpsc::Receiver<Delivery>,
        closed: &mut watch::Receiver<bool>,
    ) -> Result<bool, SessionError> {
        loop {
            while let Some(packet) = self.line.packet()? {
                self.heard = Instant::now();
                if let Flow::Goodbye { with_will } = self.obey(packet).await? {
                    return Ok(with_will);
                }
            }
            self.send_waiting().await?;
            let silence = self.patience.map(|patience| self.heard + patience);
            tokio::select! {
                more = self.line.transport.read(&mut self.line.buffer) => if !more? {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                },
                delivery = deliveries.recv(), if self.waiting.is_empty() => match delivery {
                    Some(Delivery::Messages(messages)) => self.waiting.extend(messages),
                    Some(Delivery::TakenOver) => return Err(SessionError::Rules(DisconnectReasonCode::SessionTakenOver)),
                    None => return Err(SessionError::Rules(DisconnectReasonCode::QuotaExceeded)),
                },
                () = until(silence) => return Err(SessionError::Rules(DisconnectReasonCode::KeepAliveTimeout)),
                // An error means that the broker was dropped.
                _ = closed.changed() => return Err(SessionError::Closed),
            }
        }
    }

    async fn obey(&mut self, packet: Packet) -> Result<Flow, SessionError> {
        match packet {
            Packet::Publish(publish) => self.publish(publish).await?,
            Packet::PubAck(ack) => {
                self.unacknowledged.remove(&ack.pkid);
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await?,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await?,
            Packet::PingReq(_) => self.line.send(&Packet::PingResp(PingResp)).await?,
            Packet::Disconnect(disconnect) => {
                let normal = disconnect.reason_code == DisconnectReasonCode::NormalDisconnection;
                return Ok(Flow::Goodbye { with_will: !normal });
            }
            _ => return Err(SessionError::Rules(DisconnectReasonCode::ProtocolError)),
        }
        Ok(Flow::Go)
    }

    async fn publish(&mut self, publish: Publish) -> Result<(), SessionError> {
        if publish.qos == QoS::ExactlyOnce {
            return Err(SessionError::Rules(DisconnectReasonCode::QoSNotSupported));
        }
        if publish.properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some()) {
            return Err(SessionError::Rules(DisconnectReasonCode::TopicAliasInvalid));
        }
        let (qos, id) = (publish.qos, publish.pkid);
        let valid = valid_topic(&publish.topic);
        if valid {
            self.command(Command::Publish(Some(self.key), publish)).await?;
        }
        if qos == QoS::AtLeastOnce {
            let mut ack = PubAck::new(id, None);
            if !valid {
                ack.reason = PubAckReason::TopicNameInvalid;
            }
            self.line.send(&Packet::PubAck(ack)).await?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), SessionError> {
        let mut accepted = Vec::new();
        let mut return_codes = Vec::new();
        for filter in subscribe.filters {
            return_codes.push(verdict(&filter));
            if let Some(SubscribeReasonCode::Success(qos)) = return_codes.last() {
                accepted.push(Filter { qos: *qos, ..filter });
            }
        }
        let identifier = subscribe.properties.and_then(|properties| properties.id);
        let ack = SubAck { pkid: subscribe.pkid, return_codes, properties: None };
        // The hub first: what anybody publishes after this client has read its SUBACK must reach it.
        self.command(Command::Subscribe(self.key, accepted, identifier)).await?;
        self.line.send(&Packet::SubAck(ack)).await
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Result<(), SessionError> {
        let reasons = vec![UnsubAckReason::Success; unsubscribe.filters.len()];
        let ack = UnsubAck { pkid: unsubscribe.pkid, reasons, properties: None };
        self.command(Command::Unsubscribe(self.key, unsubscribe.filters)).await?;
        self.line.send(&Packet::UnsubAck(ack)).await
    }

    async fn command(&self, command: Command) -> Result<(), SessionError> {
        self.commands.send(command).await.map_err(|_| SessionError::Closed)
    }

    /// Sends what waits, as far as the client's window goes.
    async fn send_waiting(&mut self) -> Result<(), SessionError> {
        while self.unacknowledged.len() < usize::from(self.window) {
            let Some(mut publish) = self.waiting.pop_front() else { return Ok(()) };
            if publish.qos == QoS::AtLeastOnce {
                publish.pkid = self.packet_id();
            }
            let packet = Packet::Publish(publish);
            // A message larger than the client takes counts as sent (MQTT 5, 3.1.2.11.4).
            if self.line.largest.is_some_and(|largest| packet.size() > largest as usize) {
                continue;
            }
            if let Packet::Publish(Publish { qos: QoS::AtLeastOnce, pkid, .. }) = packet {
                self.unacknowledged.insert(pkid);
            }
            self.line.send(&packet).await?;
        }
        Ok(())
    }

    /// A packet id that is not in use; the window is far smaller than their number.
    fn packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
            if !self.unacknowledged.contains(&self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }
}

/// A DISCONNECT without properties, and its length: the forms that the codec does not take. Without a reason it is a
/// normal goodbye; any other than 0x04 counts as one with an error (MQTT 5, 3.14.2.1).
fn short_disconnect(buffer: &[u8]) -> Option<(DisconnectReasonCode, usize)> {
    match *buffer {
        [DISCONNECT, 0, ..] | [DISCONNECT, 1, 0, ..] => {
            Some((DisconnectReasonCode::NormalDisconnection, 2 + usize::from(buffer.get(1).copied()?)))
        }
        [DISCONNECT, 1, 0x04, ..] => Some((DisconnectReasonCode::DisconnectWithWillMessage, 3)),
        [DISCONNECT, 1, _, ..] => Some((DisconnectReasonCode::UnspecifiedError, 3)),
        _ => None,
    }
}

/// Whether a client may publish there; what begins with `$` is the broker's own.
fn valid_topic(topic: &[u8]) -> bool {
    std::str::from_utf8(topic).is_ok_and(|topic| {
        !topic.is_empty() && !topic.contains('\0') && !has_wildcards(topic) && !topic.starts_with('$')
    })
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

fn verdict(filter: &Filter) -> SubscribeReasonCode {
    if filter.path.starts_with("$share/") {
        SubscribeReasonCode::SharedSubscriptionsNotSupported
    } else if !valid_filter(&filter.path) || filter.path.contains('\0') {
        SubscribeReasonCode::TopicFilterInvalid
    } else if filter.qos == QoS::AtMostOnce {
        SubscribeReasonCode::Success(QoS::AtMostOnce)
    } else {
        SubscribeReasonCode::Success(QoS::AtLeastOnce)
    }
}

/// CONNACK with what this broker does and does not do.
fn welcome(assigned: Option<String>) -> ConnAck {
    ConnAck {
        session_present: false,
        code: ConnectReturnCode::Success,
        properties: Some(ConnAckProperties {
            session_expiry_interval: Some(0),
            receive_max: Some(WINDOW),
            max_qos: Some(1),
            retain_available: Some(1),
            max_packet_size: Some(MAX_PACKET),
            assigned_client_identifier: assigned,
            topic_alias_max: Some(0),
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: Some(1),
            subscription_identifiers_available: Some(1),
            shared_subscription_available: Some(0),
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }),
    }
}

/// A will as the message it becomes; its delay ends with the session, which ends with the connection (MQTT 5, 3.1.3.2.2).
fn publish_of(will: LastWill) -> Publish {
    let properties = will.properties.map(|properties| PublishProperties {
        payload_format_indicator: properties.payload_format_indicator,
        message_expiry_interval: properties.message_expiry_interval,
        topic_alias: None,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
        user_properties: properties.user_properties,
        subscription_identifiers: Vec::new(),
        content_type: properties.content_type,
    });
    let mut publish = Publish { topic: will.topic, payload: will.message, properties, ..Publish::default() };
    publish.qos = will.qos;
    publish.retain = will.retain;
    publish
}
