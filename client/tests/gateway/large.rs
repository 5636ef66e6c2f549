//! Large bodies take little memory, however slow the reader is.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use resilience_testing::{process::Process, server::Gate};

use super::gateway::{gateway, peak_memory, raw_upstream, read_head, say};

const SIZE: u64 = 64 * 1024 * 1024;

/// The buffers of the kernel for two connections, and those of the gateway.
const IN_FLIGHT: u64 = 24 * 1024 * 1024;

/// The gateway's own part of that, with what else it needs.
const MEMORY: u64 = 16 * 1024 * 1024;

/// Sends the body until its reader does not go on. Returns the number of bytes sent.
fn until_stalled(sent: &AtomicU64) -> u64 {
    let mut before = 0;
    loop {
        // Not for luck: more time would only find more bytes, and fail the test.
        thread::sleep(Duration::from_millis(300));
        let now = sent.load(Ordering::Relaxed);
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}

fn send(stream: &mut TcpStream, sent: &AtomicU64) {
    let part = vec![b'x'; 64 * 1024];
    for _ in 0..SIZE / part.len() as u64 {
        stream.write_all(&part).unwrap();
        sent.fetch_add(part.len() as u64, Ordering::Relaxed);
    }
}

fn receive(stream: &mut TcpStream) -> u64 {
    std::io::copy(&mut stream.take(SIZE), &mut std::io::sink()).unwrap()
}

fn assert_small(gateway: &Process, before: u64) {
    let grown = peak_memory(gateway) - before;
    assert!(grown < MEMORY, "{grown} bytes");
}

#[test]
fn a_large_upload_waits_for_the_upstream() {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    let upstream = raw_upstream(move |mut stream| {
        read_head(&mut stream);
        passing.pass();
        let received = receive(&mut stream);
        let text = received.to_string();
        say(
            &mut stream,
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()),
        );
    });
    let gateway = gateway(&upstream, "attempt_timeout = 30\nbreaker_trial_lease = 30");
    let before = peak_memory(&gateway);
    let mut caller = gateway.connect();
    caller.say(format!("PUT /upstreams/u/ HTTP/1.1\r\nhost: t\r\ncontent-length: {SIZE}\r\n\r\n"));
    let mut body = caller.socket().try_clone().unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let sending = thread::spawn({
        let sent = Arc::clone(&sent);
        move || send(&mut body, &sent)
    });
    let stalled = until_stalled(&sent);
    assert!(stalled < IN_FLIGHT, "{stalled} bytes are in flight");
    gate.set(true);
    sending.join().unwrap();
    let answer = caller.answer();
    assert_eq!((answer.status, answer.text), (200, SIZE.to_string()));
    assert_small(&gateway, before);
}

#[test]
fn a_large_download_waits_for_the_caller() {
    let sent = Arc::new(AtomicU64::new(0));
    let upstream = raw_upstream({
        let sent = Arc::clone(&sent);
        move |mut stream| {
            read_head(&mut stream);
            say(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n"));
            send(&mut stream, &sent);
            let _ = stream.read(&mut [0]);
        }
    });
    let gateway = gateway(&upstream, "");
    let before = peak_memory(&gateway);
    let mut caller = TcpStream::connect(gateway.address()).unwrap();
    caller.write_all(b"GET /upstreams/u/ HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let stalled = until_stalled(&sent);
    assert!(stalled < IN_FLIGHT, "{stalled} bytes are in flight");
    let head = read_head(&mut caller);
    assert!(head.contains(&format!("content-length: {SIZE}")), "{head}");
    assert_eq!(receive(&mut caller), SIZE);
    assert_small(&gateway, before);
}

#[test]
fn a_hundred_stalled_uploads_of_a_gibibyte_take_less_than_100_megabytes() {
    let (upstream, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(Gate::default()));
    let (heads, passing) = (Arc::clone(&upstream), Arc::clone(&gate));
    let url = raw_upstream(move |mut stream| {
        read_head(&mut stream);
        heads.fetch_add(1, Ordering::Relaxed);
        passing.pass();
    });
    let gateway =
        gateway(&url, "attempt_timeout = 60\ncall_deadline = 60\nbreaker_trial_lease = 60");
    let callers: Vec<_> = (0..100)
        .map(|number| {
            let framing = ["content-length: 1073741824", "transfer-encoding: chunked"][number % 2];
            let mut caller = gateway.connect();
            caller.say(format!("PUT /upstreams/u/ HTTP/1.1\r\nhost: t\r\n{framing}\r\n\r\n"));
            caller
        })
        .collect();
    let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
    let sent = AtomicU64::new(0);
    for caller in &callers {
        caller.socket().set_nonblocking(true).unwrap();
    }
    // Bytes that do not fit are sent later, so that chunks stay whole.
    let mut next = vec![0; callers.len()];
    let mut send = || {
        for (caller, at) in callers.iter().zip(&mut next) {
            while let Ok(written) = caller.socket().write(&chunk[*at % chunk.len()..]) {
                *at += written;
                sent.fetch_add(written as u64, Ordering::Relaxed);
            }
        }
    };
    let mut before = 0;
    while before == 0 || before != sent.load(Ordering::Relaxed) {
        before = sent.load(Ordering::Relaxed);
        send();
        // Not for luck: more time would only find room for more bytes.
        thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(upstream.load(Ordering::Relaxed), 100);
    assert!(before > 100 << 20, "{before} bytes are on their way");
    let peak = peak_memory(&gateway);
    assert!(peak < 100_000_000, "{peak} bytes");
    gate.set(true);
}
