//! What is wrong around the configuration: folders that are missing, files that cannot be read. Reads, and opens files
//! only to see whether they can be; makes and changes nothing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::ingest::after::After;

use super::problem::{Problem, Problems};
use super::{Config, Login, Tls};

/// Every problem, in the order of the documentation.
pub(super) fn look(config: &Config, place: &str) -> Problems {
    let mut found = Found { place, problems: Vec::new() };
    let watch = &config.ingest.watch;
    found.note("ingest.watch", watch, fs::read_dir(watch).map(drop), "Make the folder, mount the share, or give the service's user the right to read it; until then the service waits for it.");
    if let After::Move(to) = &config.after {
        found.note("ingest.move_to", to, can_be_made(to), "Name a folder that exists or can be made.");
    }
    found.note(
        "store.path",
        &config.store.path,
        can_be_made(&config.store.path),
        "Name a folder that exists or can be made.",
    );
    if let Some(models) = &config.inference.models {
        let manifest = models.join("manifest.toml");
        found.note(
            "inference.models",
            models,
            readable(&manifest),
            "Name the folder that holds manifest.toml and the models.",
        );
    }
    if let Some(library) = &config.inference.library {
        found.note(
            "inference.library",
            library,
            readable(library),
            "Name ONNX Runtime's library, libonnxruntime.so, or remove this key to have it searched for.",
        );
    }
    let (mut files, remedy) = (Vec::new(), "Put the file there, and give the service's user the right to read it.");
    if let Some(Login { password_file: Some(file), .. }) = &config.mqtt.login {
        files.push(("mqtt.password_file", file));
    }
    if let Some(Tls { ca_file, client }) = &config.mqtt.tls {
        files.extend(ca_file.iter().map(|file| ("mqtt.ca_file", file)));
        files.extend(client.iter().flat_map(|(cert, key)| [("mqtt.cert_file", cert), ("mqtt.key_file", key)]));
    }
    for (key, file) in files {
        found.note(key, file, readable(file), remedy);
    }
    Problems(found.problems)
}

struct Found<'a> {
    place: &'a str,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn note(&mut self, key: &str, path: &Path, result: io::Result<()>, remedy: &str) {
        if let Err(error) = result {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "does not exist".to_owned(),
                io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
                _ => format!("cannot be used: {error}"),
            };
            self.problems.push(Problem {
                key: key.to_owned(),
                value: Some(format!("{:?}", path.display().to_string())),
                place: self.place.to_owned(),
                what,
                remedy: remedy.to_owned(),
            });
        }
    }
}

fn readable(path: &Path) -> io::Result<()> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path).map(drop)
}

/// Whether `path` is a folder, or could be made in one that exists.
fn can_be_made(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    for part in path.ancestors() {
        match fs::metadata(part) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
