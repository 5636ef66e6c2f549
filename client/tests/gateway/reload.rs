//! The file changes while calls are made.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use resilience_testing::{
    PATIENCE,
    http::Request,
    process::{Process, command},
    server::{Gate, Server, http, ok},
    until,
};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");

/// A folder with a file of upstreams, and a gateway that follows it.
struct Followed {
    folder: PathBuf,
    file: PathBuf,
    gateway: Process,
}

impl Followed {
    fn start(text: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("reload-{}-{number}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("upstreams.toml");
        replace(&file, text);
        let variables =
            [("CONFIG", file.to_str().unwrap()), ("RUST_LOG", "info,service_edge=debug")];
        let gateway = Process::start(command(CLIENT, &variables));
        Self { folder, file, gateway }
    }

    fn reloads(&self) -> u64 {
        reloads(&self.gateway, "ok")
    }

    /// Writes the file, sends SIGHUP, and waits until the file is in force.
    fn reload(&self, text: &str) {
        replace(&self.file, text);
        let before = self.reloads();
        self.gateway.signal("HUP");
        until("the file is in force", PATIENCE, || self.reloads() > before);
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn reloads(gateway: &Process, result: &str) -> u64 {
    gateway.metric(&format!("client_config_reloads_total{{result=\"{result}\"}}"))
}

/// Puts a file with this text in the place of another one, at one moment.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

fn table(name: &str, url: &str, lines: &str) -> String {
    format!("[upstreams.{name}]\nurl = \"{url}\"\n{lines}\n")
}

#[test]
fn the_directory_is_watched_and_a_wrong_file_changes_nothing() {
    let upstream = Server::answering(ok("{}"));
    let one = table("one", &upstream.url(), "");
    let followed = Followed::start(&one);
    let gateway = &followed.gateway;
    replace(&followed.file, &[&one, &*table("two", &upstream.url(), "")].concat());
    gateway.wait_for_log("is in force: added two");
    assert_eq!(gateway.get("/upstreams/two/").status, 200);

    replace(&followed.file, "[upstreams.one]\nurl = 1\ncolour = 2\n");
    gateway.wait_for_log("upstreams.toml:2:7: upstreams.one.url is an integer: expected a string");
    gateway.wait_for_log("upstreams.toml:3:1: upstreams.one.colour is unknown");
    gateway.wait_for_log("upstreams.toml is not in force: the upstreams stay as they are");
    assert_eq!(gateway.get("/upstreams/two/").status, 200);
    until("it is counted", PATIENCE, || reloads(gateway, "failed") == 1);
}

#[test]
fn sighup_never_ends_a_gateway_and_reads_the_file_until_the_shutdown() {
    let gate = Arc::new(Gate::default());
    let upstream = Server::behind(&gate, ok("{}"));
    let mut followed = Followed::start(&table(
        "u",
        &upstream.url(),
        "attempt_timeout = 20\nbreaker_trial_lease = 20",
    ));
    let gateway = &mut followed.gateway;
    gateway.signal("HUP");
    gateway.wait_for_log("got SIGHUP: reading ");
    gateway.wait_for_log("is in force: nothing changed");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    until("the upstream has the call", PATIENCE, || upstream.requests() == 1);
    gateway.signal("TERM");
    gateway.wait_for_log("got SIGTERM");
    until("it is ignored", PATIENCE, || {
        gateway.signal("HUP");
        gateway.logged("SIGHUP is ignored") > 0
    });
    gate.set(true);
    assert_eq!(caller.answer().status, 200);
    assert_eq!(gateway.wait().code(), Some(0));
}

#[test]
fn a_call_in_flight_to_an_upstream_that_is_removed_ends_well() {
    let gate = Arc::new(Gate::default());
    let upstream = Server::behind(&gate, http("200 OK", "", "late"));
    let settings = "attempt_timeout = 20\nbreaker_trial_lease = 20";
    let (old, other) = (table("old", &upstream.url(), settings), table("other", "http://o", ""));
    let followed = Followed::start(&[&*old, &other].concat());
    let mut caller = followed.gateway.connect();
    caller.send("GET /upstreams/old/");
    until("the upstream has the call", PATIENCE, || upstream.requests() == 1);
    followed.reload(&other);
    assert_eq!(followed.gateway.get("/upstreams/old/").status, 404);
    gate.set(true);
    let answer = caller.answer();
    assert_eq!((answer.status, answer.text.as_str()), (200, "late"));
    let gateway = &followed.gateway;
    let metrics = gateway.get("/metrics").text;
    assert!(!metrics.contains("name=\"old\""), "{metrics}");
    until("the connection is closed", PATIENCE, || upstream.open() == 0);
}

/// Calls without an end, each of which must be answered by `says`.
fn callers(
    followed: &Followed,
    path: &'static str,
    says: &'static str,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<usize> {
    let (address, stop) = (followed.gateway.address(), stop.clone());
    thread::spawn(move || {
        let mut caller = resilience_testing::http::Connection::to(address);
        let (mut calls, held, streamed) = (0, vec![1; 100], vec![1; 100_000]);
        while !stop.load(Ordering::Relaxed) {
            let request = match calls % 3 {
                0 => Request::new(format!("GET {path}")),
                1 => Request::new(format!("PUT {path}")).body(held.clone()),
                _ => Request::new(format!("POST {path}")).body(streamed.clone()),
            };
            let answer = caller.ask(request);
            assert_eq!((answer.status, answer.text.as_str()), (200, says), "{answer:?}");
            calls += 1;
        }
        calls
    })
}

fn answering(says: &'static str) -> Server {
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            peer.say(http("200 OK", "", says));
        }
    })
}

