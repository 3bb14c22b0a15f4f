//! What the machine's graphics processor is, asked of the CUDA driver without ever starting a context.
//!
//! A machine without NVIDIA's driver is the normal case off the Jetson: that is an answer, not a failure, and never a
//! panic. cudarc loads `libcuda` on first use and panics where it is missing, so its presence is asked first.

use std::fmt;

use cudarc::driver::{result, sys};

/// The first CUDA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// The name the driver gives it, such as `Orin`.
    pub name: String,
    /// Major and minor compute capability.
    pub compute_capability: (i32, i32),
    /// Bytes; on a Jetson the memory is shared with the CPU.
    pub memory: usize,
    /// The CUDA version of the driver, major and minor.
    pub driver: (i32, i32),
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.compute_capability;
        let gib = self.memory / (1 << 20);
        write!(f, "{} (compute {major}.{minor}, {gib} MiB, CUDA {}.{})", self.name, self.driver.0, self.driver.1)
    }
}

/// Why there is no device to tell of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
    /// `libcuda` cannot be loaded: no NVIDIA driver on this machine.
    #[error("no NVIDIA driver on this machine (libcuda.so cannot be loaded)")]
    NoDriver,
    /// The driver is there and knows no device.
    #[error("the NVIDIA driver knows no device")]
    NoDevice,
    /// The driver refused; its own words.
    #[error("the NVIDIA driver failed: {0}")]
    Driver(String),
}

/// The first CUDA device of this machine.
///
/// # Errors
/// [`NoGpu`] says why there is none.
pub fn facts() -> Result<Gpu, NoGpu> {
    // SAFETY: only loads the driver's library, which every CUDA program does.
    #[allow(unsafe_code)]
    let present = unsafe { sys::is_culib_present() };
    if !present {
        return Err(NoGpu::NoDriver);
    }
    read().map_err(|error| match error.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => NoGpu::NoDevice,
        _ => NoGpu::Driver(error.to_string()),
    })
}

#[allow(unsafe_code)]
fn read() -> Result<Gpu, result::DriverError> {
    use sys::CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    result::init()?;
    let device = result::device::get(0)?;
    let mut version = 0;
    // SAFETY: `version` outlives the call and the driver is initialised.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result()?;
    // SAFETY: `device` was just given by the driver.
    let (memory, major, minor) = unsafe {
        (
            result::device::total_mem(device)?,
            result::device::get_attribute(device, MAJOR)?,
            result::device::get_attribute(device, MINOR)?,
        )
    };
    Ok(Gpu {
        name: result::device::get_name(device)?,
        compute_capability: (major, minor),
        memory,
        driver: (version / 1000, version % 1000 / 10),
    })
}

/// Free and total bytes of the first device. The first call starts a context, which ONNX Runtime then shares; ask only where
/// the device is used.
///
/// # Errors
/// [`NoGpu`] says why nothing can be told.
pub fn memory() -> Result<(usize, usize), NoGpu> {
    facts()?;
    let told = || -> Result<_, result::DriverError> {
        let device = result::device::get(0)?;
        // SAFETY: `device` was just given by the driver; the primary context is kept until the process ends.
        #[allow(unsafe_code)]
        unsafe {
            result::ctx::set_current(result::primary_ctx::retain(device)?)?;
        }
        result::mem_get_info()
    };
    told().map_err(|error| NoGpu::Driver(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_gets_an_answer_and_no_panic() {
        match facts() {
            Ok(gpu) => assert!(!gpu.name.is_empty() && gpu.memory > 0, "{gpu}"),
            Err(reason) => assert!(!reason.to_string().is_empty()),
        }
        assert_eq!(facts().is_ok(), memory().is_ok());
    }
}
