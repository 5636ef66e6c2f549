//! A gateway with one upstream, `u`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use resilience_testing::process::{Process, command};

pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");

/// Retries that come soon.
const QUICK: &str = "retry_base_delay = 0.01\nretry_max_delay = 0.05";

/// Starts a gateway. `settings` are lines of the upstream's table.
pub(crate) fn gateway(url: &str, settings: &str) -> Process {
    gateway_with(url, settings, &[])
}

/// As [`gateway`], with these variables of the process.
pub(crate) fn gateway_with(url: &str, settings: &str, variables: &[(&str, &str)]) -> Process {
    start(&format!("\"{url}\""), settings, variables)
}

/// As [`gateway`], with several URLs.
pub(crate) fn gateway_of(urls: &[String], settings: &str) -> Process {
    start(&format!("{urls:?}"), settings, &[])
}

fn start(url: &str, settings: &str, variables: &[(&str, &str)]) -> Process {
    let text = format!("[upstreams.u]\nurl = {url}\n{QUICK}\n{settings}\n");
    let path = file("toml", &text);
    let variables = [variables, &[("CONFIG", &path)]].concat();
    Process::start(command(CLIENT, &variables))
}

/// The path of a new file with this text.
pub(crate) fn file(extension: &str, text: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("gateway-{}-{number}.{extension}", process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An upstream that gets each connection as it is, in a thread of its own. Returns its URL.
pub(crate) fn raw_upstream(script: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = script.clone();
            thread::spawn(move || script(stream));
        }
    });
    url
}

/// Reads a head byte by byte, so that nothing behind it is read.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Sends an answer, unless the gateway has closed the connection.
pub(crate) fn say(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    let _ = stream.write_all(text.as_ref());
}

/// The peak of the process's memory in bytes.
pub(crate) fn peak_memory(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}
