//! Bundles that are signed by the real tool, and what may be wrong with them.

use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::*;

/// A maker of bundles with a key of its own, and a store.
struct Maker {
    home: tempfile::TempDir,
    key: String,
}

const MODEL: &[u8] = include_bytes!("../../tests/data/tiny.onnx");

fn minisign(arguments: &[&str]) {
    let done = Command::new("minisign").args(arguments).output().expect("minisign is needed: run scripts/setup test");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn manifest() -> String {
    let sha256: String = Sha256::digest(MODEL).iter().map(|b| format!("{b:02x}")).collect();
    format!(
        r#"
schema = 1
[detector]
file = "tiny.onnx"
sha256 = "{sha256}"
licence = "Apache-2.0"
trained_on = "nothing: a test"
input = {{ name = "image", shape = [1, 1, 8, 8] }}
outputs = [{{ name = "double", shape = [1, 1, 8, 8] }}, {{ name = "root", shape = [1, 1] }}]
normalisation = {{ low_quantile = 0.0, high_quantile = 1.0, black = 0.0, white = 1.0 }}
[detector.heatmaps]
output = "double"
landmarks = ["C2.antero_superior"]
decoder = "softmax"
window = 2
target_sigma = 1.0
sigma_factor = 1.0
sigma_floor = 0.1
"#
    )
}

impl Maker {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name).display().to_string();
        minisign(&["-G", "-W", "-p", &at("key.pub"), "-s", &at("key.sec")]);
        let text = fs::read_to_string(at("key.pub")).unwrap();
        let key = text.lines().nth(1).unwrap().to_owned();
        Self { home, key }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The files of a sound bundle.
    fn files(&self, version: u64) -> Vec<(String, Vec<u8>)> {
        let about = format!("schema = 1\nversion = {version}\ndescription = \"a test\"\n");
        fs::write(self.at("manifest.toml"), manifest()).unwrap();
        let models = golden::models(&Manifest::load(self.home.path()).unwrap());
        let golden = Stored::write(self.home.path(), &models, &[]).unwrap();
        vec![
            ("bundle.toml".into(), about.into_bytes()),
            ("manifest.toml".into(), manifest().into_bytes()),
            ("tiny.onnx".into(), MODEL.to_vec()),
            ("golden.json".into(), fs::read(golden).unwrap()),
        ]
    }

    /// Packs `files` and signs them.
    fn pack(&self, files: &[(String, Vec<u8>)]) -> PathBuf {
        self.pack_with(files, |_| {})
    }

    fn pack_with(&self, files: &[(String, Vec<u8>)], more: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> PathBuf {
        let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // Raw, since the crate itself refuses names that climb.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, content.as_slice()).unwrap();
        }
        more(&mut tar);
        let path = self.at("models.tar.gz");
        fs::write(&path, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        self.sign(&path);
        path
    }

    fn sign(&self, path: &Path) {
        minisign(&["-S", "-s", &self.at("key.sec").display().to_string(), "-m", &path.display().to_string()]);
    }

    fn sets(&self) -> Sets {
        Sets::below(&self.at("store"))
    }

    fn install(&self, path: &Path, oldest: u64) -> Result<String, BundleError> {
        let bundle = Bundle::open(path, None, std::slice::from_ref(&self.key))?;
        Ok(self.sets().install(&bundle, oldest, |_| Ok(()))?.0)
    }
}

fn state(current: &str, previous: Option<&str>) -> State {
    State { current: current.into(), previous: previous.map(Into::into) }
}

#[test]
fn a_signed_bundle_is_installed_the_last_kept_and_gone_back_to() {
    let maker = Maker::new();
    assert_eq!(maker.sets().state().unwrap(), state(PACKAGE, None));
    assert_eq!(maker.sets().current().unwrap(), None);
    assert!(matches!(maker.sets().roll_back(), Err(BundleError::NothingBefore)));
    let first = maker.install(&maker.pack(&maker.files(1)), 0).unwrap();
    assert_eq!(maker.sets().state().unwrap(), state(&first, Some(PACKAGE)));
    let folder = maker.sets().current().unwrap().unwrap();
    assert_eq!(Manifest::load(&folder).unwrap().detector.model.read().unwrap(), MODEL);
    let second = maker.install(&maker.pack(&maker.files(2)), 0).unwrap();
    let third = maker.install(&maker.pack(&maker.files(3)), 0).unwrap();
    assert_eq!(maker.sets().state().unwrap(), state(&third, Some(&second)));
    assert!(!maker.sets().place(&first).unwrap().exists(), "only the last two are kept");
    assert_eq!(maker.sets().roll_back().unwrap(), state(&second, Some(&third)));
    assert_eq!(maker.install(&maker.pack(&maker.files(3)), 0).unwrap(), third, "and forward again");
}

#[test]
fn a_set_that_does_not_prove_itself_changes_nothing() {
    let maker = Maker::new();
    let first = maker.install(&maker.pack(&maker.files(1)), 0).unwrap();
    let bundle = Bundle::open(&maker.pack(&maker.files(2)), None, std::slice::from_ref(&maker.key)).unwrap();
    let proved = maker.sets().install(&bundle, 0, |folder| {
        assert!(folder.join("tiny.onnx").is_file());
        Err("golden film 1: a landmark differs".into())
    });
    assert!(matches!(&proved, Err(BundleError::Unproven(why)) if why.contains("a landmark differs")), "{proved:?}");
    assert_eq!(maker.sets().state().unwrap(), state(&first, Some(PACKAGE)));
    assert_eq!(fs::read_dir(maker.at("store/models/sets")).unwrap().count(), 1, "nothing is left of it");
}

#[test]
fn a_bundle_that_is_tampered_with_unsigned_or_signed_by_another_is_refused() {
    let (maker, other) = (Maker::new(), Maker::new());
    let path = maker.pack(&maker.files(1));
    let open = |keys: &[String]| Bundle::open(&path, None, keys).err();
    assert!(matches!(open(&[]), Some(BundleError::NoKeys)));
    assert!(matches!(open(std::slice::from_ref(&other.key)), Some(BundleError::Signature { .. })));
    assert!(open(&[other.key, maker.key.clone()]).is_none(), "any trusted key will do");
    let good = fs::read(&path).unwrap();
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        assert!(matches!(open(std::slice::from_ref(&maker.key)), Some(BundleError::Signature { .. })), "byte {at}");
    }
    fs::write(&path, good).unwrap();
    fs::remove_file(maker.at("models.tar.gz.minisig")).unwrap();
    assert!(matches!(open(std::slice::from_ref(&maker.key)), Some(BundleError::Unsigned { .. })));
    fs::write(maker.at("models.tar.gz.minisig"), "no signature").unwrap();
    assert!(matches!(open(std::slice::from_ref(&maker.key)), Some(BundleError::Signature { .. })));
}

