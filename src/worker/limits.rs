//! What a worker may use. It sets these on itself, first thing, from its own arguments.
//!
//! A soft and hard limit each, so that code running later in the worker cannot raise them again.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// None leaves what the server itself has. A core file is never written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub address_space_bytes: Option<u64>,
    pub cpu_time_s: Option<u64>,
    /// The largest file it may write; 0 forbids writing files.
    pub file_size_bytes: Option<u64>,
    pub open_files: Option<u64>,
}

/// The same on the command line of `worker`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LimitArguments {
    #[arg(long, value_name = "BYTES")]
    limit_address_space: Option<u64>,
    #[arg(long, value_name = "SECONDS")]
    limit_cpu_time: Option<u64>,
    #[arg(long, value_name = "BYTES")]
    limit_file_size: Option<u64>,
    #[arg(long, value_name = "COUNT")]
    limit_open_files: Option<u64>,
}

impl From<LimitArguments> for Limits {
    fn from(arguments: LimitArguments) -> Self {
        Self {
            address_space_bytes: arguments.limit_address_space,
            cpu_time_s: arguments.limit_cpu_time,
            file_size_bytes: arguments.limit_file_size,
            open_files: arguments.limit_open_files,
        }
    }
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
