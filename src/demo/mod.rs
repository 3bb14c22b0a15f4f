//! `sagitta demo`: the real service on synthetic patients, with a broker and a page of its own.
//!
//! Nothing is pretended: the films of [`patients`] are DICOM files that are renamed into a watched folder one by one,
//! the [`appliance`](crate::appliance) is the one that `sagitta run` starts, and what is printed comes from a subscriber
//! on the broker. With `--once` it ends when that subscriber has heard what the contract promises for every film.

mod line;
mod patients;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use crate::appliance::{self, Settings as Appliance};
use crate::config::Config;
use crate::publish::broker::{self, Broker};
use crate::publish::mqtt::subscriber::{Heard, subscribe};
use crate::serve::{self, BrokerAddress, MqttVersion};

use line::Line;
use patients::{Expected, Film};

/// The name of the demo's device.
const DEVICE: &str = "demo";
/// How long the slowest machine may take for all films with `--once`.
const PATIENCE: Duration = Duration::from_secs(600);

/// What may be chosen.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// End when every film has its report.
    pub once: bool,
    /// Expose so many films, or all where there are fewer.
    pub films: usize,
    /// Where the page is served.
    pub http: SocketAddr,
    /// MQTT over TCP.
    pub mqtt: SocketAddr,
    /// MQTT over WebSocket.
    pub websocket: SocketAddr,
}

/// Runs the demo; returns whether the subscriber has heard everything that was due.
///
/// # Errors
/// What keeps it from starting: no models, an address that is taken, no room for temporary files.
pub async fn run(settings: Settings) -> anyhow::Result<bool> {
    let home = Home::new()?;
    let broker = Broker::start(broker::Settings { tcp: settings.mqtt, websocket: settings.websocket }).await?;
    let appliance = appliance_settings(&home, &broker, free_port(settings.http)?)?;
    println!("Page      http://{}/", appliance.http.listen);
    println!("Broker    mqtt://{}  ws://{}  topics sagitta/{DEVICE}/#", broker.tcp(), broker.websocket());
    println!("Folder    {}", home.watched().display());
    println!("Every patient is synthetic. A measuring aid, not a diagnosis.\n");

    let heard = subscribe(broker.tcp(), "sagitta-demo-reader", format!("sagitta/{DEVICE}/#"));
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = oneshot::channel();
    let service = tokio::spawn(appliance::run(
        appliance,
        async {
            let _ = stopped.await;
        },
        Some(ready),
    ));
    if is_ready.await.is_err() {
        // It ended before it was ready: its own error says why.
        service.await??;
        anyhow::bail!("the service ended before it was ready");
    }
    let watched = home.watched();
    let (films, dropped) = mpsc::channel(1);
    std::thread::Builder::new().name("modality".into()).spawn(move || modality(&watched, settings.films, &films))?;
    let complete = follow(heard, dropped, settings.once).await;
    let _ = stop.send(());
    service.await??;
    broker.stop().await;
    Ok(complete)
}

/// The X-ray room: exposes one film after the other and writes it into the folder.
fn modality(folder: &Path, count: usize, films: &mpsc::Sender<anyhow::Result<Film>>) {
    for film in patients::films().take(count) {
        let written = film.and_then(|film| {
            let part = folder.join(format!(".{}.part", film.name));
            film.write(&part)?;
            std::fs::rename(&part, folder.join(&film.name)).context("the film cannot be put into the folder")?;
            Ok(film)
        });
        if films.blocking_send(written).is_err() {
            return;
        }
    }
}

/// Prints what the subscriber hears. Ends when everything due was heard (with `once`), on Ctrl-C, or when patience ends.
async fn follow(
    mut heard: mpsc::Receiver<Heard>,
    mut dropped: mpsc::Receiver<anyhow::Result<Film>>,
    once: bool,
) -> bool {
    let mut due = Due::default();
    let began = Instant::now();
    let mut more_films = true;
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        if once && !more_films && due.is_empty() {
            println!(
                "\nEverything that was due has been heard, {:.1} s after the first film.",
                began.elapsed().as_secs_f64()
            );
            return true;
        }
        tokio::select! {
            film = dropped.recv(), if more_films => match film {
                Some(Ok(film)) => due.add(film),
                Some(Err(error)) => {
                    eprintln!("sagitta: a film of the demo failed: {error:#}");
                    return false;
                }
                None => {
                    more_films = false;
                    if !once {
                        println!("\nAll films are done. The page stays; Ctrl-C ends the demo.");
                    }
                }
            },
            message = heard.recv() => match message {
                Some(message) => due.hear(&message),
                None => return false,
            },
            _ = &mut interrupt => return due.is_empty(),
            () = tokio::time::sleep(PATIENCE.saturating_sub(began.elapsed())), if once => {
                eprintln!("sagitta: not heard within {} s: {}", PATIENCE.as_secs(), due.missing());
                return false;
            }
        }
    }
}

