//! Secrets of upstreams: no log, metric, event, span or answer shows one.

use std::{
    fs,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use resilience_testing::{
    PATIENCE,
    access::assert_shown_nowhere,
    certificates::{Authority, VERSIONS},
    http::{Request, ask_raw},
    process::{Process, command, run_to_end},
    server::{Server, http, ok},
    until,
};

use super::gateway::{CLIENT, file};

const TOKEN: &str = "MarkerOfTheUpstream4Kd";
const WRONG_TOKEN: &str = "MarkerOfAGuess1Bn";
const AUTHORIZATION: &str = "MarkerOfAuthorization8Wm";
const IN_FILE: &str = "MarkerInTheFile3Zp";
const IN_VARIABLE: &str = "MarkerInTheVariable6Lt";
const COOKIE: &str = "MarkerOfTheCaller5Rv";

/// What the upstream must get.
const PASSED_ON: [&str; 4] = [AUTHORIZATION, IN_FILE, IN_VARIABLE, COOKIE];

/// The files of an upstream with TLS.
struct Files {
    upstreams: String,
    token: String,
    key: String,
}

/// An upstream that requires a certificate, and the files of a gateway in front of it.
fn upstream() -> (Server, Files) {
    let authority = Authority::new();
    let (identity, own) = (authority.issue(&["127.0.0.1"]), authority.issue(&["client.test"]));
    let tls = identity.server_of(VERSIONS, Some(&authority));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Server::on_with(listener, Some(tls), |mut peer| {
        while let Some(head) = peer.request() {
            peer.say(match head.split(' ').nth(1) {
                Some("/failing") => http("500 Oops", "", "{}"),
                Some("/broken") => "no HTTP\r\n\r\n".to_owned(),
                _ => ok("{}"),
            });
        }
    });
    let (ca, certificate) = (file("pem", &authority.pem()), file("pem", &own.pem));
    let (token, header) = (file("token", TOKEN), file("secret", IN_FILE));
    let key = file("key", &own.key_pem);
    let text = format!(
        "[upstreams.u]\nurl = \"{}\"\ntoken = {{ file = {token:?} }}\nretry_base_delay = 0.01\n\
         breaker_fail_max = 2\n\
         [upstreams.u.headers]\nAuthorization = \"Bearer {AUTHORIZATION}\"\n\
         X-In-File = {{ file = {header:?} }}\nX-In-Variable = {{ env = \"A_SECRET\" }}\n\
         [upstreams.u.tls]\nca_file = {ca:?}\nclient_certificate_file = {certificate:?}\n\
         client_key_file = {key:?}\n",
        upstream.url()
    );
    (upstream, Files { upstreams: file("toml", &text), token, key: own.key_pem })
}

/// A collector of spans, and what it was sent.
fn collector() -> (Server, Arc<Mutex<String>>) {
    let sent = Arc::<Mutex<String>>::default();
    let kept = Arc::clone(&sent);
    let collector = Server::start(move |mut peer| {
        while let Some(head) = peer.request() {
            *kept.lock().unwrap() += &(head + &String::from_utf8_lossy(peer.body()));
            peer.say(ok("{}"));
        }
    });
    (collector, sent)
}

/// All that a caller gets to see, with the right token and a wrong one.
fn seen_by_a_caller(gateway: &Process) -> String {
    let mut events = gateway.connect();
    events.send("GET /api/events");
    let mut seen = events.lines_until("event: hello");
    let ask = |line: &str, headers: &str, body: &str| {
        ask_raw(gateway.address(), Request::new(line).headers(headers).body(body))
    };
    for token in [TOKEN, WRONG_TOKEN] {
        let headers = format!(
            "x-upstream-token: {token}\r\ncookie: {COOKIE}\r\n\
             traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        );
        seen += &ask("PUT /upstreams/u/large", &headers, &"x".repeat(100_000));
        for line in [
            "GET /upstreams/u/a?b",
            "POST /upstreams/u/a",
            "GET /upstreams/u/failing",
            "GET /upstreams/u/broken",
            // The circuit is open.
            "GET /upstreams/u/a",
            "TRACE /upstreams/u/a",
            "GET /upstreams/other/a",
            "GET /upstreams/u/a/../b",
        ] {
            seen += &ask(line, &headers, "");
        }
        seen += &ask("GET /upstreams/u/a", &format!("{headers}upgrade: websocket\r\n"), "");
        // A head that cannot be read is an error of its own.
        seen += &ask("GET /upstreams/u/a", &format!("{headers}bad header\r\n"), "");
    }
    seen += &events.lines_until("event: call");
    seen + &events.lines_until("\n")
}

/// What the gateway tells of its upstreams.
fn told_about_upstreams(gateway: &Process) -> String {
    let paths = [
        "/api/upstreams",
        "/api/upstreams/u",
        "/api/upstreams/u/settings",
        "/api/events/history?limit=1000",
        "/metrics",
        "/openapi.json",
    ];
    paths.map(|path| ask_raw(gateway.address(), format!("GET {path}"))).concat()
}

/// At `trace`, the level with the most lines.
#[test]
fn no_secret_of_an_upstream_is_shown() {
    for format in ["text", "json"] {
        let (upstream, files) = upstream();
        let (collector, spans) = collector();
        let collector = collector.url();
        let variables = [
            ("CONFIG", files.upstreams.as_str()),
            ("A_SECRET", IN_VARIABLE),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", format),
        ];
        let mut gateway = Process::start(command(CLIENT, &variables));
        let mut answers = seen_by_a_caller(&gateway) + &told_about_upstreams(&gateway);

        let mut check = command(CLIENT, &variables);
        check.args(["check", &files.upstreams]);
        let checked = run_to_end(check);
        assert!(checked.status.success(), "{checked:?}");
        let checked = String::from_utf8(checked.stdout).unwrap();
        // A token that is not valid, so that there is an error about it.
        fs::write(&files.token, format!("{TOKEN} {WRONG_TOKEN}")).unwrap();
        gateway.signal("HUP");
        until("the error is shown", PATIENCE, || {
            !gateway.get("/api/upstreams").body["config"]["error"].is_null()
        });
        answers += &told_about_upstreams(&gateway);
        assert!(gateway.terminate().success());

        let heads = upstream.heads();
        let is_whole = |head: &String| PASSED_ON.iter().all(|secret| head.contains(secret));
        assert!(heads.len() > 8 && heads.iter().all(is_whole), "nothing is proved: {heads:?}");
        for status in [200, 400, 401, 404, 405, 500, 501, 502, 503] {
            let line = format!("HTTP/1.1 {status} ");
            assert!(answers.contains(&line), "{line} is not in {answers}");
        }
        let (spans, log) = (spans.lock().unwrap().clone(), gateway.log());
        assert!(spans.contains("/upstreams/u/a"), "{spans}");
        assert!(log.contains("TRACE") && log.contains("token"), "{log}");
        assert!(checked.contains("(hidden)"), "{checked}");
        let key = files.key.lines().nth(1).unwrap();
        let secrets = [&PASSED_ON[..], &[TOKEN, WRONG_TOKEN, key]].concat();
        let texts = [
            ("the log", log.as_str()),
            ("stdout", &gateway.output()),
            ("an answer", &answers),
            ("a span", &spans),
            ("the output of check", &checked),
        ];
        assert_shown_nowhere(&secrets, &texts);
    }
}
