//! A client that listens: for the demonstration, which must see with a subscriber's eyes what the appliance publishes.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::sync::mpsc;

/// The largest message it takes: twice what an overlay may have.
const LARGEST: u32 = 512 * 1024;
/// Messages that wait for the reader; the broker is held up when it is full.
const QUEUE: usize = 64;
/// The pause before it connects again.
const PAUSE: Duration = Duration::from_millis(500);

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Subscribes to `filter` at `broker` under the client id `id`; the task ends when the receiver is dropped. A lost
/// connection is made again, and the subscription with it.
pub fn subscribe(broker: SocketAddr, id: &str, filter: String) -> mpsc::Receiver<Heard> {
    let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
    options.set_max_packet_size(Some(LARGEST));
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (client, mut events) = AsyncClient::new(options, 8);
    tokio::spawn(async move {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    if let Err(error) = client.try_subscribe(&filter, QoS::AtLeastOnce) {
                        tracing::warn!(%error, "the subscription was not sent");
                    }
                }
                Ok(Event::Incoming(Incoming::Publish(message))) => {
                    let topic = String::from_utf8_lossy(&message.topic).into_owned();
                    if sender.send(Heard { topic, payload: message.payload.to_vec() }).await.is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "the subscriber connects again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            if sender.is_closed() {
                return;
            }
        }
    });
    receiver
}
