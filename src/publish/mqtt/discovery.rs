//! Takes the announcement to home automation back: one empty retained message.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event};

use super::link;
use crate::publish::topics::{Retained, Topics};
use crate::publish::{PublishError, Settings};

/// How long the broker may take for all of it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Requests that wait for the event loop: the message and the DISCONNECT.
const REQUESTS: usize = 2;

/// Publishes an empty retained message where the device of `settings` is announced below `prefix`; returns the topic. Works
/// beside a running service, whose client id is another one.
///
/// # Errors
/// A prefix that no topic may hold, credentials that cannot be read, a broker that does not take the message.
pub async fn remove(settings: &Settings, prefix: &str) -> Result<String, PublishError> {
    let topic = Topics::new(&settings.prefix, &settings.device)?.announced_below(prefix)?.retained(Retained::Discovery);
    let mut options = link::plain(settings, format!("sagitta-{}:discovery", settings.device))?;
    options.set_clean_start(true);
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let broken = |problem: String| PublishError::NotTaken { topic: topic.clone(), problem };
    client.try_publish(&topic, QoS::AtLeastOnce, true, "").map_err(|error| broken(error.to_string()))?;
    let taken = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(ack))) => match ack.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return Ok(()),
                    reason => return Err(broken(format!("the broker refused it: {reason:?}"))),
                },
                Ok(_) => {}
                Err(error) => return Err(broken(error.to_string())),
            }
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.map_err(|_| broken("the broker does not answer".into()))??;
    Ok(topic)
}
