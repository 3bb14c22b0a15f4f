//! MQTT 3.1.1 (protocol level 4): packets read into those of MQTT 5, which alone the session knows, and written from them.
//!
//! Telegraf and, unless told otherwise, Home Assistant and `mosquitto_sub` speak it. It has no properties, no reasons and
//! no word from the broker at the end: what a message carries beside its payload is left out, a subscription that is
//! refused is only told as refused, and where MQTT 5 would give a reason the connection just ends.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::mqttbytes::{Error, QoS as QoS4};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Connect, Disconnect, DisconnectReasonCode, Filter, LastWill, Packet, PingReq, PubAck, PubAckReason, Publish,
    Subscribe, SubscribeReasonCode, Unsubscribe,
};

use super::session::SessionError;
use super::transport::MAX_PACKET;

/// Bytes of CONNECT's body up to the protocol level: the length of the name, `MQTT`, the level (MQTT 3.1.1 and 5, 3.1.2).
const NAME: &[u8] = b"\0\x04MQTT";
/// A length of more bytes than this is malformed (MQTT 3.1.1 and 5, 2.2.3 and 1.5.5).
const LENGTH_BYTES: usize = 4;

/// Whether `buffer` begins with a CONNECT of level 4; `None` as long as too little of it has come.
pub(super) fn speaks(buffer: &[u8]) -> Option<bool> {
    let after = buffer.get(1..)?;
    let Some(last) = after.iter().take(LENGTH_BYTES).position(|byte| byte & 0x80 == 0) else {
        return (after.len() >= LENGTH_BYTES).then_some(false);
    };
    let body = after.get(last + 1..)?;
    let level = *body.get(NAME.len())?;
    Some(body.starts_with(NAME) && level == 4)
}

/// The next packet that has come whole, if any.
pub(super) fn read(buffer: &mut BytesMut) -> Result<Option<Packet>, SessionError> {
    let packet = match v4::Packet::read(buffer, MAX_PACKET as usize) {
        Ok(packet) => packet,
        Err(Error::InsufficientBytes(_)) => return Ok(None),
        Err(Error::PayloadSizeLimitExceeded(_)) => {
            return Err(SessionError::Rules(DisconnectReasonCode::PacketTooLarge));
        }
        Err(_) => return Err(SessionError::Rules(DisconnectReasonCode::MalformedPacket)),
    };
    Ok(Some(match packet {
        v4::Packet::Connect(connect) => connected(connect),
        v4::Packet::Publish(publish) => Packet::Publish(published(publish)),
        v4::Packet::PubAck(ack) => Packet::PubAck(PubAck::new(ack.pkid, None)),
        v4::Packet::Subscribe(subscribe) => {
            let filters =
                subscribe.filters.into_iter().map(|filter| Filter::new(filter.path, qos(filter.qos))).collect();
            Packet::Subscribe(Subscribe { pkid: subscribe.pkid, filters, properties: None })
        }
        v4::Packet::Unsubscribe(unsubscribe) => {
            Packet::Unsubscribe(Unsubscribe { pkid: unsubscribe.pkid, filters: unsubscribe.topics, properties: None })
        }
        v4::Packet::PingReq => Packet::PingReq(PingReq),
        v4::Packet::Disconnect => Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection)),
        _ => return Err(SessionError::Rules(DisconnectReasonCode::ProtocolError)),
    }))
}

