//! Metrics of the process, from `/proc/self` of Linux. Other systems have none.
//!
//! The collector of the `prometheus` crate counts CPU time in whole seconds. That hides the CPU time of an idle
//! service, and makes `rate()` jump. The crate `procfs`, for four short files, would bring five more crates.

use std::fs;

use super::families::Families;

/// The unit of CPU time in `/proc`: always 1/100 s in user space, whatever the kernel uses.
const TICKS_PER_SECOND: f64 = 100.0;

const KIBIBYTE: f64 = 1024.0;

/// A source for [`Metrics`](crate::Metrics).
pub(super) fn read(families: &mut Families) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse_stat) {
        families.counter(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            stat.cpu_seconds,
        );
        families.gauge("process_threads", "Number of OS threads in the process.", stat.threads);
        if let Some(boot) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(boot_time) {
            families.gauge(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                boot + stat.started_seconds,
            );
        }
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let memory = [
            ("VmRSS:", "process_resident_memory_bytes", "Resident memory size in bytes."),
            ("VmSize:", "process_virtual_memory_bytes", "Virtual memory size in bytes."),
        ];
        for (field, name, help) in memory {
            if let Some(kib) = number_after(&status, field) {
                families.gauge(name, help, kib * KIBIBYTE);
            }
        }
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory's own.
        let open = u32::try_from(descriptors.count().saturating_sub(1)).unwrap_or(u32::MAX);
        families.gauge("process_open_fds", "Number of open file descriptors.", open.into());
    }
    let limits = fs::read_to_string("/proc/self/limits").ok();
    if let Some(max) = limits.and_then(|limits| number_after(&limits, "Max open files")) {
        families.gauge("process_max_fds", "Maximum number of open file descriptors.", max);
    }
}

#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    /// Seconds after the boot of the system.
    started_seconds: f64,
}

/// See proc_pid_stat(5). The second field is the program's name in parentheses, and may contain any characters.
fn parse_stat(stat: &str) -> Option<Stat> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // The first field after the name is field 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Stat {
        cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
        threads: field(20)?,
        started_seconds: field(22)? / TICKS_PER_SECOND,
    })
}

fn boot_time(stat: &str) -> Option<f64> {
    number_after(stat, "btime")
}

/// The first number of the line that begins with `start`.
fn number_after(text: &str, start: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_is_skipped() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 5 0 4200 9 9";
        let expected = Stat { cpu_seconds: 4.0, threads: 5.0, started_seconds: 42.0 };
        assert_eq!(parse_stat(stat), Some(expected));
        assert_eq!(parse_stat("7 (x) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn a_number_is_found_by_the_prefix_of_its_line() {
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\nx"), Some(1.7e9));
        assert_eq!(number_after("VmPeak:\t 9 kB\nVmRSS:\t  12 kB", "VmRSS:"), Some(12.0));
        assert_eq!(number_after("Max open files  unlimited  x", "Max open files"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_metrics() {
        let mut families = Families::default();
        read(&mut families);
        let names: Vec<_> =
            families.sorted().iter().map(|family| family.name().to_owned()).collect();
        let expected = [
            "process_cpu_seconds_total",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
            "process_virtual_memory_bytes",
        ];
        assert_eq!(names, expected);
    }
}
