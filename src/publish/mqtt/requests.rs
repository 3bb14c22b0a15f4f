//! Radiographers' requests: a connection of its own with a session that outlives it.
//!
//! ```text
//! broker ──one request at a time──► this thread ──Desk──► ledger (word and answers) ──► publisher ──► broker
//!    ▲                                   │
//!    └────────────── PUBACK ─────────────┘  only once the ledger has both
//! ```
//!
//! Why not the publisher's connection: a request is foreign, and whatever one does to its connection must not hold up a
//! report. The session is kept by the broker for [`SESSION`], so that what is asked while the service is down is taken up
//! when it is back. The broker sends one request at a time (Receive Maximum 1) and the next after its PUBACK: a crash
//! repeats at most the last one, which then is answered alike.
//!
//! Limits: a request is taken every [`PACE`] at most; who sends faster waits in the broker's queue. A packet beyond
//! [`LARGEST`] is kept back by the broker. A session whose first request breaks the connection [`STRIKES`] times in a row
//! is given up with what waits in it. On any failure the connection is made again after [`PAUSE`], and a ledger that
//! cannot be written is tried again with the same request, which the broker still has.

use std::thread::JoinHandle;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, RetainForwardRule, SubAck, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError, mqttbytes};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::link;
use crate::ledger::Ledger;
use crate::publish::desk::{Desk, Request};
use crate::publish::topics::Topics;
use crate::publish::{PublishError, Settings};

/// How long the broker keeps requests while nobody takes them.
const SESSION: Duration = Duration::from_secs(7 * 24 * 3600);
/// The largest packet the broker may send, in bytes: far more than a request may have, so that one that is too large is
/// still refused by name.
const LARGEST: u32 = 4 * 1024 * 1024;
/// The pause after each request.
const PACE: Duration = Duration::from_millis(50);
/// The pause before a connection is made again; it doubles with each failure in a row up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause after the broker did not let us listen.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(10 * 60);
/// After as many connections that ended before a request was done, the session is begun anew.
const STRIKES: u32 = 5;
/// Requests to the event loop that wait: an acknowledgement, a subscription, a goodbye.
const QUEUE: usize = 8;

/// Takes requests until it is stopped or dropped.
#[derive(Debug)]
pub struct Requests {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Requests {
    /// Ends after the request in hand. Blocks for as long as that takes.
    pub fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the thread for requests has failed");
        }
    }
}

/// How a connection ended.
enum End {
    /// As asked.
    Stopped,
    /// It broke; whether over a packet that could not be read.
    Broken { unreadable: bool },
    /// The broker does not let us listen.
    Forbidden,
}

