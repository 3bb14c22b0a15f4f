//! What a TensorRT engine depends on beside its model: the device and NVIDIA's libraries.
//!
//! An engine runs on the very kind of device, TensorRT and driver for which it was built, and elsewhere fails or, worse, runs
//! slowly or wrongly. So all of it stands in the passport, and any difference builds the engine anew. Versions are read from
//! files; nothing of NVIDIA's is loaded for it. What a machine does not tell is `None`, on this machine and in its passports.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::gpu::{self, Gpu};

/// Where TensorRT and CUDA lie on a Jetson, on Debian and in NVIDIA's own packages.
const LIBRARIES: [&str; 7] = [
    "usr/lib/aarch64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu/tegra",
    "usr/local/cuda/lib64",
    "usr/local/cuda/targets/aarch64-linux/lib",
    "usr/local/lib",
    "usr/lib",
];

/// See the module's documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// As the driver names the device: `Orin`.
    pub device: Option<String>,
    /// `8.7`.
    pub compute_capability: Option<String>,
    /// TensorRT's library: `8.5.2`.
    pub tensorrt: Option<String>,
    /// CUDA's runtime library: `11.4.298`.
    pub cuda: Option<String>,
    /// The newest CUDA that the driver takes: `11.4`.
    pub driver_cuda: Option<String>,
    /// The kernel module: `540.3.0`. JetPack 5 tells none; there `jetson_linux` stands for it.
    pub driver: Option<String>,
    /// Jetson Linux (L4T): `36.3.0`.
    pub jetson_linux: Option<String>,
    /// The build of ONNX Runtime, with its revision.
    pub onnxruntime: String,
}

impl Machine {
    /// This machine; `onnxruntime` is what the loaded library says of itself.
    pub fn this(onnxruntime: &str) -> Self {
        let more = std::env::var_os("LD_LIBRARY_PATH");
        let more: Vec<PathBuf> = more.iter().flat_map(std::env::split_paths).collect();
        Self::of(Path::new("/"), &more, gpu::facts().ok().as_ref(), onnxruntime)
    }

    /// The machine whose file system begins at `root`, with `more` folders of libraries.
    fn of(root: &Path, more: &[PathBuf], gpu: Option<&Gpu>, onnxruntime: &str) -> Self {
        let folders: Vec<PathBuf> = more.iter().cloned().chain(LIBRARIES.map(|folder| root.join(folder))).collect();
        let version = |library: &str| folders.iter().find_map(|folder| newest(folder, library));
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let pair = |(major, minor): (i32, i32)| format!("{major}.{minor}");
        Self {
            device: gpu.map(|gpu| gpu.name.clone()),
            compute_capability: gpu.map(|gpu| pair(gpu.compute_capability)),
            tensorrt: version("libnvinfer.so."),
            cuda: version("libcudart.so."),
            driver_cuda: gpu.map(|gpu| pair(gpu.driver)),
            driver: text("sys/module/nvidia/version").map(|text| text.trim().to_owned()),
            jetson_linux: text("etc/nv_tegra_release").as_deref().and_then(jetson_linux),
            onnxruntime: onnxruntime.to_owned(),
        }
    }

    /// Every fact by name, for lists and comparisons.
    pub fn facts(&self) -> [(&'static str, Option<&str>); 8] {
        [
            ("device", self.device.as_deref()),
            ("compute capability", self.compute_capability.as_deref()),
            ("TensorRT", self.tensorrt.as_deref()),
            ("CUDA", self.cuda.as_deref()),
            ("CUDA of the driver", self.driver_cuda.as_deref()),
            ("driver", self.driver.as_deref()),
            ("Jetson Linux", self.jetson_linux.as_deref()),
            ("ONNX Runtime", Some(&self.onnxruntime)),
        ]
    }
}

/// The version in the full name of the library that begins with `name` in `folder`: the most exact of them, then the highest.
fn newest(folder: &Path, name: &str) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let versions = entries.filter_map(|entry| {
        let file = entry.file_name();
        let version = file.to_str()?.strip_prefix(name)?;
        let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
        numbers.map(|numbers| (numbers.len(), numbers, version.to_owned()))
    });
    versions.max().map(|(_, _, version)| version)
}

/// `36.3.0` from `# R36 (release), REVISION: 3.0, GCID: …`.
fn jetson_linux(text: &str) -> Option<String> {
    let release = text.split_once("# R")?.1.split_whitespace().next()?;
    let revision = text.split_once("REVISION:")?.1.split(',').next()?.trim();
    Some(format!("{release}.{revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn orin() -> Gpu {
        Gpu { name: "Orin".into(), compute_capability: (8, 7), memory: 8 << 30, driver: (12, 2) }
    }

    #[test]
    fn a_jetsons_versions_are_read_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 3.0, GCID: 36923193, BOARD: generic\n");
        write(root, "sys/module/nvidia/version", "540.3.0\n");
        for library in ["libnvinfer.so.8", "libnvinfer.so.8.6.2", "libnvinfer.so.10", "libnvinfer_plugin.so.9.9.9"] {
            write(root, &format!("usr/lib/aarch64-linux-gnu/{library}"), "");
        }
        write(root, "usr/local/cuda/lib64/libcudart.so.12.2.140", "");
        let machine = Machine::of(root, &[], Some(&orin()), "1.18.0 (abc)");
        let told: Vec<&str> = machine.facts().iter().map(|(_, fact)| fact.unwrap()).collect();
        assert_eq!(told, ["Orin", "8.7", "8.6.2", "12.2.140", "12.2", "540.3.0", "36.3.0", "1.18.0 (abc)"]);
    }

    #[test]
    fn a_machine_without_any_of_it_is_an_answer() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::of(dir.path(), &[dir.path().join("nowhere")], None, "1.31.1");
        assert_eq!(machine.facts().iter().filter(|(_, fact)| fact.is_some()).count(), 1);
        assert_eq!(jetson_linux("nothing of the kind"), None);
    }

    #[test]
    fn the_path_of_the_loader_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "mine/libnvinfer.so.10.3.0", "");
        write(dir.path(), "usr/lib/libnvinfer.so.8.5.2", "");
        let machine = Machine::of(dir.path(), &[dir.path().join("mine")], None, "");
        assert_eq!(machine.tensorrt.as_deref(), Some("10.3.0"));
    }
}
