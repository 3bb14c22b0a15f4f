//! Temperatures, clocks, power and throttling, read from Linux's own files.
//!
//! | what | where |
//! |---|---|
//! | temperatures | `sys/class/thermal/thermal_zone*/{type,temp}` |
//! | throttling | `sys/class/thermal/cooling_device*/{type,cur_state}` above 0, fans apart; `sys/class/hwmon/hwmon*/oc*_throt_en` with their event counts |
//! | power mode | `var/lib/nvpmodel/status`, named in `etc/nvpmodel.conf` |
//! | power | `sys/class/hwmon/hwmon*` of an INA3221: millivolts × milliamperes of each rail |
//! | clocks | `sys/devices/system/cpu/cpu*/cpufreq`, `sys/class/devfreq/*` of the GPU |
//! | memory | `proc/meminfo` |
//!
//! A file that is not there, or holds no number, is a fact that is not known; nothing here fails. The layouts are those of Linux
//! and of NVIDIA's documentation for Orin and Xavier; the tests read copies of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::board::Board;

/// What the machine whose file system begins at `root` tells.
pub fn read(root: &Path) -> Board {
    Board {
        temperatures: temperatures(root),
        power_mode: power_mode(root),
        power_w: power(root),
        cpu_mhz: cpu(root),
        gpu_mhz: gpu(root),
        throttled_by: throttled(root),
        memory: memory(root),
    }
}

fn text(path: PathBuf) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn number(path: PathBuf) -> Option<f64> {
    text(path)?.parse().ok()
}

/// The entries of `folder` whose names begin with `name`, in order.
fn entries(folder: &Path, name: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(name)).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn temperatures(root: &Path) -> Vec<(String, f64)> {
    let zones = entries(&root.join("sys/class/thermal"), "thermal_zone");
    let read = |zone: PathBuf| Some((text(zone.join("type"))?, number(zone.join("temp"))? / 1000.0));
    zones.into_iter().filter_map(read).collect()
}

fn throttled(root: &Path) -> Vec<String> {
    let devices = entries(&root.join("sys/class/thermal"), "cooling_device");
    let cooling = devices.into_iter().filter_map(|device| {
        let name = text(device.join("type"))?;
        // A fan that turns slows nothing down.
        (!name.contains("fan") && number(device.join("cur_state"))? > 0.0).then_some(name)
    });
    let monitors = entries(&root.join("sys/class/hwmon"), "hwmon");
    let over_current =
        monitors.into_iter().filter(|monitor| text(monitor.join("name")).as_deref() == Some("soctherm_oc"));
    let over_current = over_current.flat_map(|monitor| {
        let alarms = (1..=3).filter(move |n| {
            let on = number(monitor.join(format!("oc{n}_throt_en"))).is_some_and(|on| on > 0.0);
            on && number(monitor.join(format!("oc{n}_event_cnt"))).is_some_and(|events| events > 0.0)
        });
        alarms.map(|n| format!("over-current {n} since the start")).collect::<Vec<_>>()
    });
    let mut all: Vec<String> = cooling.chain(over_current).collect();
    all.sort();
    all.dedup();
    all
}

/// The name of the mode that `nvpmodel` last set, or its number where it has none.
fn power_mode(root: &Path) -> Option<String> {
    let status = text(root.join("var/lib/nvpmodel/status"))?;
    let id: u32 = status.strip_prefix("pmode:")?.trim().parse().ok()?;
    let table = text(root.join("etc/nvpmodel.conf")).unwrap_or_default();
    let named = table.lines().filter(|line| line.trim_start().starts_with("< POWER_MODEL")).find_map(|line| {
        let word = |key: &str| line.split_once(key)?.1.split_whitespace().next();
        (word("ID=")?.parse() == Ok(id)).then(|| word("NAME=")).flatten()
    });
    Some(named.map_or_else(|| id.to_string(), |name| name.trim_start_matches("MODE_").trim_end_matches('>').to_owned()))
}

fn power(root: &Path) -> Option<f64> {
    let monitors = entries(&root.join("sys/class/hwmon"), "hwmon");
    let mut rails = Vec::new();
    for monitor in monitors.into_iter().filter(|monitor| text(monitor.join("name")).as_deref() == Some("ina3221")) {
        for n in 1..=3 {
            let label = text(monitor.join(format!("in{n}_label")));
            let watts = || {
                let (volts, amperes) = (format!("in{n}_input"), format!("curr{n}_input"));
                Some(number(monitor.join(volts))? * number(monitor.join(amperes))? / 1e6)
            };
            // Some boards measure their whole input as well as its parts.
            if let (Some(label), Some(watts)) = (label, watts()) {
                rails.push((label == "VDD_IN", watts));
            }
        }
    }
    let whole = rails.iter().find(|(whole, _)| *whole).map(|(_, watts)| *watts);
    whole.or_else(|| rails.iter().map(|(_, watts)| *watts).reduce(|sum, watts| sum + watts))
}

