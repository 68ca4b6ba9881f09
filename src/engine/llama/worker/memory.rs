//! How much memory there is: the machine's, or what a container or a service may take of it.
//!
//! A group's limit holds for all below it, so the least one from the process's own group upwards
//! counts. Inside a container the groups above are not to be seen, and the root is the container's.

#[cfg(any(target_os = "linux", test))]
use std::path::Path;

/// What this process can hope for.
#[cfg(target_os = "linux")]
pub(super) fn available_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    let machine = system.totalram.saturating_mul(u64::from(system.mem_unit));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limit(Path::new("/sys/fs/cgroup"), &groups).map_or(machine, |limit| limit.min(machine))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn available_bytes() -> u64 {
    16 << 30
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
}
