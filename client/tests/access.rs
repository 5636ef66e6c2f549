//! Who may change something, what is told to nobody, and who decides where the client connects to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod strangers;
mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use actix_web::{
    http::{
        Method,
        header::{AUTHORIZATION, HeaderValue},
    },
    test::TestRequest,
};
use resilience_testing::{
    http::{Request, ask_raw},
    process::{Process, command, run_to_end},
    server::{Server, Trap, http, ok},
};
use serde_json::{Value, json};
use strangers::{SECRETS, paths_in};
use support::{config, lab};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");
const TOKEN: &str = "s3cret-of-the-lab";
const FAULTS: &str = "/api/backend/faults";

/// Each path that is registered anywhere in the sources of the service, and of what is under it.
fn registered() -> BTreeSet<String> {
    let here = env!("CARGO_MANIFEST_DIR");
    let mut paths = paths_in(&format!("{here}/src"));
    paths.extend(paths_in(&format!("{here}/../actors/edge/src")));
    for known in ["/health", "/ready", FAULTS, "/api/stress-test", "/dashboard.js", "/"] {
        assert!(paths.contains(known), "{known} is not found in the sources: {paths:?}");
    }
    paths
}

#[actix_web::test]
async fn whatever_is_not_for_reading_is_refused_on_every_path_without_the_token() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", TOKEN)])).await;
    let mut changing = BTreeSet::new();
    for path in registered() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "MKCOL", "post"] {
            let ask = || {
                TestRequest::with_uri(&path)
                    .method(Method::from_bytes(method.as_bytes()).unwrap())
                    .set_payload("not json")
            };
            let stranger = lab.send(ask()).await;
            // 405: there is nothing for this method, with a token or without.
            if stranger.status == 405 {
                continue;
            }
            assert_eq!(stranger.status, 401, "{method} {path}");
            assert_eq!(stranger.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            assert_eq!(stranger.body["error"], "Unauthorized", "{method} {path}");
            changing.insert(format!("{method} {path}"));
        }
    }
    let expected = [
        "POST /api/circuit-breaker/disable",
        "POST /api/circuit-breaker/enable",
        "POST /api/circuit-breaker/force-open",
        "POST /api/circuit-breaker/reset",
        "POST /api/stress-test",
        "PUT /api/backend/faults",
    ];
    assert_eq!(changing, expected.map(str::to_owned).into(), "docs/endpoints.md names these");
    assert_eq!(upstream.connections(), 0);
    let breaker = lab.breaker().await;
    assert_eq!((breaker.open_count, breaker.fail_counter), (0, 0));
}

#[actix_web::test]
async fn nothing_but_the_token_opens_and_it_opens_everything() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", TOKEN)])).await;
    let almost = format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]);
    let (more, right) = (format!("Bearer {TOKEN}x"), format!("Bearer {TOKEN}"));
    let (basic, bare) = (format!("Basic {TOKEN}"), TOKEN.to_owned());
    let (quoted, cased) = (format!("Bearer \"{TOKEN}\""), right.to_uppercase());
    let wrong: [&[&[u8]]; 14] = [
        &[],
        &[b""],
        &[b"Bearer"],
        &[b"Bearer "],
        &[b"Bearer wrong"],
        &[almost.as_bytes()],
        &[more.as_bytes()],
        &[basic.as_bytes()],
        &[bare.as_bytes()],
        &[quoted.as_bytes()],
        &[cased.as_bytes()],
        &[b"Bearer \xff\xfe"],
        &[right.as_bytes(), b"Bearer wrong"],
        &[right.as_bytes(), right.as_bytes()],
    ];
    let changes = [
        (Method::POST, "/api/circuit-breaker/disable"),
        (Method::POST, "/api/circuit-breaker/enable"),
        (Method::POST, "/api/circuit-breaker/force-open"),
        (Method::POST, "/api/circuit-breaker/reset"),
        (Method::POST, "/api/stress-test"),
        (Method::PUT, FAULTS),
    ];
    for (method, path) in &changes {
        let ask = || TestRequest::with_uri(path).method((*method).clone());
        for headers in wrong {
            let with = |request: TestRequest, value: &&[u8]| {
                request.append_header((AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()))
            };
            let refused = lab.send(headers.iter().fold(ask(), with)).await;
            assert_eq!(refused.status, 401, "{path} {headers:?}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
            let told = refused.body.to_string();
            assert!(!told.contains(TOKEN) && !told.contains("wrong"), "{told}");
        }
        assert_eq!(upstream.requests(), 0, "{path}");
    }
    for (method, path) in changes {
        let admin = TestRequest::with_uri(path).method(method);
        let answer = lab.send(admin.insert_header((AUTHORIZATION, right.as_str()))).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let token_in_the_query = format!("/api/circuit-breaker/reset?access_token={TOKEN}");
    assert_eq!(lab.post(&token_in_the_query, "").await.status, 401);
}

#[actix_web::test]
async fn reading_changes_nothing_and_needs_no_token() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", TOKEN)])).await;
    let before = lab.get("/api/circuit-breaker").await.body;
    for path in registered() {
        let answer = lab.open(TestRequest::get().uri(&path)).await;
        assert!([200, 405].contains(&answer.status().as_u16()), "{path}: {}", answer.status());
    }
    let after = lab.get("/api/circuit-breaker").await.body;
    for path in registered() {
        let options = TestRequest::with_uri(&path).method(Method::OPTIONS).set_payload("{}");
        let answer = lab.open(options).await;
        assert_eq!(answer.status(), 204, "{path}");
        let allow = answer.headers().get("allow").unwrap().to_str().unwrap();
        assert!(allow.ends_with(", OPTIONS"), "{path}: {allow}");
    }
    let asked = upstream.requests();
    let after_probes = lab.get("/api/circuit-breaker").await.body;
    assert_eq!(upstream.requests(), asked);
    assert_eq!(before["mode"], after_probes["mode"]);
    for kept in ["state", "mode", "epoch"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }
}

