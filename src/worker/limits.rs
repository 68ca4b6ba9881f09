//! What a worker may use. It sets these on itself, first thing, from its own arguments.
//!
//! A soft and hard limit each, so that code running later in the worker cannot raise them again.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// None leaves what the server itself has. A core file is never written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Limits {
    #[arg(long = "limit-address-space", value_name = "BYTES")]
    pub address_space_bytes: Option<u64>,
    /// The same, counted from what the process has when it sets its limits: a build with large
    /// libraries starts with more.
    #[arg(long = "limit-memory-above-start", value_name = "BYTES")]
    pub memory_above_start_bytes: Option<u64>,
    #[arg(long = "limit-cpu-time", value_name = "SECONDS")]
    pub cpu_time_s: Option<u64>,
    /// The largest file it may write; 0 forbids writing files.
    #[arg(long = "limit-file-size", value_name = "BYTES")]
    pub file_size_bytes: Option<u64>,
    #[arg(long = "limit-open-files", value_name = "COUNT")]
    pub open_files: Option<u64>,
}

impl Limits {
    pub(super) fn to_arguments(self) -> Vec<String> {
        [
            ("--limit-address-space", self.address_space_bytes),
            ("--limit-memory-above-start", self.memory_above_start_bytes),
            ("--limit-cpu-time", self.cpu_time_s),
            ("--limit-file-size", self.file_size_bytes),
            ("--limit-open-files", self.open_files),
        ]
        .into_iter()
        .filter_map(|(flag, value)| value.map(|value| format!("{flag}={value}")))
        .collect()
    }

    /// Limits this process. Fails where the system refuses one; the worker must then not go on.
    pub(super) fn apply(self) -> std::io::Result<()> {
        let above_start = self.memory_above_start_bytes;
        let above_start = above_start.map(|more| address_space_now().saturating_add(more));
        let address_space = self.address_space_bytes.into_iter().chain(above_start);
        let limits = [
            (Resource::As, address_space.min()),
            (Resource::Cpu, self.cpu_time_s),
            (Resource::Fsize, self.file_size_bytes),
            (Resource::Nofile, self.open_files),
            (Resource::Core, Some(0)),
        ];
        for (resource, value) in limits {
            let Some(wanted) = value else { continue };
            // macOS has no limit of the address space.
            if cfg!(target_os = "macos") && resource == Resource::As {
                continue;
            }
            // Nobody may go above what the server itself was given.
            let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let least = Some(wanted.min(given));
            setrlimit(
                resource,
                Rlimit {
                    current: least,
                    maximum: least,
                },
            )?;
        }
        Ok(())
    }
}

/// Where the system does not say, what the largest build is known to start with.
fn address_space_now() -> u64 {
    const ASSUMED_BYTES: u64 = 1 << 30;
    let statm = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = statm.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    pages.map_or(ASSUMED_BYTES, |pages| {
        pages.saturating_mul(rustix::param::page_size() as u64)
    })
}
