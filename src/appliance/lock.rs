//! One service on one ledger: a lock that ends with the process, however that ends.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// The file below the store's folder.
const FILE: &str = "lock";

/// Held while the service runs.
#[derive(Debug)]
pub(super) struct Held(#[allow(dead_code)] File);

/// Takes the store in `folder` for this process.
///
/// # Errors
/// Another process has it, or the folder cannot be written to.
pub(super) fn hold(folder: &Path) -> anyhow::Result<Held> {
    let path = folder.join(FILE);
    let what = || {
        format!(
            "{} cannot be written; give the service's user the right to, or name another [store] path",
            path.display()
        )
    };
    fs::create_dir_all(folder).with_context(what)?;
    let mut file =
        File::options().create(true).truncate(false).read(true).write(true).open(&path).with_context(what)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})"));
            bail!(
                "another sagitta{holder} already works on {}; end it first, or give this one a store of its own with [store] path",
                folder.display()
            );
        }
        Err(error) => return Err(error).with_context(what),
    }
    // For whoever comes second; the lock holds without it.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Held(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_held_by_one_at_a_time_and_free_once_that_one_has_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("new/store");
        let held = hold(&store).unwrap();
        let told = hold(&store).unwrap_err().to_string();
        assert!(told.contains(&format!("process {}", std::process::id())) && told.contains("[store] path"), "{told}");
        drop(held);
        assert!(hold(&store).is_ok());
    }
}
