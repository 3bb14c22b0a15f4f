//! The service with models that misbehave: what it tells while engines are built, when they drift, fail, or when there are two of it.
//!
//! Needs mosquitto and `scripts/fetch-onnxruntime`; fails loudly otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sagitta::appliance::models::{Loaded, load_with};
use sagitta::appliance::workshop::{Forge, News};
use sagitta::appliance::{self, Loader, Settings, models};
use sagitta::config::Config;
use sagitta::inference::engine::{Engine, EngineError, Facts, Outputs, Signature, Tensor};
use sagitta::inference::machine::Machine;
use sagitta::inference::manifest::Manifest;
use sagitta::inference::onnx::{Provider, Runtime};
use tokio::sync::oneshot;

mod publish_support;
use publish_support::{Mosquitto, Subscriber, free_port};

struct Service {
    home: tempfile::TempDir,
    subscriber: Subscriber,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
    address: String,
    _broker: Mosquitto,
}

fn settings(home: &Path, broker: u16, page: u16, more: &str) -> Settings {
    fs::create_dir_all(home.join("watch")).unwrap();
    let text = format!(
        "[device]\nid = \"room-1\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n[mqtt]\nport = {broker}\n\
         [http]\nlisten = \"127.0.0.1:{page}\"\n[inference]\nmodels = \"{1}/models\"\nself_test = \"1h\"\n{more}",
        home.display(),
        env!("CARGO_MANIFEST_DIR")
    );
    Settings::of(&Config::from_text(&text, "test", []).unwrap())
}

fn run(settings: Settings, loader: Loader) -> (oneshot::Sender<()>, std::thread::JoinHandle<anyhow::Result<()>>) {
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shutdown = async {
            let _ = stopped.await;
        };
        runtime.block_on(appliance::run_with(settings, loader, shutdown, None))
    });
    (stop, thread)
}

impl Service {
    fn start(more: &str, loader: Loader) -> Self {
        let home = tempfile::tempdir().unwrap();
        let broker = Mosquitto::start(home.path());
        let subscriber =
            Subscriber::start_with(broker.port, &["-t", "sagitta/room-1/status", "-t", "sagitta/room-1/report"]);
        let page = free_port();
        let (stop, thread) = run(settings(home.path(), broker.port, page, more), loader);
        let address = format!("127.0.0.1:{page}");
        Self { home, subscriber, stop: Some(stop), thread: Some(thread), address, _broker: broker }
    }