/// The file of one generation. All of `a`, `b` and `moves` have other settings than in the one before.
fn generation(number: usize, a: &Server, b: &Server) -> String {
    let attempts = 2 + number % 3;
    let places = if number.is_multiple_of(2) { "concurrency_max = 50" } else { "" };
    let route =
        format!("[[upstreams.a.routes]]\npath = \"/x{}\"\nattempt_timeout = 2.5", number % 4);
    let header =
        format!("connect_timeout = {}\nheaders = {{ X-Number = \"{number}\" }}", 1 + number % 2);
    [
        table("a", &a.url(), &format!("retry_max_attempts = {attempts}\n{places}\n{route}")),
        table("b", &b.url(), &format!("coalesce = \"on\"\nfallback = \"stale\"\n{header}")),
        // The same server under another name is another URL.
        table(
            "moves",
            &if number.is_multiple_of(2) {
                a.url()
            } else {
                a.url().replace("127.0.0.1", "localhost")
            },
            "",
        ),
        table(&format!("new-{number}"), &b.url(), "breaker_probe = \"/\""),
    ]
    .concat()
}

/// Number of open descriptors and of threads.
fn resources(gateway: &Process) -> (usize, usize) {
    let count = |of: &str| fs::read_dir(format!("/proc/{}/{of}", gateway.pid())).unwrap().count();
    (count("fd"), count("task"))
}

/// Number of series of upstreams.
fn series(gateway: &Process) -> usize {
    gateway.get("/metrics").text.lines().filter(|line| line.contains("name=\"")).count()
}

/// `RELOADS` says how many reloads are made.
#[test]
fn reloads_under_load_lose_no_call_and_leave_nothing_behind() {
    let reloads = std::env::var("RELOADS").map_or(40, |reloads| reloads.parse().unwrap());
    let (a, b) = (answering("a"), answering("b"));
    let followed = Followed::start(&generation(0, &a, &b));
    for path in ["/upstreams/a/", "/upstreams/b/", "/upstreams/moves/", "/upstreams/new-0/"] {
        assert_eq!(followed.gateway.get(path).status, 200);
    }
    let before = (series(&followed.gateway), resources(&followed.gateway));
    let stop = Arc::new(AtomicBool::new(false));
    let callers = [
        callers(&followed, "/upstreams/a/x1/y", "a", &stop),
        callers(&followed, "/upstreams/b/", "b", &stop),
        callers(&followed, "/upstreams/moves/", "a", &stop),
    ];
    for number in 1..=reloads {
        followed.reload(&generation(number, &a, &b));
        let new = followed.gateway.get(&format!("/upstreams/new-{number}/"));
        assert_eq!((new.status, new.text.as_str()), (200, "b"));
        assert_eq!(followed.gateway.get(&format!("/upstreams/new-{}/", number - 1)).status, 404);
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.join().unwrap() >= reloads, "calls were made all the time");
    }
    followed.reload(&generation(0, &a, &b));
    assert_eq!(followed.gateway.get("/upstreams/new-0/").status, 200);
    assert_eq!(reloads_failed(&followed), 0);
    until("all that belongs to earlier files is gone", PATIENCE, || {
        let (series, (descriptors, threads)) =
            (series(&followed.gateway), resources(&followed.gateway));
        // A worker may not have had a connection to each upstream before.
        let (few, at_most) = (8, before.1);
        series == before.0 && descriptors <= at_most.0 + few && threads <= at_most.1 + 2
    });
}

fn reloads_failed(followed: &Followed) -> u64 {
    reloads(&followed.gateway, "failed")
}

#[test]
fn kept_answers_are_dropped_if_what_selects_them_changes() {
    let number = AtomicUsize::new(0);
    // Each second request fails.
    let upstream = Server::start(move |mut peer| {
        while peer.request().is_some() {
            let good = number.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            peer.say(http(if good { "200 OK" } else { "500 Internal Server Error" }, "", ""));
        }
    });
    let url = upstream.url();
    let lines = "fallback = \"stale\"\nretry_max_attempts = 1\nbreaker_fail_max = 100";
    let before = table("u", &url, lines);
    let followed = Followed::start(&before);
    for (after, stays) in [
        (table("u", &url, &format!("{lines}\nbreaker_min_calls = 7\nbody_idle_timeout = 7")), true),
        (table("u", &url, &format!("{lines}\npool_max_age = 7")), true),
        (table("u", &url, &format!("{lines}\nheaders = {{ X-Tenant = \"b\" }}")), false),
        (table("u", &url, &format!("{lines}\nfallback_max_age = 50")), false),
        (table("u", &url.replace("127.0.0.1", "localhost"), lines), false),
    ] {
        followed.reload(&before);
        assert_eq!(followed.gateway.get("/upstreams/u/").status, 200);
        followed.reload(&after);
        let expected = if stays { 200 } else { 500 };
        assert_eq!(followed.gateway.get("/upstreams/u/").status, expected, "{after}");
    }
}
