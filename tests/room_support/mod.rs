//! A room of its own for a test of the whole service: the watched folder, the program, what it logs.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::publish_support::free_port;

/// A room with a watched folder, a service and a configuration; all of it goes when it is dropped.
pub struct Room {
    pub home: tempfile::TempDir,
    service: Option<Child>,
}

impl Room {
    pub fn new(broker: u16) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("watch")).unwrap();
        fs::create_dir(home.path().join("films")).unwrap();
        let configuration = format!(
            "[device]\nid = \"room-1\"\n[ingest]\nwatch = \"{0}/watch\"\n[store]\npath = \"{0}/store\"\n\
             [study]\nlanguages = [\"zh-Hans\", \"en\"]\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\noverlays = false\n\
             [http]\nlisten = \"127.0.0.1:{1}\"\n",
            home.path().display(),
            free_port()
        );
        fs::write(home.path().join("sagitta.toml"), configuration).unwrap();
        Self { home, service: None }
    }

    pub fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.home.path().join("log")).unwrap();
        let service = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["run", "--config"])
            .arg(self.home.path().join("sagitta.toml"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.service = Some(service);
    }

    /// As a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().unwrap();
            service.wait().unwrap();
        }
    }

    /// Phantoms of `sagitta phantom` with these arguments, in a folder of their own.
    pub fn phantoms(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let folder = self.home.path().join(name);
        let made = Command::new(env!("CARGO_BIN_EXE_sagitta"))
            .args(["phantom", "--pixel-mm", "0.5"])
            .args(arguments)
            .arg("--out")
            .arg(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder
    }

    /// A copy of `film` with other attributes and a new SOPInstanceUID.
    pub fn altered(&self, film: &Path, name: &str, changes: &[&str]) -> PathBuf {
        let copy = self.home.path().join(name);
        fs::copy(film, &copy).unwrap();
        let done = Command::new("dcmodify")
            .args(["--no-backup", "--gen-inst-uid"])
            .args(changes)
            .arg(&copy)
            .output()
            .expect("dcmodify (Debian: dcmtk) is needed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        copy
    }

    pub fn drop_film(&self, film: &Path) {
        let part = self.home.path().join("part");
        fs::copy(film, &part).unwrap();
        fs::rename(part, self.home.path().join("watch").join(film.file_name().unwrap())).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        self.kill();
    }
}
