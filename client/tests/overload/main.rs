//! Overload and abuse of the real process. Requests past a limit are refused at once and with a reason, memory stays
//! bounded, admitted callers are not affected, and the process recovers afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod service;

use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use resilience_testing::{
    Answer, PATIENCE,
    http::{Connection, Request},
    process::Process,
    until,
};
use service::{assert_as_before, start, start_with_files};

/// Maximum wait of an admitted caller on a busy machine: far below the service's own timeouts.
const PROMPT: Duration = Duration::from_secs(2);

/// The URL of a backend that answers each request after `delay`.
fn backend(delay: Duration) -> String {
    service::backend(delay, 2).url()
}

/// Sends bytes, and ignores an error: the service may have closed the connection.
fn say(connection: &mut Connection, what: impl AsRef<[u8]>) {
    let _ = connection.try_say(what);
}

fn get(path: &str) -> Vec<u8> {
    Request::new(format!("GET {path}")).bytes()
}

fn per(memory: u64, before: u64, count: usize) -> f64 {
    (memory as f64 - before as f64) / count as f64
}

/// Stops the background callers at the end of the scope, also after a failed assertion.
struct StopAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls on one connection until `stop`. Returns the number of calls and the time of the slowest.
fn keep_calling(mut connection: Connection, stop: &AtomicBool) -> (usize, Duration) {
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let answer = connection.ask("GET /api/call-backend");
        assert_eq!(answer.status, 200, "{answer:?}");
        (calls, slowest) = (calls + 1, slowest.max(answer.took));
    }
    (calls, slowest)
}

#[test]
fn five_thousand_connections_share_a_thousand_places() {
    const PLACES: usize = 1000;
    const CALLERS: usize = 8;
    let url = backend(Duration::from_millis(1));
    let service = start(&[("BACKEND_URL", &url), ("MAX_CONNECTIONS", &PLACES.to_string())]);
    assert_as_before(&service);
    let before = service.memory();
    let stop = AtomicBool::new(false);
    let probes = AtomicUsize::new(0);
    thread::scope(|scope| {
        let _stop = StopAtTheEnd(&stop);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| service.connect())
            .map(|stream| scope.spawn(|| keep_calling(stream, &stop)))
            .collect();
        // An incomplete head holds a place for some seconds.
        let mut idle: Vec<_> = (0..PLACES - CALLERS).map(|_| service.connect()).collect();
        idle.iter_mut().for_each(|stream| say(stream, "GET /"));
        // A connection without a place is closed after its first answer.
        until("all places are taken", PATIENCE, || {
            let mut connection = service.connect();
            let is_guest = connection.ask("GET /metrics").closes();
            idle.push(connection);
            is_guest
        });
        let full = service.memory();
        println!("a connection with a place: {:.1} KiB", per(full, before, PLACES));

        // Silent connections: the service waits one second for a request of each, then refuses it.
        let silent: Vec<_> = (0..400).map(|_| service.connect()).collect();
        thread::sleep(Duration::from_millis(300));
        println!("a silent one without: {:.1} KiB", per(service.memory(), full, silent.len()));
        let prober = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for path in ["/health", "/ready", "/metrics"] {
                    let answer = service.get(path);
                    assert_eq!(answer.status, 200, "{path}");
                    assert!(answer.took < PROMPT, "{path} took {:?}", answer.took);
                    probes.fetch_add(1, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        for stream in silent {
            stream.last_answer().assert_error(503, "Service Unavailable", "connections are in use");
        }
        let began = Instant::now();
        let service = &service;
        let refused: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    // Idle connections free their places after 5 s.
                    let full = (0..900).take_while(|_| began.elapsed() < Duration::from_secs(4));
                    full.map(|_| service.get("/api/stats")).collect::<Vec<_>>()
                })
            })
            .collect();
        let refused: Vec<Answer> = refused.into_iter().flat_map(|r| r.join().unwrap()).collect();
        let places = refused.iter().filter(|answer| answer.status != 503).count();
        for answer in refused.iter().filter(|answer| answer.status == 503) {
            answer.assert_error(503, "Service Unavailable", "connections are in use");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            assert!(answer.closes(), "{answer:?}");
        }
        let took = began.elapsed();
        println!(
            "{} connections refused, {places} found a place, {took:?}",
            refused.len() - places
        );
        assert!(refused.len() > 500, "{} connections in {took:?}", refused.len());
        assert_eq!(places, 0);
        let most = service.memory();
        println!("at the most {most} KiB, before {before} KiB");
        assert!(most < before + PLACES as u64 * 40 + 20 * 1024, "{most} KiB");
        stop.store(true, Ordering::Relaxed);
        prober.join().unwrap();
        for caller in callers {
            let (calls, slowest) = caller.join().unwrap();
            assert!(calls > 10 && slowest < PROMPT, "{calls} calls, the slowest {slowest:?}");
        }
    });
    assert!(probes.load(Ordering::Relaxed) > 10);
    // The 400 silent connections, and more than 500 others.
    assert!(service.metric("http_connections_refused_total") > 900);
    until("the burst is in the log", PATIENCE, || service.logged("connections are in use") > 0);
    assert_eq!(service.logged("connections are in use"), 1, "one line for one burst");
    assert_as_before(&service);
}

