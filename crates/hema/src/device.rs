//! Where networks are computed: on the processor, or on a graphics card where the program was built for one.
//!
//! Left out on purpose: several cards at once.

#[cfg(any(feature = "gpu", feature = "cuda"))]
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig, cache::CacheConfig};
use burn::tensor::Device;
#[cfg(any(feature = "gpu", feature = "cuda"))]
use burn::tensor::DeviceType;
use hema_core::error::{Error, Result, counted};

/// A kind of device: its name for `--device`, and the devices of it that this machine has.
pub struct Kind {
    /// The name in options.
    pub name: &'static str,
    /// One line for `hema list devices`.
    pub about: &'static str,
    /// Devices of this kind, the best first.
    find: fn() -> Vec<Device>,
}

/// Every kind that this program was built for. Graphics cards need a Cargo feature each: `gpu`, `cuda`,
/// `vulkan`, `metal`.
pub const KINDS: &[Kind] = &[
    Kind { name: "cpu", about: "this processor", find: || vec![Device::flex()] },
    #[cfg(any(feature = "gpu", feature = "cuda"))]
    Kind {
        name: "gpu",
        about: "a graphics card: through CUDA if it can be, else as the system offers it",
        find: gpu,
    },
    #[cfg(feature = "cuda")]
    Kind { name: "cuda", about: "NVIDIA's cards", find: || found(DeviceType::Cuda) },
    #[cfg(feature = "vulkan")]
    Kind { name: "vulkan", about: "cards with a Vulkan driver", find: || found(DeviceType::Vulkan) },
    #[cfg(feature = "metal")]
    Kind { name: "metal", about: "Apple's cards", find: || found(DeviceType::Metal) },
];

impl Kind {
    /// The names that the devices of this kind give themselves, in the order of their numbers.
    pub fn cards(&self) -> Vec<String> {
        (self.find)().iter().map(name).collect()
    }
}

/// The device of a name: that of a kind, and perhaps which one of them, counted from 0 (`gpu`, `cuda:1`).
///
/// # Errors
/// A kind that this program was not built for, or a device that this machine does not have.
pub fn open(wanted: &str) -> Result<Device> {
    let (name, number) = wanted.split_once(':').unwrap_or((wanted, "0"));
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        return Err(Error::new(format!("unknown device `{wanted}`, expected {}", names.join(" or ")))
            .hint("graphics cards need a build with `--features gpu`, `cuda`, `vulkan` or `metal`"));
    };
    let number: usize = number.parse().map_err(|_| {
        Error::new(format!("device `{wanted}`: `{number}` is no number, expected one such as `{name}:0`"))
    })?;
    let mut devices = (kind.find)();
    if number < devices.len() {
        return Ok(devices.swap_remove(number));
    }
    let here = match devices.len() {
        0 => format!("this machine has no {name} device"),
        count => format!("this machine has {count}, numbered from 0"),
    };
    Err(Error::new(format!("device `{wanted}`: {here}")).hint("`hema list devices` names what can be used"))
}

/// The device in words.
pub fn name(device: &Device) -> String {
    #[cfg(any(feature = "gpu", feature = "cuda"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    debug_assert!(is_cpu(device));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("cpu, {}", counted(threads as u64, "thread"))
}

/// Whether it is the processor, which has kernels of its own.
pub fn is_cpu(device: &Device) -> bool {
    device.clone().without_autodiff() == Device::flex()
}

#[cfg(any(feature = "gpu", feature = "cuda"))]
fn found(kind: DeviceType) -> Vec<Device> {
    keep_kernels();
    Device::enumerate(kind).into_iter().collect()
}

/// Keeps compiled kernels of CUDA and Metal, and the choice among kernels, in the user's cache folder: a
/// process that compiles takes minutes. (The drivers of Vulkan and DirectX keep theirs.) Other settings come
/// from a `cubecl.toml` here or above and from the environment; where a program has set up CubeCL itself
/// before, all of that stays.
#[cfg(any(feature = "gpu", feature = "cuda"))]
fn keep_kernels() {
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.compilation.cache = true;
    config.environment.path = CacheConfig::Global;
    CubeClRuntimeConfig::try_set(config);
}

/// The cards, through the interface that reaches them best.
#[cfg(any(feature = "gpu", feature = "cuda"))]
fn gpu() -> Vec<Device> {
    let interfaces = [
        #[cfg(feature = "cuda")]
        DeviceType::Cuda,
        #[cfg(feature = "metal")]
        DeviceType::Metal,
        #[cfg(feature = "vulkan")]
        DeviceType::Vulkan,
        #[cfg(feature = "gpu")]
        DeviceType::Wgpu,
    ];
    interfaces.into_iter().map(found).find(|devices| !devices.is_empty()).unwrap_or_default()
}

/// The device of the tests that `scripts/gpu_tests` repeats on a graphics card, named by `HEMA_TEST_DEVICE`.
#[cfg(test)]
pub(crate) fn of_tests() -> Device {
    open(&std::env::var("HEMA_TEST_DEVICE").unwrap_or("cpu".into())).expect("HEMA_TEST_DEVICE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(feature = "gpu", feature = "cuda"))]
    #[test]
    fn what_a_card_compiles_is_kept() {
        keep_kernels();
        assert!(CubeClRuntimeConfig::get().compilation.cache);
    }

    #[test]
    fn the_processor_is_always_there_and_what_is_not_is_told() {
        assert!(is_cpu(&open("cpu").unwrap()));
        assert!(is_cpu(&open("cpu").unwrap().autodiff()));
        for (wanted, expected) in [
            ("tpu", "unknown device `tpu`, expected cpu"),
            ("cpu:1", "device `cpu:1`: this machine has 1, numbered from 0"),
            ("cpu:x", "`x` is no number, expected one such as `cpu:0`"),
        ] {
            let error = open(wanted).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
