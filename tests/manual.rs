//! Manual pages and completions in packaging/ are what the command line says. Packages take them from there, so that
//! no program of another architecture has to run to make a package.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging");

/// Every file that packaging/man and packaging/completions must hold.
fn documents() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut documents = BTreeMap::new();
    let mut command = sagitta::cli::command();
    command.build();
    pages(&command, &mut documents);
    for (shell, name) in [(Shell::Bash, "sagitta.bash"), (Shell::Zsh, "_sagitta"), (Shell::Fish, "sagitta.fish")] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut sagitta::cli::command(), "sagitta", &mut text);
        documents.insert(Path::new("completions").join(name), text);
    }
    documents
}

/// A page for `command` and for each of its verbs: `sagitta-engines-build.1`.
fn pages(command: &clap::Command, documents: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let page = clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).manual("Sagitta");
    let mut text = Vec::new();
    page.render(&mut text).unwrap();
    documents.insert(Path::new("man").join(format!("{name}.1")), text);
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help" && !verb.is_hide_set()) {
        pages(verb, documents);
    }
}

#[test]
fn the_manual_and_the_completions_are_current() {
    let update = std::env::var_os("SAGITTA_UPDATE").is_some();
    let documents = documents();
    for folder in ["man", "completions"] {
        let folder = Path::new(PACKAGING).join(folder);
        if update {
            fs::create_dir_all(&folder).unwrap();
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // Section 8 is written by hand.
            if path.extension().is_some_and(|e| e == "8")
                || documents.contains_key(path.strip_prefix(PACKAGING).unwrap())
            {
                continue;
            }
            assert!(update, "{} belongs to no verb any more: remove it", path.display());
            fs::remove_file(path).unwrap();
        }
    }
    for (name, text) in &documents {
        let path = Path::new(PACKAGING).join(name);
        if update {
            fs::write(&path, text).unwrap();
        }
        assert!(
            fs::read(&path).unwrap_or_default() == *text,
            "packaging/{} is out of date: run SAGITTA_UPDATE=1 cargo test --test manual",
            name.display()
        );
    }
}

/// What a person looks for first.
#[test]
fn the_manual_names_every_verb_and_every_verb_has_a_page() {
    let documents = documents();
    let main = String::from_utf8_lossy(&documents[Path::new("man/sagitta.1")]).replace('\\', "");
    for verb in ["run", "measure", "check-config", "engines", "models", "self-test", "support-bundle", "outbox"] {
        assert!(main.contains(&format!("sagitta-{verb}(1)")), "{verb}: {main}");
        assert!(documents.contains_key(&PathBuf::from(format!("man/sagitta-{verb}.1"))), "{verb}");
    }
}
