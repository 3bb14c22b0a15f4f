//! The machine itself: how warm, how fast and how full it is.

/// What the system's sensors tell; what they do not is `None` or empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// Sensor and degrees Celsius.
    pub temperatures: Vec<(String, f64)>,
    /// As NVIDIA names it: `15W`, `MAXN`.
    pub power_mode: Option<String>,
    /// Watts that all rails together draw.
    pub power_w: Option<f64>,
    /// The fastest core now and what it may reach, MHz.
    pub cpu_mhz: Option<(f64, f64)>,
    /// The graphics processor now and what it may reach, MHz.
    pub gpu_mhz: Option<(f64, f64)>,
    /// What slows the machine down just now, as the kernel names it.
    pub throttled_by: Vec<String>,
    /// Bytes of memory available and in all; on a Jetson the graphics processor shares them.
    pub memory: Option<(u64, u64)>,
}