#[actix_web::test]
async fn many_who_look_at_the_replicas_plans_cost_the_replicas_little() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        thread::sleep(Duration::from_millis(50));
        peer.say(ok("{\"failure_rate\": 0}"));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let answers = futures::future::join_all((0..500).map(|_| lab.get(FAULTS))).await;
    assert!(answers.iter().all(|answer| answer.body["replicas"][0]["plan"]["failure_rate"] == 0));
    assert!(upstream.requests() <= 2, "{} for 500 callers", upstream.requests());
}

/// A backend that takes some time over each plan, and keeps what was begun and ended.
fn slow_to_change() -> (Server, Arc<Mutex<Vec<&'static str>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let upstream = Server::start(move |mut peer| {
        peer.request();
        kept.lock().unwrap().push("begins");
        thread::sleep(Duration::from_millis(20));
        kept.lock().unwrap().push("ends");
        peer.say(ok("{}"));
    });
    (upstream, seen)
}

#[actix_web::test]
async fn plans_reach_the_replicas_one_after_the_other_even_if_their_author_leaves() {
    let (upstream, seen) = slow_to_change();
    let lab = lab(config(&upstream.url(), &[])).await;
    let put = || lab.send(TestRequest::put().uri(FAULTS).set_payload("{}"));
    let mut leaving = Box::pin(put());
    while seen.lock().unwrap().is_empty() {
        assert!(futures::poll!(&mut leaving).is_pending());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(leaving);
    let answers = futures::future::join_all((0..5).map(|_| put())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let expected: Vec<_> = (0..6).flat_map(|_| ["begins", "ends"]).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[actix_web::test]
async fn a_plan_that_is_null_is_wrong_and_none_at_all_restores() {
    let upstream = Server::start(|mut peer| {
        let head = peer.request().unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        peer.say(ok(&format!("{{\"length\": {length}}}")));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    for (sent, length) in [("", 2), ("{}", 2), ("null", 4)] {
        let answer = lab.send(TestRequest::put().uri(FAULTS).set_payload(sent)).await;
        // The backend says what is wrong with a plan: it must get what was sent.
        assert_eq!(answer.body["replicas"][0]["plan"]["length"], length, "{sent:?}");
    }
}

/// What a backend could say to lead the client elsewhere.
fn leading_to(trap: &str, status: &str) -> String {
    http(
        status,
        &format!(
            "location: http://{trap}/x\r\ncontent-location: http://{trap}/x\r\n\
             refresh: 0; url=http://{trap}/x\r\nalt-svc: h2=\"{trap}\"\r\nlink: <http://{trap}/x>\r\n"
        ),
        "{}",
    )
}

#[actix_web::test]
async fn no_backend_leads_the_client_elsewhere() {
    let trap = Trap::set("127.0.0.1:0");
    for status in [
        "200 OK",
        "201 Created",
        "300 x",
        "301 x",
        "302 x",
        "303 x",
        "305 x",
        "307 x",
        "308 x",
        "401 x",
        "407 x",
    ] {
        let upstream = Server::answering(leading_to(&trap.address().to_string(), status));
        let lab = lab(config(&upstream.url(), &[("RETRY_MAX_ATTEMPTS", "1")])).await;
        for path in
            ["/api/call-backend", "/api/call-backend-without-resilience", "/api/test-retry", FAULTS]
        {
            lab.get(path).await;
        }
        lab.send(TestRequest::put().uri(FAULTS).set_payload("{}")).await;
        assert_eq!(upstream.requests(), 5, "{status}");
    }
    assert_eq!(trap.caught(), 0);
}

/// What a caller could say to lead the client elsewhere: the target, more headers, the body.
fn lures(trap: &str) -> Vec<(String, String, &'static str)> {
    let mut lures = Vec::new();
    for path in ["/api/call-backend", "/api/test-retry", FAULTS, "/api/events/history", "/health"] {
        for target in [
            path.to_owned(),
            format!("http://{trap}{path}"),
            format!("//{trap}{path}"),
            format!("/http://{trap}{path}"),
            format!("/\\{trap}{path}"),
            format!("{path}?url=http://{trap}/&backend={trap}&host={trap}&target=//{trap}"),
            format!("{path}#@{trap}"),
            format!("{path}@{trap}"),
            format!("{path}/../../{trap}"),
        ] {
            lures.push((format!("GET {target}"), String::new(), ""));
        }
        for header in [
            "x-forwarded-host: T",
            "x-forwarded-for: T\r\nx-forwarded-proto: http\r\nx-forwarded-server: T",
            "forwarded: for=T;host=T;proto=http",
            "x-original-url: http://T/\r\nx-rewrite-url: http://T/",
            "x-backend-url: http://T/\r\nbackend_url: http://T/",
            "referer: http://T/\r\norigin: http://T",
            "proxy: http://T/\r\nproxy-connection: keep-alive",
            "destination: http://T/\r\nvia: 1.1 T",
            "upgrade: websocket\r\nsec-websocket-key: x",
        ] {
            lures.push((format!("GET {path}"), header.replace('T', trap) + "\r\n", ""));
        }
    }
    lures.push((format!("CONNECT {trap}"), String::new(), ""));
    let plan = "{\"url\": \"http://T/\"}";
    lures.push((format!("PUT {FAULTS}"), String::new(), plan));
    lures.push((format!("PUT http://{trap}{FAULTS}"), String::new(), "{}"));
    lures.push(("POST /api/stress-test".to_owned(), String::new(), "{\"num_requests\": 1}"));
    lures.push(("POST /api/stress-test".to_owned(), String::new(), plan));
    lures.push((
        format!("POST http://{trap}/api/stress-test"),
        String::new(),
        "{\"num_requests\": 1}",
    ));
    lures
}

#[test]
fn no_caller_chooses_where_the_client_connects_to() {
    let (here, there) = (Trap::set("127.0.0.1:0"), Trap::set("127.0.0.2:0"));
    let backend = strangers::backend();
    let url = backend.url();
    let proxy = format!("http://{}", here.address());
    let variables = [
        ("BACKEND_URL", url.as_str()),
        // Only BACKEND_URL says where the backend is.
        ("HTTP_PROXY", &proxy),
        ("http_proxy", &proxy),
        ("ALL_PROXY", &proxy),
        ("RETRY_BASE_DELAY", "0.01"),
    ];
    let mut client = Process::start(command(CLIENT, &variables));
    let address = client.address();
    let lure = |trap: &str, (line, headers, body): &(String, String, &str)| {
        let request = Request::new(line).headers(headers).body(body.replace('T', trap));
        for host in ["client", trap] {
            let answer = ask_raw(address, request.clone().host(host));
            // Whatever it makes of it, it goes on.
            assert!(answer.starts_with("HTTP/1.1 ") || answer.is_empty(), "{line}: {answer:?}");
        }
    };
    for trap in [here.address(), there.address()] {
        let (trap, lure) = (&trap.to_string(), &lure);
        // Side by side: some of them it waits for until it gives them up.
        thread::scope(|scope| {
            for one in lures(trap) {
                scope.spawn(move || lure(trap, &one));
            }
        });
    }
    assert!(backend.requests() > 100, "{} requests reached the backend", backend.requests());
    assert_eq!((here.caught(), there.caught()), (0, 0));
    assert!(client.terminate().success());
    assert!(client.log().contains("client-service stopped"), "{}", client.log());
}

/// Everything that is told by anyone, at the level that tells most.
#[test]
fn no_secret_is_told_in_logs_metrics_events_or_answers() {
    for format in ["text", "json"] {
        let backend = strangers::backend();
        let url = backend.url();
        let variables = [
            ("BACKEND_URL", url.as_str()),
            ("ADMIN_TOKEN", SECRETS[0]),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", format),
            ("RETRY_BASE_DELAY", "0.01"),
            ("BREAKER_RESET_TIMEOUT", "0.2"),
        ];
        let mut client = Process::start(command(CLIENT, &variables));
        let ask = |line: &str, headers: &str, body: &str| {
            ask_raw(client.address(), Request::new(line).headers(headers).body(body))
        };
        let mut told = String::new();
        for secret in SECRETS {
            let bearer = format!("authorization: Bearer {secret}\r\n");
            let basic = format!("authorization: Basic {secret}\r\n");
            let twice = format!("{bearer}{basic}");
            for headers in [&bearer, &basic, &twice] {
                for line in [
                    "GET /health",
                    "GET /api/call-backend",
                    "GET /api/call-backend-without-resilience",
                    "GET /api/test-retry",
                    "GET /api/stats",
                    "GET /api/circuit-breaker",
                    "GET /api/backend/faults",
                    "GET /api/events/history?limit=1000",
                    "GET /api/events/history?limit=x",
                    "GET /metrics",
                    "GET /nothing",
                    "DELETE /health",
                    "POST /api/circuit-breaker/force-open",
                    "POST /api/circuit-breaker/disable",
                    "POST /api/circuit-breaker/enable",
                    "POST /api/circuit-breaker/reset",
                ] {
                    told += &ask(line, headers, "");
                }
                for body in ["{}", "not json", "{\"num_requests\": 0}", "{\"x\": 1}"] {
                    told += &ask("POST /api/stress-test", headers, body);
                    told += &ask("PUT /api/backend/faults", headers, body);
                }
                told += &strangers::events(&client, headers);
                // A head that cannot be read is an error of its own.
                told += &ask("GET /health", &format!("{headers}bad header\r\n"), "");
            }
        }
        let token = format!("authorization: bearer {}", SECRETS[0].to_lowercase());
        let passed_on = backend.heads().iter().any(|head| head.to_lowercase().contains(&token));
        assert!(passed_on, "the replicas were not asked with the token: nothing is proved");
        assert!(told.contains("HTTP/1.1 200") && told.contains("HTTP/1.1 401"), "{told}");
        assert!(told.contains("event: hello"), "{told}");
        assert!(client.terminate().success());
        let (log, out) = (client.log(), client.output());
        assert!(log.contains("ADMIN_TOKEN=(set)") && log.contains("TRACE"), "{log}");
        for secret in SECRETS {
            for (what, text) in [("the log", &log), ("stdout", &out), ("an answer", &told)] {
                let found =
                    text.lines().find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
                assert_eq!(found, None, "{secret} in {what}");
            }
        }
    }
}

#[test]
fn a_password_in_an_address_stops_the_start_and_is_not_told() {
    for variable in ["BACKEND_URL", "BACKEND_FAULTS_HOST"] {
        let scheme = if variable == "BACKEND_URL" { "http://" } else { "" };
        let value = format!("{scheme}admin:{}@backend:5000", SECRETS[0]);
        let ended = run_to_end(command(CLIENT, &[(variable, &value), ("RUST_LOG", "trace")]));
        assert_eq!(ended.status.code(), Some(2));
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(
            told.starts_with(&format!("{variable}=\"{scheme}(hidden)@backend:5000\"")),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn settings_do_not_show_their_secret_when_they_are_printed() {
    let config = config("http://127.0.0.1:1", &[("ADMIN_TOKEN", TOKEN)]);
    let shown: Value = json!([format!("{config:?}"), format!("{config:#?}"), config.summary]);
    assert!(!shown.to_string().contains(TOKEN), "{shown}");
}
