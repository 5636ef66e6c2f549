//! The addresses that the client connects to: neither a caller nor the backend chooses them.

use std::{fs, path::PathBuf, thread};

use actix_web::test::TestRequest;
use resilience_testing::{
    http::{Request, ask_raw},
    process::{Process, command},
    server::{Server, Trap, http, ok},
};

use crate::{
    CLIENT, FAULTS, alternating_backend,
    support::{config, lab},
};

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
async fn a_backend_cannot_redirect_the_client_to_another_host() {
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
type Lure = (String, String, &'static str);

/// Lures with each of these paths, and a request to connect.
fn lures_at(paths: &[&str], trap: &str) -> Vec<Lure> {
    let mut lures = vec![(format!("CONNECT {trap}"), String::new(), "")];
    for path in paths {
        for target in [
            (*path).to_owned(),
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
            "x-backend-url: http://T/\r\nupstream_url: http://T/",
            "referer: http://T/\r\norigin: http://T",
            "proxy: http://T/\r\nproxy-connection: keep-alive",
            "destination: http://T/\r\nvia: 1.1 T",
            "upgrade: websocket\r\nsec-websocket-key: x",
        ] {
            lures.push((format!("GET {path}"), header.replace('T', trap) + "\r\n", ""));
        }
    }
    lures
}

fn lures_of_the_lab(trap: &str) -> Vec<Lure> {
    let paths = ["/api/call-backend", "/api/test-retry", FAULTS, "/api/events/history", "/health"];
    let mut lures = lures_at(&paths, trap);
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

fn lures_of_the_gateway(trap: &str) -> Vec<Lure> {
    let mut lures = lures_at(&["/upstreams/u", "/upstreams/u/", "/upstreams/u/x"], trap);
    for path in [
        "u//T",
        "u/@T",
        "u@T/",
        "u:x@T/",
        "u/http://T/",
        "u/x:/T",
        "/T/",
        "T/",
        "//u@T/",
        "http://T/",
        "u/%2f%2fT",
        "u/\\T",
        "u/..//T",
        "u/%2e%2e//T",
        "u?@T/",
        "u/?//T",
        "u/%0d%0aHost:%20T",
    ] {
        for method in ["GET", "PUT"] {
            let target = path.replace('T', trap);
            lures.push((format!("{method} /upstreams/{target}"), String::new(), "{}"));
        }
    }
    lures
}

/// Tries each lure to two traps, on a client with these variables. The client must go on, and connect to no trap.
fn must_not_follow(lures: fn(&str) -> Vec<Lure>, variables: &[(&str, &str)]) {
    let (here, there) = (Trap::set("127.0.0.1:0"), Trap::set("127.0.0.2:0"));
    let proxy = format!("http://{}", here.address());
    // Only the settings say where an upstream is.
    let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, proxy.as_str()));
    let mut client = Process::start(command(CLIENT, &[variables, &proxies].concat()));
    let address = client.address();
    let lure = |trap: &str, (line, headers, body): &Lure| {
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
    assert_eq!((here.caught(), there.caught()), (0, 0));
    assert!(client.terminate().success());
    assert!(client.log().contains("client-service stopped"), "{}", client.log());
}

#[test]
fn a_caller_cannot_choose_the_host_that_the_client_connects_to() {
    let backend = alternating_backend();
    let url = backend.url();
    let variables = [("BACKEND_URL", url.as_str()), ("RETRY_BASE_DELAY", "0.01")];
    must_not_follow(lures_of_the_lab, &variables);
    assert!(backend.requests() > 100, "{} requests reached the backend", backend.requests());
}

#[test]
fn a_caller_cannot_choose_the_host_that_the_gateway_connects_to() {
    let upstream = Server::answering(ok("{}"));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("destinations.toml");
    fs::write(&path, format!("[upstreams.u]\nurl = \"{}\"\n", upstream.url())).unwrap();
    must_not_follow(lures_of_the_gateway, &[("CONFIG", path.to_str().unwrap())]);
    assert!(upstream.requests() > 100, "{} requests reached the upstream", upstream.requests());
    let host = format!("\r\nhost: {}\r\n", upstream.address());
    for head in upstream.heads() {
        let head = head.to_lowercase();
        let target = head.split(' ').nth(1).unwrap();
        let hosts = head.matches("\r\nhost:").count();
        assert!(target.starts_with('/') && hosts == 1 && head.contains(&host), "{head}");
    }
}
