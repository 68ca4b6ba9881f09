//! What this machine has: a name, memory, room on a disk, open files, and how fast memory is read.
//!
//! Memory is the machine's, or what a container or a service may take of it: a group's limit holds
//! for all below it, so the least one from the process's own group upwards counts. Inside a
//! container the groups above are not to be seen, and the root is the container's. Any room may ask.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Each thread copies between two of these; together they are larger than what a processor caches.
const COPIED_BYTES: usize = 16 << 20;
const MEASURING: Duration = Duration::from_millis(60);
const MEASURING_THREADS: usize = 4;

/// What this process can hope for.
#[cfg(target_os = "linux")]
pub fn memory_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    let machine = system.totalram.saturating_mul(u64::from(system.mem_unit));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limit(Path::new("/sys/fs/cgroup"), &groups).map_or(machine, |limit| limit.min(machine))
}

#[cfg(not(target_os = "linux"))]
pub fn memory_bytes() -> u64 {
    16 << 30
}

/// What this machine calls itself, where it is a name.
#[cfg(unix)]
pub fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(not(unix))]
pub fn host_name() -> Option<String> {
    None
}

/// Lets this process open as many files as the system allows it to at most, and says how many that
/// are; None where that cannot be said.
#[cfg(unix)]
pub fn raise_open_files_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // Some systems name a maximum that they do not grant.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
pub fn raise_open_files_limit() -> Option<u64> {
    None
}

/// What may still be written in a folder; None where that cannot be said.
#[cfg(unix)]
pub fn free_disk_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
pub fn free_disk_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// What this process and those it started take of memory; None where the system does not tell.
pub fn used_bytes_of_family() -> Option<u64> {
    let own = std::process::id();
    let mut bytes = resident_bytes(own)?;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if parent_of(id) == Some(own) {
            bytes += resident_bytes(id).unwrap_or(0);
        }
    }
    Some(bytes)
}

fn resident_bytes(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn parent_of(id: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// How much memory is read and written in a second, measured once in a tenth of one. Blocking.
pub fn memory_bytes_per_s() -> u64 {
    static MEASURED: OnceLock<u64> = OnceLock::new();
    *MEASURED.get_or_init(measure_memory)
}

fn measure_memory() -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bytes_per_s = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores.min(MEASURING_THREADS))
            .map(|_| scope.spawn(copy_for_a_moment))
            .collect();
        let rates = threads.into_iter().map(|it| it.join().unwrap_or(0.0));
        rates.sum::<f64>()
    });
    (bytes_per_s as u64).max(1)
}

fn copy_for_a_moment() -> f64 {
    let (from, mut to) = (vec![1_u8; COPIED_BYTES], vec![0_u8; COPIED_BYTES]);
    // Memory is given out when it is first written: that is not to be measured.
    to.fill(2);
    let begun = Instant::now();
    let mut copies = 0_u32;
    while begun.elapsed() < MEASURING {
        to.copy_from_slice(&from);
        std::hint::black_box(&mut to);
        copies += 1;
    }
    // Each byte is read once and written once.
    2.0 * f64::from(copies) * COPIED_BYTES as f64 / begun.elapsed().as_secs_f64()
}

/// The least limit that holds for the `groups` of a process, as `/proc/self/cgroup` names them.
#[cfg(any(target_os = "linux", test))]
fn group_limit(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        if controllers.is_empty() {
            least_limit(root, group, "memory.max")
        } else if controllers
            .split(',')
            .any(|controller| controller == "memory")
        {
            least_limit(&root.join("memory"), group, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// Of the files of this name in `group` and all above it, the least number.
#[cfg(any(target_os = "linux", test))]
fn least_limit(root: &Path, group: &str, file: &str) -> Option<u64> {
    let limit = |group: &Path| {
        let text = std::fs::read_to_string(root.join(group).join(file)).ok()?;
        // "max" where there is none.
        text.trim().parse().ok()
    };
    Path::new(group).ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_limits(limits: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, limit) in limits {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{limit}\n")).unwrap();
        }
        root
    }

    #[test]
    fn the_least_limit_of_a_group_and_those_above_it_holds() {
        let root = with_limits(&[
            ("system.slice/memory.max", "2000"),
            ("system.slice/chat.service/memory.max", "max"),
            ("user.slice/memory.max", "10"),
        ]);
        let of = |groups| group_limit(root.path(), groups);
        assert_eq!(of("0::/system.slice/chat.service\n"), Some(2000));
        assert_eq!(of("0::/user.slice/me\n"), Some(10));
        assert_eq!(of("0::/\n"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_container_sees_its_limit_at_the_root() {
        let root = with_limits(&[
            ("memory.max", "4096"),
            ("memory/memory.limit_in_bytes", "512"),
        ]);
        let of = |groups| group_limit(root.path(), groups);
        assert_eq!(of("0::/\n"), Some(4096));
        assert_eq!(of("0::/../../elsewhere\n"), Some(4096));
        let first_version = "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n";
        assert_eq!(of(first_version), Some(512));
    }

    #[test]
    fn a_disk_has_room_and_memory_a_speed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_disk_bytes(folder.path()).is_none_or(|bytes| bytes > 0));
        assert!(free_disk_bytes(Path::new("/nowhere/at/all")).is_none());
        assert!(memory_bytes() > 1 << 20);
        // No memory of the last thirty years is slower, and none of the next ten that fast.
        assert!((10 << 20..1 << 50).contains(&memory_bytes_per_s()));
    }
}
