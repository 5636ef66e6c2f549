//! Free ports, and the memory and files of a process.

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use super::Process;

/// Returns a port on which nothing listens. It is below the range from which the system assigns ports, so that no other
/// socket of the tests gets it meanwhile.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Spreads the ports of concurrent test processes, whose ids are often consecutive.
    let salt = u16::try_from(std::process::id() % 20 * 1_000).unwrap();
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(salt);
        let port = 12_000 + offset % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Process {
    /// Resident memory in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Number of file descriptors that are open, sockets included; 0 if the process has ended.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }
}
