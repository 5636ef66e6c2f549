//! The connections to upstreams, and the version of HTTP on them.

use std::{
    net::TcpListener,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use resilience_testing::{
    PATIENCE,
    certificates::{Authority, VERSIONS},
    http::Request,
    process::Process,
    server::{Server, http, ok},
    until,
};

use super::gateway::{file, gateway, gateway_of, gateway_with};

/// Makes so many concurrent calls, all of which must succeed with their first attempt.
fn call(gateway: &Process, count: usize) {
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let answer = gateway.get("/upstreams/u/");
                let attempts = answer.header("x-resilience-attempts");
                assert_eq!((answer.status, attempts), (200, Some("1")), "{answer:?}");
            });
        }
    });
}

#[test]
fn each_concurrent_call_has_its_own_connection_and_none_waits() {
    // awc's pool has 100 places by default.
    let all_calls = Barrier::new(150);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        all_calls.wait();
        peer.say(ok("{}"));
    });
    let settings = "attempt_timeout = 20\nbreaker_trial_lease = 20";
    let one_worker = [("WORKERS", "1")];
    let gateway = gateway_with(&upstream.url(), settings, &one_worker);
    call(&gateway, 150);
    assert_eq!(upstream.connections(), 150);
}

#[test]
fn a_connection_to_one_endpoint_is_never_used_for_another() {
    // awc's pool is keyed by the URI, which is the same for all endpoints.
    let is_sick = Arc::new(AtomicBool::new(false));
    let sick = Server::start({
        let is_sick = Arc::clone(&is_sick);
        move |mut peer| {
            while peer.request().is_some() {
                let status = if is_sick.load(Ordering::SeqCst) { "500 Oops" } else { "200 OK" };
                peer.say(http(status, "", ""));
            }
        }
    });
    let well = Server::answering(ok("{}"));
    let settings = "eject_consecutive_failures = 1\neject_base_time = 60\npool_idle_timeout = 60";
    let gateway = gateway_of(&[sick.url(), well.url()], settings);
    until("both have connections", PATIENCE, || {
        call(&gateway, 10);
        sick.open() > 0 && well.open() > 0
    });
    is_sick.store(true, Ordering::SeqCst);
    until("one is ejected", PATIENCE, || {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        gateway.metric(r#"client_endpoints{name="u",state="ejected"}"#) == 1
    });
    let (kept, before) = (sick.open(), sick.requests());
    for _ in 0..5 {
        call(&gateway, 10);
    }
    assert_eq!((sick.open(), sick.requests()), (kept, before));
    assert!(kept > 0, "the connections of the ejected endpoint are kept, and not used");
}

/// An upstream whose first connection ends with the second request, by a reset or by its regular end.
fn ends_at_the_second_request(is_reset: bool) -> Server {
    Server::start(move |mut peer| {
        let is_first = peer.number() == 1;
        for number in 1.. {
            match peer.request() {
                Some(_) if is_first && number == 2 && is_reset => return peer.reset(),
                Some(_) if is_first && number == 2 => return,
                Some(_) => peer.say(ok("{}")),
                None => return,
            }
        }
    })
}

#[test]
fn a_kept_connection_that_ends_or_is_reset_costs_no_attempt() {
    for is_reset in [false, true] {
        let upstream = ends_at_the_second_request(is_reset);
        let gateway = gateway_with(&upstream.url(), "", &[("WORKERS", "1")]);
        for _ in 0..2 {
            call(&gateway, 1);
        }
        assert_eq!((upstream.connections(), upstream.requests()), (2, 3), "reset: {is_reset}");
    }
}

#[test]
fn a_request_that_may_have_arrived_is_not_repeated_if_its_connection_ends_or_is_reset() {
    for (is_reset, says) in [(false, "closed before a byte"), (true, "connection reset")] {
        let upstream = ends_at_the_second_request(is_reset);
        let gateway = gateway_with(&upstream.url(), "", &[("WORKERS", "1")]);
        call(&gateway, 1);
        let post = gateway.ask(Request::new("POST /upstreams/u/").body("once"));
        post.assert_error(502, "Bad Gateway", says);
        assert_eq!(post.header("x-resilience-attempts"), Some("1"));
        assert_eq!((upstream.connections(), upstream.requests()), (1, 2), "reset: {is_reset}");
    }
}

#[test]
fn no_request_uses_a_connection_that_has_ended_while_it_was_idle() {
    for is_reset in [false, true] {
        let upstream = Server::start(move |mut peer| {
            peer.request();
            peer.say(ok("{}"));
            if is_reset {
                peer.reset();
            }
        });
        let gateway = gateway_with(&upstream.url(), "", &[("WORKERS", "1")]);
        for calls in 1..10 {
            let post = gateway.ask(Request::new("POST /upstreams/u/").body("once"));
            assert_eq!(post.status, 200, "{post:?}");
            until("it has ended", PATIENCE, || upstream.open() == 0);
            assert_eq!((upstream.connections(), upstream.requests()), (calls, calls));
        }
    }
}

#[test]
fn a_connection_in_use_is_replaced_at_pool_max_age() {
    let upstream = Server::answering(ok("{}"));
    let settings = "pool_max_age = 0.5\npool_idle_timeout = 60";
    let gateway = gateway_with(&upstream.url(), settings, &[("WORKERS", "1")]);
    until("there is a second connection", PATIENCE, || {
        call(&gateway, 1);
        upstream.connections() > 1
    });
    assert!(upstream.requests() > 2, "no connection was used again");
    until("the first connection ends", PATIENCE, || upstream.open() < 2);
}

#[test]
fn the_certificate_of_the_tls_table_is_shown_to_the_upstream() {
    let authority = Authority::new();
    let (identity, own) = (authority.issue(&["127.0.0.1"]), authority.issue(&["client.test"]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = identity.server_of(VERSIONS, Some(&authority));
    let upstream = Server::on_with(listener, Some(tls), |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let ca = format!("[upstreams.u.tls]\nca_file = {:?}\n", file("pem", &authority.pem()));
    let refused = gateway(&upstream.url(), &ca).get("/upstreams/u/");
    refused.assert_error(502, "Bad Gateway", "the server requires a client certificate");
    let (certificate, key) = (file("pem", &own.pem), file("key", &own.key_pem));
    let shown = format!("client_certificate_file = {certificate:?}\nclient_key_file = {key:?}");
    call(&gateway(&upstream.url(), &(ca + &shown)), 1);
}

#[test]
fn an_upstream_that_offers_http_2_gets_http_1_1() {
    let protocols = Arc::new(Mutex::new(Vec::new()));
    let authority = Authority::new();
    let (ca, identity) = (file("pem", &authority.pem()), authority.issue(&["127.0.0.1"]));
    let told = Arc::clone(&protocols);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // It would choose HTTP/2.
    let upstream = Server::on_with(listener, Some(identity.server()), move |mut peer| {
        while peer.request().is_some() {
            told.lock().unwrap().push(peer.protocol().map(<[u8]>::to_vec));
            peer.say(ok("{}"));
        }
    });
    let gateway = gateway(&upstream.url(), &format!("tls = {{ ca_file = {ca:?} }}"));
    call(&gateway, 1);
    assert_eq!(*protocols.lock().unwrap(), [Some(b"http/1.1".to_vec())]);
    assert!(upstream.heads()[0].starts_with("GET / HTTP/1.1\r\n"), "{:?}", upstream.heads());
}

#[test]
fn an_upstream_that_speaks_http_2_alone_is_not_reached() {
    let authority = Authority::new();
    let mut tls = (*authority.issue(&["127.0.0.1"]).server()).clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Server::on_with(listener, Some(Arc::new(tls)), |mut peer| {
        assert_eq!(peer.request(), None, "no request is sent");
    });
    let ca = file("pem", &authority.pem());
    let gateway = gateway(&upstream.url(), &format!("tls = {{ ca_file = {ca:?} }}"));
    gateway.get("/upstreams/u/").assert_error(502, "Bad Gateway", "not support HTTP/1.1");
}

#[test]
fn http_2_is_not_spoken_without_tls_in_either_direction() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    call(&gateway, 1);
    let head = upstream.heads().remove(0).to_lowercase();
    assert!(head.starts_with("get / http/1.1\r\n"), "{head}");
    assert!(!head.contains("upgrade") && !head.contains("http2"), "{head}");

    let offered =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n";
    let refused = gateway.ask(Request::new("GET /upstreams/u/").headers(offered));
    refused.assert_error(501, "Not Implemented", "h2c");
    let mut caller = gateway.connect();
    caller.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let answer = caller.rest_or_part();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(upstream.requests(), 1);
}