/// Starts taking requests on a thread of its own. `taken` is called after each one: its answers wait in the outbox.
///
/// # Errors
/// Wrong settings or credentials, or a thread that cannot be started.
pub fn spawn(settings: Settings, ledger: Ledger, taken: impl Fn() + Send + 'static) -> Result<Requests, PublishError> {
    let topics = super::check(&settings)?;
    let failed = |source| PublishError::System { what: "the thread for requests cannot be started".into(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let desk = Desk::new(settings.device.clone(), topics.clone(), ledger).with_studies(settings.studies.clone());
    let mut counter = Counter { settings, topics, desk, taken: Box::new(taken), stopped };
    let thread = std::thread::Builder::new()
        .name("requests".into())
        .spawn(move || runtime.block_on(counter.run()))
        .map_err(failed)?;
    Ok(Requests { stop, thread: Some(thread) })
}

/// Everything the thread owns.
struct Counter {
    settings: Settings,
    topics: Topics,
    desk: Desk,
    taken: Box<dyn Fn() + Send>,
    stopped: watch::Receiver<bool>,
}

impl Counter {
    async fn run(&mut self) {
        let (mut failures, mut strikes) = (0_u32, 0_u32);
        loop {
            let pause = match self.connection(strikes >= STRIKES).await {
                Ok((End::Stopped, _)) => return,
                Ok((End::Forbidden, _)) => FORBIDDEN_PAUSE,
                Ok((End::Broken { unreadable }, done)) => {
                    failures = if done { 1 } else { failures.saturating_add(1) };
                    strikes = if unreadable && strikes < STRIKES { strikes + 1 } else { 0 };
                    PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE)
                }
                Err(error) => {
                    debug!(%error, "no connection for requests");
                    LONGEST_PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.stopped.changed() => return,
            }
        }
    }

    /// One connection from CONNECT to its end, and whether it did its work for a while.
    async fn connection(&mut self, anew: bool) -> Result<(End, bool), PublishError> {
        let (client, mut events) = AsyncClient::new(options(&self.settings, anew)?, QUEUE);
        if anew {
            warn!("the requests that waited broke the connection again and again: they are given up");
        }
        let mut done = false;
        loop {
            let event = tokio::select! {
                event = events.poll() => event,
                _ = self.stopped.changed() => {
                    leave(&client, &mut events).await;
                    return Ok((End::Stopped, done));
                }
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => self.subscribe(&client),
                Ok(Event::Incoming(Packet::SubAck(ack))) if refused(&ack) => {
                    warn!(
                        topic = self.topics.requests(),
                        "the broker does not let us listen to requests; allow it to read"
                    );
                    leave(&client, &mut events).await;
                    return Ok((End::Forbidden, done));
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    info!(topic = self.topics.requests(), "taking radiographers' requests");
                }
                Ok(Event::Incoming(Packet::Publish(request))) => {
                    if !self.take(&client, &request) {
                        return Ok((End::Broken { unreadable: false }, done));
                    }
                    done = true;
                    tokio::time::sleep(PACE).await;
                }
                Ok(_) => {}
                Err(error) => {
                    debug!(%error, "the connection for requests has ended");
                    return Ok((End::Broken { unreadable: unreadable(&error) }, done));
                }
            }
        }
    }

    fn subscribe(&self, client: &AsyncClient) {
        let mut filter = Filter::new(self.topics.requests(), QoS::AtLeastOnce);
        // A retained request would come again with every connection.
        filter.retain_forward_rule = RetainForwardRule::Never;
        if client.try_subscribe_many([filter]).is_err() {
            debug!("not subscribed: the connection has ended");
        }
    }

    /// Whether the request is dealt with and acknowledged.
    fn take(&self, client: &AsyncClient, publish: &Publish) -> bool {
        if publish.topic != self.topics.requests() {
            // A subscription of this session from before the prefix was changed.
            return client.try_ack(publish).is_ok();
        }
        let properties = publish.properties.as_ref();
        let request = Request {
            payload: publish.payload.to_vec(),
            response_topic: properties.and_then(|properties| properties.response_topic.clone()),
            correlation: properties
                .and_then(|properties| properties.correlation_data.as_ref())
                .map(|data| data.to_vec()),
        };
        match self.desk.take(&request) {
            Ok(_) => {
                (self.taken)();
                client.try_ack(publish).is_ok()
            }
            Err(error) => {
                warn!(%error, "a request cannot be kept; it is taken again");
                false
            }
        }
    }
}

fn options(settings: &Settings, anew: bool) -> Result<MqttOptions, PublishError> {
    // A device's name holds no colon: nobody else has this id.
    let id = format!("sagitta-{}:requests", settings.device);
    let mut options = link::plain(settings, id)?;
    options.set_clean_start(anew);
    options.set_session_expiry_interval(u32::try_from(SESSION.as_secs()).ok());
    options.set_receive_maximum(Some(1));
    options.set_max_packet_size(Some(LARGEST));
    options.set_manual_acks(true);
    Ok(options)
}

/// DISCONNECT, after which the broker goes on keeping the session.
async fn leave(client: &AsyncClient, events: &mut EventLoop) {
    const WITHIN: Duration = Duration::from_secs(2);
    if client.try_disconnect().is_err() {
        return;
    }
    let goodbye = async { while events.poll().await.is_ok() {} };
    if tokio::time::timeout(WITHIN, goodbye).await.is_err() {
        debug!("the broker did not close the connection for requests");
    }
}

/// Whether it was ended by what was received, rather than by the network or the broker.
fn unreadable(error: &ConnectionError) -> bool {
    matches!(error, ConnectionError::MqttState(StateError::Deserialization(why)) if !matches!(why, mqttbytes::Error::Io(_)))
}

fn refused(ack: &SubAck) -> bool {
    !ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_)))
}
