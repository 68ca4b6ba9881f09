//! What a worker may use. It sets these on itself, first thing, from its own arguments.
//!
//! A soft and hard limit each, so that code running later in the worker cannot raise them again.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// None leaves what the server itself has. A core file is never written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Limits {
    #[arg(long = "limit-address-space", value_name = "BYTES")]
    pub address_space_bytes: Option<u64>,
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
        let limits = [
            (Resource::As, self.address_space_bytes),
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