#[test]
fn queued_connections_past_the_limit_get_an_answer() {
    let url = backend(Duration::ZERO);
    let service = start(&[("BACKEND_URL", &url), ("MAX_CONNECTIONS", "2")]);
    let mut held: Vec<_> = (0..2).map(|_| service.connect()).collect();
    held.iter_mut().for_each(|stream| say(stream, "G"));
    // More connections than are screened at a time. No client reads before all are open.
    let mut crowd: Vec<_> = (0..2000).map(|_| service.connect()).collect();
    crowd.iter_mut().for_each(|stream| say(stream, get("/api/stats")));
    let mut told = 0;
    for mut connection in crowd {
        // If the service had no time to read the request, the client may see a reset after the answer.
        let answer = connection.rest_or_part();
        told += usize::from(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with('}'));
    }
    println!("{told} of 2000 have their answer");
    assert!(told > 1900, "{told}");
    drop(held);
    assert_as_before(&service);
}

#[test]
fn slow_heads_and_bodies_are_refused_with_an_answer() {
    let url = backend(Duration::ZERO);
    let service = start(&[("BACKEND_URL", &url)]);
    let endless = || "GET /health HTTP/1.1\r\nx-slow: ".bytes().chain(std::iter::repeat(b'a'));
    let after_one = |headers: &str| {
        let mut connection = service.connect();
        assert_eq!(connection.ask(Request::new("GET /health").headers(headers)).status, 200);
        connection
    };
    let began = Instant::now();
    let silent = service.connect();
    let idle = after_one("");
    let slow: Vec<_> = (0..100).map(|_| service.connect()).collect();
    slow.iter().for_each(|connection| connection.trickle(endless()));
    let second = after_one("");
    second.trickle(endless());
    let unwanted = after_one("transfer-encoding: chunked\r\n");
    unwanted.trickle("1\r\na\r\n".bytes().cycle());
    let mut body = service.connect();
    say(&mut body, "PUT /api/backend/faults HTTP/1.1\r\nhost: o\r\ncontent-length: 60000\r\n\r\n");
    body.trickle(std::iter::repeat(b' '));
    let mut chunks = service.connect();
    say(
        &mut chunks,
        "POST /api/stress-test HTTP/1.1\r\nhost: o\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    chunks.trickle("1\r\n \r\n".bytes().cycle());

    for mut connection in [silent, idle, unwanted] {
        assert!(connection.try_answer().unwrap().is_none(), "nothing was asked");
    }
    let quiet = began.elapsed();
    for stream in slow.into_iter().chain([second]) {
        stream.last_answer().assert_error(408, "Request Timeout", "head did not arrive");
    }
    let heads = began.elapsed();
    for mut connection in [body, chunks] {
        connection.answer().assert_error(408, "Request Timeout", "body did not arrive");
    }
    println!("silence for {quiet:?}, heads {heads:?}, bodies {:?}", began.elapsed());
    assert!(quiet > Duration::from_secs(4) && quiet < Duration::from_secs(8), "{quiet:?}");
    assert!(heads < Duration::from_secs(14) && began.elapsed() < Duration::from_secs(16));
    assert_as_before(&service);
}

#[test]
fn oversized_heads_and_bodies_are_refused() {
    let url = backend(Duration::ZERO);
    let service = start(&[("BACKEND_URL", &url)]);
    let head = |length: usize| {
        let mut stream = service.connect();
        let header = format!("x: {}\r\n", "a".repeat(length));
        say(&mut stream, Request::new("GET /health").close().headers(&header).bytes());
        stream.last_answer()
    };
    assert_eq!(head(15 * 1024).status, 200);
    for length in [20 * 1024, 1024 * 1024] {
        head(length).assert_error(431, "Request Header Fields Too Large", "over 16384 bytes");
    }
    let mut many = service.connect();
    say(&mut many, Request::new("GET /health").headers("x: y\r\n".repeat(200)).bytes());
    many.last_answer().assert_error(431, "Request Header Fields Too Large", "more than 96");
    for garbage in
        ["\u{16}\u{3}\u{1} TLS?\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET\r\n\r\n"]
    {
        let mut stream = service.connect();
        say(&mut stream, garbage);
        stream.last_answer().assert_error(400, "Bad Request", "not valid HTTP/1.1");
    }

    let put = |headers: &str, body: &dyn Fn(&mut Connection)| {
        let mut stream = service.connect();
        say(
            &mut stream,
            format!("PUT /api/backend/faults HTTP/1.1\r\nhost: o\r\n{headers}\r\n\r\n"),
        );
        body(&mut stream);
        stream.answer()
    };
    let announced = put("content-length: 10000000", &|stream| say(stream, " ".repeat(1_000_000)));
    announced.assert_error(413, "Payload Too Large", "over 65536 bytes");
    let chunked = put("transfer-encoding: chunked", &|stream| {
        (0..100).for_each(|_| say(stream, format!("400\r\n{}\r\n", " ".repeat(1024))));
    });
    chunked.assert_error(413, "Payload Too Large", "over 65536 bytes");
    let largest = format!("{{{}", " ".repeat(65_535));
    put("content-length: 65536", &|stream| say(stream, &largest)).assert_error(
        400,
        "Bad Request",
        "EOF",
    );
    assert_as_before(&service);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let url = backend(Duration::from_millis(200));
    let service = start(&[("BACKEND_URL", &url)]);
    let mut connection = service.connect();
    let asked = (0..100).flat_map(|n| get(&format!("/nothing/{n}")));
    // All requests at once, behind a slow call.
    say(&mut connection, get("/api/call-backend").into_iter().chain(asked).collect::<Vec<_>>());
    assert_eq!(connection.answer().status, 200);
    for n in 0..100 {
        let expected = format!("/nothing/{n}");
        let answer = connection.answer();
        assert!(answer.body["message"].as_str().unwrap().ends_with(&expected), "{n}: {answer:?}");
    }
    drop(connection);
    assert_as_before(&service);
}

#[test]
fn pipelined_requests_stay_in_the_kernel_until_they_are_due() {
    const GREEDY: usize = 50;
    const WAIT: Duration = Duration::from_millis(2500);
    let url = backend(WAIT);
    let service = start(&[("BACKEND_URL", &url)]);
    assert_as_before(&service);
    let before = service.memory();
    let began = Instant::now();
    let many = "GET /x HTTP/1.1\r\nhost:\r\n\r\n".repeat(1000);
    // Behind a slow call: writes as much as the socket accepts, and reads no answer.
    let mut greedy: Vec<_> = (0..GREEDY)
        .map(|_| {
            let mut connection = service.connect();
            say(&mut connection, get("/api/call-backend"));
            connection.socket().set_nonblocking(true).unwrap();
            (connection, 0)
        })
        .collect();
    let mut fill = || {
        for (connection, said) in &mut greedy {
            while let Ok(more) = connection.socket().write(&many.as_bytes()[*said..]) {
                *said = (*said + more) % many.len();
            }
        }
    };
    while began.elapsed() < WAIT - Duration::from_secs(1) {
        fill();
        thread::sleep(Duration::from_millis(20));
    }
    let waiting = service.memory();
    while began.elapsed() < WAIT + Duration::from_secs(1) {
        fill();
        thread::sleep(Duration::from_millis(20));
    }
    let answered = service.memory();
    let [first, then] = [waiting, answered].map(|memory| per(memory, before, GREEDY));
    println!(
        "a client that pipelines and does not read: {first:.1} KiB, its answers {then:.1} KiB"
    );
    assert!(first < 150.0 && then < 250.0);
    let health = service.get("/health");
    assert_eq!(health.status, 200);
    assert!(health.took < PROMPT);
    drop(greedy);
    assert_as_before(&service);
}

#[test]
fn calls_past_the_limit_are_refused_at_once_and_the_others_are_served() {
    const MAX: usize = 20;
    let url = backend(Duration::from_millis(500));
    let service = start(&[("BACKEND_URL", &url), ("MAX_CALLS", &MAX.to_string())]);
    thread::scope(|scope| {
        let call = || service.get("/api/call-backend");
        let callers: Vec<_> = (0..200).map(|_| scope.spawn(call)).collect();
        let mut served = 0;
        for caller in callers {
            let answer = caller.join().unwrap();
            if answer.status == 200 {
                served += 1;
                assert!(answer.took < Duration::from_millis(500) + PROMPT, "{:?}", answer.took);
                continue;
            }
            assert_eq!(answer.status, 503, "{answer:?}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            let body = answer.body;
            assert_eq!(body["backend_response"]["error"], "Service Unavailable");
            assert_eq!(body["backend_response"]["fallback"], true);
        }
        println!("{served} of 200 calls served, {MAX} at a time");
        assert!((MAX..=3 * MAX).contains(&served), "{served}");
    });
    assert_as_before(&service);
}

#[test]
fn a_low_descriptor_limit_lowers_the_connection_limit() {
    let url = backend(Duration::ZERO);
    let service = start_with_files(300, &[("BACKEND_URL", &url)]);
    let clamped = "service_edge::descriptors at most 300 files may be open";
    // A lowered default is logged at info, a lowered setting as a warning.
    assert_eq!(service.logged(&format!("INFO  {clamped}")), 2);
    let settings = [("BACKEND_URL", url.as_str()), ("MAX_CONNECTIONS", "10000")];
    let chosen = start_with_files(300, &settings);
    assert_eq!(chosen.logged(&format!("WARN  {clamped}")), 1);
    assert_eq!(chosen.logged(&format!("INFO  {clamped}")), 1);
    drop(chosen);
    let places = service.metric("http_connections_max");
    assert!(places < 150, "{places}");
    let mut crowd: Vec<_> = (0..600).map(|_| service.connect()).collect();
    crowd.iter_mut().for_each(|stream| say(stream, "GET"));
    let began = Instant::now();
    until("a probe in a crowd", PATIENCE, || service.get("/health").status == 200);
    println!("a probe in a crowd of twice the files: {:?}", began.elapsed());
    assert!(began.elapsed() < 2 * PROMPT, "{:?}", began.elapsed());
    drop(crowd);
    until("places are free", PATIENCE, || service.get("/api/stats").status == 200);
    assert_as_before(&service);
}

/// Case 28. An attempt whose caller has left keeps its connection to the backend until it ends, so that these
/// callers would have 1 200 connections open at a time.
#[test]
fn impatient_callers_at_a_low_descriptor_limit_affect_neither_probes_nor_the_circuit() {
    const LOAD: Duration = Duration::from_secs(6);
    let url = backend(Duration::from_secs(2));
    let service = start_with_files(1_024, &[("BACKEND_URL", &url)]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopAtTheEnd(&stop);
        let callers = scope.spawn(|| call_and_leave(&service, 600, &stop));
        let (began, mut probes) = (Instant::now(), 0);
        while began.elapsed() < LOAD {
            let probe = service.get("/health");
            assert_eq!(probe.status, 200);
            assert!(probe.took < PROMPT, "a probe took {:?}", probe.took);
            probes += 1;
            thread::sleep(Duration::from_millis(250));
        }
        stop.store(true, Ordering::Relaxed);
        println!("{} calls abandoned, {probes} probes", callers.join().unwrap());
    });
    let rejections = service.metric(r#"client_overload_rejections_total{name="backend"}"#);
    assert!(rejections > 0, "some calls were too many");
    until("a call is answered again", PATIENCE, || service.get("/api/call-backend").status == 200);
    let circuit = service.get("/api/circuit-breaker").body;
    assert_eq!((&circuit["open_count"], &circuit["fail_counter"]), (&0.into(), &0.into()));
    assert_eq!(service.logged("Too many open files"), 0);
    assert_as_before(&service);
}

/// Makes this many calls a second until `stop`, and closes each connection after 50 ms. Returns the number of calls.
fn call_and_leave(service: &Process, per_second: u32, stop: &AtomicBool) -> usize {
    let mut waiting = std::collections::VecDeque::new();
    let (mut calls, mut next) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        next += Duration::from_secs(1) / per_second;
        let mut stream = service.connect();
        say(&mut stream, get("/api/call-backend"));
        waiting.push_back((Instant::now(), stream));
        while waiting.front().is_some_and(|(since, _)| since.elapsed().as_millis() >= 50) {
            waiting.pop_front();
        }
        calls += 1;
    }
    calls
}

/// Lowers the limit while the process runs, so that the process has not adapted its own limits to it.
#[test]
fn a_lack_of_file_descriptors_is_no_failure_of_the_backend() {
    for host in ["127.0.0.1", "localhost"] {
        let url = backend(Duration::ZERO).replace("127.0.0.1", host);
        let service = start(&[
            ("BACKEND_URL", &url),
            ("RETRY_MAX_ATTEMPTS", "2"),
            ("RETRY_BASE_DELAY", "0.01"),
        ]);
        let mut kept = service.connect();
        let mut call = |path: &str| kept.ask(format!("GET {path}"));
        assert_eq!(call("/health").status, 200);
        limit_files(&service, 1);
        for _ in 0..10 {
            let refused = call("/api/call-backend");
            assert_eq!(refused.status, 503, "{refused:?}");
            assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
            let body = refused.body;
            assert_eq!(body["attempts"], 2, "{body}");
            let message = body["backend_response"]["message"].as_str().unwrap();
            assert!(message.contains("Too many open files"), "{message}");
        }
        let circuit = call("/api/circuit-breaker").body;
        assert_eq!((&circuit["state"], &circuit["fail_counter"]), (&"closed".into(), &0.into()));
        limit_files(&service, 1_024);
        assert_eq!(call("/api/call-backend").status, 200);
        let stats = &call("/api/stats").body["statistics"];
        assert_eq!(
            (&stats["rejected_requests"], &stats["failed_requests"]),
            (&10.into(), &0.into())
        );
    }
}

/// Limits the descriptors that a process may open. Its open descriptors stay open.
fn limit_files(service: &Process, files: u64) {
    let pid = service.pid().try_into().unwrap();
    let hard = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap().1;
    rlimit::prlimit(pid, rlimit::Resource::NOFILE, Some((files, hard)), None).unwrap();
}