#[test]
fn a_bundle_older_than_allowed_or_than_the_set_in_use_is_refused() {
    let maker = Maker::new();
    let old = maker.pack(&maker.files(4));
    assert!(matches!(maker.install(&old, 5), Err(BundleError::Older { found: 4, floor: 5, .. })));
    maker.install(&maker.pack(&maker.files(7)), 5).unwrap();
    assert!(matches!(
        maker.install(&maker.pack(&maker.files(6)), 5),
        Err(BundleError::Older { found: 6, floor: 7, .. })
    ));
}

#[test]
fn names_that_climb_links_folders_and_doubles_are_refused_and_nothing_is_written_outside() {
    let maker = Maker::new();
    let outside = maker.at("store/models/escaped");
    for name in ["../escaped", "/tmp/escaped", "a/b", "..", ".hidden", "with space", "a/../../escaped", "bundle.toml"] {
        let mut files = maker.files(1);
        files.push((name.to_owned(), b"x".to_vec()));
        let error = maker.install(&maker.pack(&files), 0).unwrap_err();
        assert!(matches!(error, BundleError::Archive(_)), "{name}: {error}");
        assert!(!outside.exists(), "{name}");
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Fifo, EntryType::Char] {
        let path = maker.pack_with(&maker.files(1), |tar| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_path("other").unwrap();
            header.set_link_name("/etc/passwd").unwrap();
            header.set_size(0);
            header.set_cksum();
            tar.append(&header, &[][..]).unwrap();
        });
        assert!(matches!(maker.install(&path, 0), Err(BundleError::Archive(_))), "{kind:?}");
    }
    assert_eq!(maker.sets().state().unwrap(), state(PACKAGE, None));
}

#[test]
fn what_is_signed_and_still_wrong_is_refused_by_name() {
    let maker = Maker::new();
    let without = |gone: &str| maker.files(1).into_iter().filter(|(name, _)| name != gone).collect::<Vec<_>>();
    assert!(matches!(maker.install(&maker.pack(&without("bundle.toml")), 0), Err(BundleError::About(_))));
    assert!(matches!(maker.install(&maker.pack(&without("manifest.toml")), 0), Err(BundleError::Manifest(_))));
    assert!(matches!(maker.install(&maker.pack(&without("tiny.onnx")), 0), Err(BundleError::Manifest(_))));
    assert!(matches!(maker.install(&maker.pack(&without("golden.json")), 0), Err(BundleError::Answers(_))));
    let mut other = without("tiny.onnx");
    other.push(("tiny.onnx".into(), b"other".to_vec()));
    let hash = maker.install(&maker.pack(&other), 0);
    assert!(matches!(hash, Err(BundleError::Manifest(ManifestError::Hash { .. }))), "{hash:?}");
    let path = maker.at("models.tar.gz");
    fs::write(&path, b"no archive").unwrap();
    maker.sign(&path);
    assert!(matches!(maker.install(&path, 0), Err(BundleError::Archive(_))));
}