/// What the contract promises and the subscriber has not heard yet.
#[derive(Default)]
struct Due {
    /// Files whose report is due, and whether report and overlay were heard.
    reports: Vec<(Film, bool, bool)>,
    /// Films that must be counted as passed over.
    passed_over: u64,
    counted: u64,
    /// Reports heard before their film was known to be dropped.
    early: Vec<Line>,
    overlays: Vec<String>,
}

impl Due {
    fn add(&mut self, film: Film) {
        match film.expected {
            Expected::PassedOver => {
                println!("{:<28} {}", film.name, film.story);
                self.passed_over += 1;
            }
            Expected::Report => {
                let early = self.early.iter().position(|line| line.file == film.name);
                let heard = early.map(|i| self.early.swap_remove(i));
                let drawn = heard.as_ref().is_some_and(|line| self.overlays.contains(&line.report_id));
                self.reports.push((film, heard.is_some(), drawn));
                if let (Some(line), Some((film, ..))) = (heard, self.reports.last_mut()) {
                    line.print(film.story);
                    film.report_id = line.report_id;
                }
            }
        }
    }

    fn hear(&mut self, message: &Heard) {
        let what = message.topic.split('/').nth(2).unwrap_or_default();
        match what {
            "report" => {
                let Some(line) = Line::read(&message.payload) else { return };
                match self.reports.iter_mut().find(|(film, ..)| film.name == line.file) {
                    Some((film, heard, _)) => {
                        line.print(film.story);
                        film.report_id = line.report_id;
                        *heard = true;
                    }
                    None => self.early.push(line),
                }
            }
            "overlay" => {
                let id = message.topic.rsplit('/').next().unwrap_or_default().to_owned();
                if let Some((_, _, drawn)) = self.reports.iter_mut().find(|(film, ..)| film.report_id == id) {
                    *drawn = true;
                }
                self.overlays.push(id);
            }
            "health" => {
                if let Some(counted) = line::passed_over(&message.payload)
                    && counted > self.counted
                {
                    println!("{:<28} {counted} film passed over: not a lateral neck", "");
                    self.counted = counted;
                }
            }
            "fault" => println!("fault: {}", String::from_utf8_lossy(&message.payload)),
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.counted >= self.passed_over && self.reports.iter().all(|(_, heard, drawn)| *heard && *drawn)
    }

    fn missing(&self) -> String {
        let reports = self.reports.iter().filter(|(_, heard, drawn)| !(*heard && *drawn));
        let mut missing: Vec<String> = reports
            .map(|(film, heard, _)| format!("the {} of {}", if *heard { "overlay" } else { "report" }, film.name))
            .collect();
        if self.counted < self.passed_over {
            missing.push("the count of films passed over".into());
        }
        missing.join(", ")
    }
}

/// A folder for everything, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Self> {
        let home = std::env::temp_dir().join(format!("sagitta-demo-{}", std::process::id()));
        std::fs::create_dir_all(home.join("modality")).with_context(|| format!("cannot make {}", home.display()))?;
        Ok(Self(home))
    }

    fn watched(&self) -> PathBuf {
        self.0.join("modality")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `address` itself, or a free port on it.
fn free_port(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(address)
        .with_context(|| format!("{address} is taken; choose another with --http 127.0.0.1:0"))?;
    Ok(listener.local_addr()?)
}

fn appliance_settings(home: &Home, broker: &Broker, http: SocketAddr) -> anyhow::Result<Appliance> {
    let quoted = |path: PathBuf| toml::Value::from(path.display().to_string());
    let text = format!(
        "[device]\nid = \"{DEVICE}\"\n[ingest]\nwatch = {}\n[store]\npath = {}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {}\n[http]\nlisten = \"{http}\"\n\
         [study]\nlanguages = [\"en\", \"zh-Hans\"]\n",
        quoted(home.watched()),
        quoted(home.0.join("store")),
        broker.tcp().port(),
    );
    let config =
        Config::from_text(&text, "the demo's configuration", []).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let mut settings = Appliance::of(&config);
    let port = broker.websocket().port();
    settings.page.broker =
        Some(serve::Broker { address: BrokerAddress::Port(port, "/mqtt".into()), version: MqttVersion::V5 });
    Ok(settings)
}