/// `packet` as its bytes; `None` for what level 4 has no packet for.
pub(super) fn write(packet: &Packet) -> Result<Option<Bytes>, SessionError> {
    let packet = match packet {
        Packet::ConnAck(ack) => {
            v4::Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, ack.session_present))
        }
        Packet::Publish(publish) => v4::Packet::Publish(v4::Publish {
            dup: publish.dup,
            qos: old(publish.qos),
            retain: publish.retain,
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            pkid: publish.pkid,
            payload: publish.payload.clone(),
        }),
        // A refusal cannot be told: an acknowledgement would say that the message was taken.
        Packet::PubAck(ack) if ack.reason != PubAckReason::Success => {
            return Err(SessionError::Rules(DisconnectReasonCode::TopicNameInvalid));
        }
        Packet::PubAck(ack) => v4::Packet::PubAck(v4::PubAck::new(ack.pkid)),
        Packet::SubAck(ack) => {
            let code = |code: &SubscribeReasonCode| match code {
                SubscribeReasonCode::Success(qos) => v4::SubscribeReasonCode::Success(old(*qos)),
                _ => v4::SubscribeReasonCode::Failure,
            };
            v4::Packet::SubAck(v4::SubAck::new(ack.pkid, ack.return_codes.iter().map(code).collect()))
        }
        Packet::UnsubAck(ack) => v4::Packet::UnsubAck(v4::UnsubAck::new(ack.pkid)),
        Packet::PingResp(_) => v4::Packet::PingResp,
        _ => return Ok(None),
    };
    let mut bytes = BytesMut::with_capacity(packet.size());
    // The client has named no limit of its own.
    packet
        .write(&mut bytes, usize::MAX)
        .map_err(|_| SessionError::Rules(DisconnectReasonCode::ImplementationSpecificError))?;
    Ok(Some(bytes.freeze()))
}

fn connected(connect: v4::Connect) -> Packet {
    let will = connect.last_will.map(|will| LastWill {
        topic: will.topic.into(),
        message: will.message,
        qos: qos(will.qos),
        retain: will.retain,
        properties: None,
    });
    let connect = Connect {
        keep_alive: connect.keep_alive,
        client_id: connect.client_id,
        clean_start: connect.clean_session,
        properties: None,
    };
    Packet::Connect(connect, will, None)
}

fn published(publish: v4::Publish) -> Publish {
    let mut told = Publish { topic: publish.topic.into(), payload: publish.payload, ..Publish::default() };
    told.dup = publish.dup;
    told.qos = qos(publish.qos);
    told.retain = publish.retain;
    told.pkid = publish.pkid;
    told
}

const fn qos(qos: QoS4) -> QoS {
    match qos {
        QoS4::AtMostOnce => QoS::AtMostOnce,
        QoS4::AtLeastOnce => QoS::AtLeastOnce,
        QoS4::ExactlyOnce => QoS::ExactlyOnce,
    }
}

const fn old(qos: QoS) -> QoS4 {
    match qos {
        QoS::AtMostOnce => QoS4::AtMostOnce,
        QoS::AtLeastOnce => QoS4::AtLeastOnce,
        QoS::ExactlyOnce => QoS4::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// CONNECT of `level`, with its length in `bytes` bytes, as far as the level.
    fn connect(level: u8, bytes: usize) -> Vec<u8> {
        let length = (1..=bytes).map(|n| if n == bytes { 0x01 } else { 0x80 });
        [0x10].into_iter().chain(length).chain(NAME.iter().copied()).chain([level]).collect()
    }

    #[test]
    fn the_level_is_known_as_soon_as_it_has_come() {
        for bytes in 1..=LENGTH_BYTES {
            for (level, expected) in [(3, false), (4, true), (5, false)] {
                let packet = connect(level, bytes);
                assert_eq!(speaks(&packet), Some(expected), "{packet:?}");
                let cut = &packet[..packet.len() - 1];
                assert_eq!(speaks(cut), None, "{cut:?}");
            }
        }
        assert_eq!(speaks(&[0x10, 0xff, 0xff, 0xff, 0xff]), Some(false));
        assert_eq!(speaks(b"\x10\x0f\0\x06MQIsdp\x03"), Some(false));
    }

    proptest! {
        /// Whatever comes: no panic, and nothing that is not whole is taken for a packet.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = speaks(&bytes);
            let mut buffer = BytesMut::from(bytes.as_slice());
            while let Ok(Some(_)) = read(&mut buffer) {}
        }

        #[test]
        fn a_message_comes_back_as_it_was_sent(
            topic in "[a-z/é]{1,20}",
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            retain: bool,
            sure: bool,
        ) {
            let qos = if sure { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            let mut message = Publish::new(topic, qos, payload, None);
            message.retain = retain;
            message.pkid = u16::from(sure);
            let mut bytes = BytesMut::from(write(&Packet::Publish(message.clone())).unwrap().unwrap().as_ref());
            prop_assert_eq!(read(&mut bytes).unwrap(), Some(Packet::Publish(message)));
            prop_assert!(bytes.is_empty());
        }
    }
}