    fn drop_film(&self) {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["phantom", "--seed", "78", "--pixel-mm", "1", "--difficulty", "clean", "--count", "1", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let films = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let film: PathBuf = films.into_iter().find(|path| path.extension().is_some_and(|e| e == "dcm")).unwrap();
        let part = self.home.path().join("part");
        fs::copy(&film, &part).unwrap();
        fs::rename(part, self.home.path().join("watch/film.dcm")).unwrap();
    }

    fn status(&self, state: &str) -> String {
        let wanted = format!("\"state\":\"{state}\"");
        self.subscriber.wait_for(state, |seen| seen.is("status") && seen.payload.contains(&wanted)).payload
    }

    /// The same for what takes as long as making and measuring eight golden films. Whatever else has come is dropped.
    fn slowly(&self, state: &str) -> String {
        let wanted = format!("\"state\":\"{state}\"");
        let fits = |seen: &publish_support::Seen5| seen.is("status") && seen.payload.contains(&wanted);
        let found = (0..300).find_map(|_| self.subscriber.rest().into_iter().find(fits));
        found.unwrap_or_else(|| panic!("never {state}")).payload
    }

    fn report(&self) -> serde_json::Value {
        self.subscriber.wait_for("the report", |seen| seen.is("report")).json()
    }

    fn page(&self, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

/// An engine whose answers `change` changes, or refuses.
struct Changed<F> {
    inner: Box<dyn Engine>,
    facts: Facts,
    change: F,
}

impl<F: FnMut(&[usize], &[f32]) -> Result<Vec<f32>, EngineError> + Send> Engine for Changed<F> {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError> {
        let outputs = self.inner.run(input)?;
        let signature = self.inner.signature();
        let mut raw = Vec::new();
        for spec in &signature.outputs {
            let tensor = outputs.get(&spec.name)?;
            let data = (self.change)(tensor.shape(), tensor.data())?;
            raw.push((spec.name.clone(), Tensor::new(tensor.shape().to_vec(), data).unwrap()));
        }
        Outputs::checked(signature, raw)
    }
}

/// Loads as the service does, with `forge` around ONNX Runtime on the CPU.
fn load(
    settings: &Settings,
    told: &(dyn Fn(News) + Sync),
    trouble: &models::Trouble,
    forge: &Forge,
) -> anyhow::Result<Loaded> {
    let manifest = Manifest::load(&settings.models)?;
    load_with(&manifest, settings, forge, || Machine::this("test"), None, told, trouble)
}

fn on_the_cpu() -> Forge {
    models::forge(Runtime::load(None).expect("run scripts/fetch-onnxruntime"))
}

#[test]
fn films_that_arrive_while_engines_are_built_wait_and_are_measured() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let loader: Loader = Arc::new(move |settings, told, trouble| {
        let (engine, estimate) = ("detector-fp16-0123".into(), Some(Duration::from_secs(90)));
        told(News::Building { engine, step: (1, 5), elapsed: Duration::from_secs(30), estimate });
        wait.lock().unwrap().recv().unwrap();
        load(settings, told, trouble, &on_the_cpu())
    });
    let service = Service::start("", loader);
    let told = service.status("building_engines");
    assert!(told.contains("1 of 5: detector-fp16-0123, 30 s of about 90 s"), "{told}");
    service.drop_film();
    assert!(service.page("/healthz").starts_with("HTTP/1.1 200"), "the page answers meanwhile");
    assert!(service.page("/readyz").starts_with("HTTP/1.1 503"));
    go_on.send(()).unwrap();
    service.status("online");
    assert_eq!(service.report()["engine"]["provider"], "cpu");
    assert!(service.page("/readyz").starts_with("HTTP/1.1 200"));
    service.end();
}

#[test]
fn a_service_that_is_ended_while_it_builds_ends() {
    let loader: Loader = Arc::new(|_, told, _| {
        told(News::Building { engine: "e".into(), step: (1, 1), elapsed: Duration::ZERO, estimate: None });
        std::thread::sleep(Duration::from_secs(3600));
        anyhow::bail!("never")
    });
    let service = Service::start("", loader);
    service.status("building_engines");
    service.end();
}

#[test]
fn an_engine_that_has_drifted_gives_way_to_the_cpu_and_online_is_retracted() {
    let loader: Loader = Arc::new(|settings, told, trouble| {
        let cpu = on_the_cpu();
        // As CUDA would: no engine to build, and every map one cell to the right.
        let forge: Forge = Arc::new(move |model, how| {
            let inner = cpu(model, &sagitta::inference::onnx::Settings { provider: Provider::Cpu, ..how.clone() })?;
            if how.provider == Provider::Cpu {
                return Ok(inner);
            }
            let facts = Facts { provider: "cuda".into(), ..inner.facts().clone() };
            let change = |shape: &[usize], data: &[f32]| match shape {
                [.., _, width] if *width > 8 => {
                    let rows = data.chunks(*width);
                    Ok(rows.flat_map(|r| r.first().into_iter().chain(r.iter().take(width - 1)).copied()).collect())
                }
                _ => Ok(data.to_vec()),
            };
            Ok(Box::new(Changed { inner, facts, change }) as Box<dyn Engine>)
        });
        load(settings, told, trouble, &forge)
    });
    let service = Service::start("provider = \"cuda\"\n", loader);
    service.status("online");
    let told = service.slowly("degraded");
    assert!(told.contains("cuda fp32 failed the self-test") && told.contains("the CPU measures instead"), "{told}");
    service.drop_film();
    assert_eq!(service.report()["engine"]["provider"], "cpu");
    assert!(service.page("/readyz").starts_with("HTTP/1.1 200"), "films are taken all the same");
    service.end();
}

#[test]
fn a_film_on_which_the_models_fail_is_tried_again_and_not_lost() {
    let failures = Arc::new(AtomicU32::new(u32::MAX));
    let counted = failures.clone();
    let loader: Loader = Arc::new(move |settings, told, trouble| {
        let (cpu, failures) = (on_the_cpu(), counted.clone());
        let forge: Forge = Arc::new(move |model, how| {
            let (inner, failures) = (cpu(model, how)?, failures.clone());
            let facts = inner.facts().clone();
            let change = move |_: &[usize], data: &[f32]| {
                // u32::MAX stands for "not yet".
                let due = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    (left != u32::MAX && left > 0).then(|| left - 1)
                });
                if due.is_ok() { Err(EngineError::Backend("out of memory".into())) } else { Ok(data.to_vec()) }
            };
            Ok(Box::new(Changed { inner, facts, change }) as Box<dyn Engine>)
        });
        load(settings, told, trouble, &forge)
    });
    let service = Service::start("", loader);
    service.status("online");
    failures.store(1, Ordering::SeqCst);
    service.drop_film();
    assert_eq!(service.report()["source"]["file"], "film.dcm");
    assert_eq!(failures.load(Ordering::SeqCst), 0);
    service.end();
}

#[test]
fn a_second_service_on_the_same_store_ends_with_an_error_that_names_the_first() {
    let loader: Loader = Arc::new(|settings, told, trouble| load(settings, told, trouble, &on_the_cpu()));
    let service = Service::start("", loader.clone());
    service.status("online");
    let second = settings(service.home.path(), service._broker.port, free_port(), "");
    let (_stop, thread) = run(second, loader);
    let error = thread.join().unwrap().unwrap_err().to_string();
    assert!(error.contains("another sagitta") && error.contains(&std::process::id().to_string()), "{error}");
    service.end();
}
