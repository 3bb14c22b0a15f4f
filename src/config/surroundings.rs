//! What is wrong around the configuration: folders that are missing, files that cannot be read. Reads, and opens files
//! only to see whether they can be; makes and changes nothing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::problem::Problem;
use super::read::{Named, Need};

/// What is wrong with the path that is named at `place`, if anything is.
pub(super) fn look(named: &Named, place: &str) -> Option<Problem> {
    let path = &named.path;
    let (looked_at, remedy) = match named.need {
        Need::Folder => (
            fs::read_dir(path).map(drop),
            "Make the folder, mount the share, or give the service's user the right to read it; until then the service \
             waits for it.",
        ),
        Need::Place => (can_be_made(path), "Name a folder that exists or can be made."),
        Need::Models => {
            (readable(&path.join("manifest.toml")), "Name the folder that holds manifest.toml and the models.")
        }
        Need::File => (readable(path), "Put the file there, and give the service's user the right to read it."),
    };
    let what = match looked_at.err()? {
        error if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
        error if error.kind() == io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
        error => format!("cannot be used: {error}"),
    };
    Some(Problem {
        key: named.key.to_owned(),
        value: Some(format!("{:?}", path.display().to_string())),
        place: place.to_owned(),
        what,
        remedy: remedy.to_owned(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &Path, need: Need) -> Option<String> {
        look(&Named { key: "a.b", path: path.to_owned(), need }, "here").map(|problem| problem.to_string())
    }

    #[test]
    fn each_need_is_met_or_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "x").unwrap();
        for (good, need) in [("", Need::Folder), ("", Need::Place), ("not/yet", Need::Place), ("file", Need::File)] {
            assert_eq!(problem(&at(good), need), None, "{good}");
        }
        for (bad, need, part) in [
            ("gone", Need::Folder, "does not exist"),
            ("file", Need::Folder, "is not a folder"),
            ("file/below", Need::Place, "is not a folder"),
            ("", Need::File, "not a file"),
            ("", Need::Models, "does not exist"),
        ] {
            let told = problem(&at(bad), need).unwrap();
            assert!(told.contains(part) && told.starts_with("a.b = "), "{told}");
        }
        assert!(!at("not").exists());
    }
}
