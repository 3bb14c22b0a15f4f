//! The sets of models that were installed: which is used, which was before.
//!
//! ```text
//! <store>/models/
//!   sets/7-1a2b3c4d/     bundle.toml, manifest.toml, *.onnx, golden.json
//!   sets/.incoming/      one that is being proved
//!   state.json           {"current": "7-1a2b3c4d", "previous": "package"}
//! ```
//!
//! `package` is the set that came with the program. The switch is the rename of `state.json`: before it the old set is in use,
//! after it the new one, whenever the power fails.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{About, Bundle, BundleError};

/// The name of the set that came with the program.
pub const PACKAGE: &str = "package";

/// Which sets are in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The set in use.
    pub current: String,
    /// The one before it.
    pub previous: Option<String>,
}

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    folder: PathBuf,
}

impl Sets {
    /// The sets below the store in `store`; touches nothing.
    pub fn below(store: &Path) -> Self {
        Self { folder: store.join("models") }
    }

    /// Which sets are in use: that of the package where none was installed.
    ///
    /// # Errors
    /// [`BundleError::File`] where that is written down and cannot be read.
    pub fn state(&self) -> Result<State, BundleError> {
        let path = self.folder.join("state.json");
        let file = |source| BundleError::File { path: path.clone(), source };
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| file(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(State { current: PACKAGE.into(), previous: None })
            }
            Err(error) => Err(file(error)),
        }
    }

    /// The folder of the installed set that is in use; `None` for that of the package.
    ///
    /// # Errors
    /// As [`Sets::state`].
    pub fn current(&self) -> Result<Option<PathBuf>, BundleError> {
        Ok(self.place(&self.state()?.current))
    }

    /// The folder of the set called `name`; `None` for that of the package.
    pub fn place(&self, name: &str) -> Option<PathBuf> {
        (name != PACKAGE).then(|| self.folder.join("sets").join(name))
    }

    /// Installs `bundle`, which must have at least version `oldest` and that of the set in use. `prove` is given the folder
    /// of the new set before it is switched to. Returns its name and what it says of itself.
    ///
    /// # Errors
    /// [`BundleError`]; the set in use stays in use.
    pub fn install(
        &self,
        bundle: &Bundle,
        oldest: u64,
        prove: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(String, About), BundleError> {
        let _held = self.lock()?;
        let incoming = Incoming::new(self.folder.join("sets/.incoming"))?;
        let about = bundle.unpack(&incoming.0)?;
        if about.version < oldest {
            return Err(BundleError::Older { found: about.version, floor: oldest, why: "[models] oldest" });
        }
        let state = self.state()?;
        let used = self.place(&state.current).map(|folder| About::read(&folder)).transpose()?;
        if let Some(used) = used.filter(|used| about.version < used.version) {
            return Err(BundleError::Older { found: about.version, floor: used.version, why: "the set in use" });
        }
        prove(&incoming.0).map_err(BundleError::Unproven)?;
        let digest: String = Sha256::digest(&bundle.bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{}-{digest}", about.version);
        if name != state.current {
            let place = self.folder.join("sets").join(&name);
            let file = |source| BundleError::File { path: place.clone(), source };
            match fs::remove_dir_all(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(error)),
                _ => {}
            }
            fs::rename(&incoming.0, &place).map_err(file)?;
            self.switch(&State { current: name.clone(), previous: Some(state.current) })?;
        }
        self.clear();
        Ok((name, about))
    }

    /// Goes back to the set before; that which was in use is then the one before.
    ///
    /// # Errors
    /// [`BundleError::NothingBefore`], or a file that cannot be written.
    pub fn roll_back(&self) -> Result<State, BundleError> {
        let _held = self.lock()?;
        let State { current, previous } = self.state()?;
        let State { current, previous } =
            State { current: previous.ok_or(BundleError::NothingBefore)?, previous: Some(current) };
        if let Some(place) = self.place(&current).filter(|place| !place.is_dir()) {
            let source = io::Error::from(io::ErrorKind::NotFound);
            return Err(BundleError::File { path: place, source });
        }
        let state = State { current, previous };
        self.switch(&state)?;
        Ok(state)
    }

    fn switch(&self, state: &State) -> Result<(), BundleError> {
        let (path, part) = (self.folder.join("state.json"), self.folder.join(".state.json"));
        let file = |source| BundleError::File { path: path.clone(), source };
        let text = serde_json::to_vec(state).map_err(|error| file(io::Error::other(error)))?;
        let written = File::create(&part).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&part, &path)).map_err(file)?;
        // The rename itself must outlive a power cut.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(file)
    }

    /// Removes every set but those in use now and before; what cannot be removed stays.
    fn clear(&self) {
        let Ok(state) = self.state() else { return };
        for entry in fs::read_dir(self.folder.join("sets")).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != state.current && Some(&name) != state.previous.as_ref() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    fn lock(&self) -> Result<File, BundleError> {
        let path = self.folder.join("lock");
        let file = |source| BundleError::File { path: path.clone(), source };
        fs::create_dir_all(self.folder.join("sets")).map_err(file)?;
        let held = File::options().create(true).truncate(false).write(true).open(&path).map_err(file)?;
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(held),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(BundleError::Busy { folder: self.folder.clone() }),
            Err(error) => Err(file(error.into())),
        }
    }
}

/// The folder of a set that is not installed yet. Dropped, it goes.
struct Incoming(PathBuf);

impl Incoming {
    fn new(folder: PathBuf) -> Result<Self, BundleError> {
        match fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(BundleError::File { path: folder, source }),
            _ => Ok(Self(folder)),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After a rename there is nothing left.
        let _ = fs::remove_dir_all(&self.0);
    }
}