fn cpu(root: &Path) -> Option<(f64, f64)> {
    let cores = entries(&root.join("sys/devices/system/cpu"), "cpu");
    let clocks = cores.into_iter().filter_map(|core| {
        let khz = |file: &str| number(core.join("cpufreq").join(file));
        Some((khz("scaling_cur_freq")? / 1000.0, khz("scaling_max_freq")? / 1000.0))
    });
    clocks.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))
}

fn gpu(root: &Path) -> Option<(f64, f64)> {
    const NAMES: [&str; 4] = ["gpu", "ga10b", "gv11b", "gp10b"];
    let devices = entries(&root.join("sys/class/devfreq"), "");
    let device = devices.into_iter().find(|device| {
        let name = device.file_name().unwrap_or_default().to_string_lossy().into_owned();
        NAMES.iter().any(|known| name.ends_with(known))
    })?;
    Some((number(device.join("cur_freq"))? / 1e6, number(device.join("max_freq"))? / 1e6))
}

fn memory(root: &Path) -> Option<(u64, u64)> {
    let table = text(root.join("proc/meminfo"))?;
    let bytes = |key: &str| {
        let line = table.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((bytes("MemAvailable")?, bytes("MemTotal")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system with these files, as an Orin has them.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn an_orins_sensors_are_read() {
        let orin = tree(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "51250\n"),
            ("sys/class/thermal/thermal_zone1/type", "gpu-thermal\n"),
            ("sys/class/thermal/thermal_zone1/temp", "not a number\n"),
            ("sys/class/thermal/cooling_device0/type", "pwm-fan\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "3\n"),
            ("sys/class/thermal/cooling_device1/type", "gpu-throttle-alert\n"),
            ("sys/class/thermal/cooling_device1/cur_state", "1\n"),
            ("sys/class/thermal/cooling_device2/type", "cpu-throttle-alert\n"),
            ("sys/class/thermal/cooling_device2/cur_state", "0\n"),
            ("sys/class/hwmon/hwmon0/name", "ina3221\n"),
            ("sys/class/hwmon/hwmon0/in1_label", "VDD_IN\n"),
            ("sys/class/hwmon/hwmon0/in1_input", "5000\n"),
            ("sys/class/hwmon/hwmon0/curr1_input", "1500\n"),
            ("sys/class/hwmon/hwmon0/in2_label", "VDD_CPU_GPU_CV\n"),
            ("sys/class/hwmon/hwmon0/in2_input", "5000\n"),
            ("sys/class/hwmon/hwmon0/curr2_input", "600\n"),
            ("sys/class/hwmon/hwmon1/name", "soctherm_oc\n"),
            ("sys/class/hwmon/hwmon1/oc2_throt_en", "1\n"),
            ("sys/class/hwmon/hwmon1/oc2_event_cnt", "4\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "729600\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1510400\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1510400\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_max_freq", "1510400\n"),
            ("sys/class/devfreq/17000000.gpu/cur_freq", "306000000\n"),
            ("sys/class/devfreq/17000000.gpu/max_freq", "624750000\n"),
            ("var/lib/nvpmodel/status", "pmode:0001\n"),
            (
                "etc/nvpmodel.conf",
                "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=MODE_7W >\n",
            ),
            ("proc/meminfo", "MemTotal:        7620000 kB\nMemFree: 1 kB\nMemAvailable:    5000000 kB\n"),
        ]);
        let board = read(orin.path());
        assert_eq!(board.temperatures, [("cpu-thermal".to_owned(), 51.25)]);
        assert_eq!(board.throttled_by, ["gpu-throttle-alert", "over-current 2 since the start"]);
        assert_eq!(board.power_mode.as_deref(), Some("7W"));
        assert_eq!(board.power_w, Some(7.5), "the whole input, not the sum of it and its parts");
        assert_eq!(board.cpu_mhz, Some((1510.4, 1510.4)));
        assert_eq!(board.gpu_mhz, Some((306.0, 624.75)));
        assert_eq!(board.memory, Some((5_000_000 * 1024, 7_620_000 * 1024)));
    }

    #[test]
    fn a_machine_that_tells_nothing_is_no_failure() {
        assert_eq!(read(tree(&[]).path()), Board::default());
    }

    #[test]
    fn a_mode_without_a_name_is_told_by_its_number() {
        let board = tree(&[("var/lib/nvpmodel/status", "pmode:0008"), ("etc/nvpmodel.conf", "")]);
        assert_eq!(read(board.path()).power_mode.as_deref(), Some("8"));
    }

    #[test]
    fn rails_without_a_whole_are_added() {
        let xavier = tree(&[
            ("sys/class/hwmon/hwmon3/name", "ina3221"),
            ("sys/class/hwmon/hwmon3/in1_label", "GPU"),
            ("sys/class/hwmon/hwmon3/in1_input", "19000"),
            ("sys/class/hwmon/hwmon3/curr1_input", "100"),
            ("sys/class/hwmon/hwmon3/in2_label", "CPU"),
            ("sys/class/hwmon/hwmon3/in2_input", "19000"),
            ("sys/class/hwmon/hwmon3/curr2_input", "50"),
        ]);
        assert!((read(xavier.path()).power_w.unwrap() - 2.85).abs() < 1e-9);
    }
}
