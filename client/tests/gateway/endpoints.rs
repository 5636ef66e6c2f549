//! Three endpoints, one of which is sick: it is ejected and returns, and no call is lost.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use resilience_testing::{
    PATIENCE,
    http::Request,
    process::Process,
    server::{Peer, Server, http, ok},
    until,
};
use socket2::{Domain, Socket, Type};

use super::gateway::gateway_of;

/// One failure that no retry repairs opens the circuit.
const STRICT: &str = "breaker_fail_max = 1\nattempt_timeout = 0.3\nconnect_timeout = 0.2\n";

/// A long ejection after few failures.
const LONG: &str = "eject_consecutive_failures = 3\neject_base_time = 60";

/// A short one.
const SHORT: &str = "eject_consecutive_failures = 3\neject_base_time = 0.3";

/// A gateway in front of a sick endpoint and two others.
fn gateway(sick: String, settings: &str) -> Process {
    let well = [(); 2].map(|()| Server::answering(ok("{}")).url());
    gateway_of(&[&[sick][..], &well].concat(), &format!("{STRICT}{settings}"))
}

fn ejected(gateway: &Process) -> u64 {
    gateway.metric(r#"client_endpoints{name="u",state="ejected"}"#)
}

/// Makes calls, none of which may be lost, until as many endpoints as said are ejected.
#[track_caller]
fn call_until_ejected(gateway: &Process, count: u64) {
    until("that many are ejected", PATIENCE, || {
        let answer = gateway.get("/upstreams/u/");
        assert_eq!((answer.status, answer.header("x-resilience-state")), (200, Some("closed")));
        ejected(gateway) == count
    });
}

/// An endpoint that is sick in its own way, unless it is told to be well.
fn sick(way: impl Fn(Peer) + Send + Sync + 'static) -> (Server, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let server = Server::start(move |mut peer| {
        while peer.request().is_some() {
            if !is_well.load(Ordering::SeqCst) {
                return way(peer);
            }
            peer.say(ok("{}"));
        }
    });
    (server, well)
}

#[test]
fn an_endpoint_that_answers_500_is_ejected_and_no_call_is_lost() {
    let (sick, _) = sick(|mut peer| peer.say(http("500 Internal Server Error", "", "")));
    let gateway = gateway(sick.url(), LONG);
    call_until_ejected(&gateway, 1);
    assert_eq!(sick.requests(), 3, "failures in a row");
    for _ in 0..20 {
        let answer = gateway.get("/upstreams/u/");
        assert_eq!((answer.status, answer.header("x-resilience-attempts")), (200, Some("1")));
    }
    assert_eq!(sick.requests(), 3);
    let line = gateway.wait_for_log("ejected");
    let expected =
        format!("upstream u: endpoint {} ejected for 60.000s: 3 failures", sick.address());
    assert!(line.contains(&expected), "{line}");
    assert_eq!(gateway.metric(r#"client_endpoint_ejections_total{name="u"}"#), 1);
    assert_eq!(gateway.metric(r#"client_endpoints{name="u",state="available"}"#), 2);
    for (path, upstream) in [("/api/upstreams", "/upstreams/1"), ("/api/upstreams/u", "")] {
        let body = gateway.get(path).body;
        let endpoint = body.pointer(&format!("{upstream}/endpoints/0")).unwrap();
        assert_eq!(endpoint["address"], sick.address().to_string());
        assert_eq!((&endpoint["ejected"], &endpoint["in_flight"]), (&true.into(), &0.into()));
        let left = endpoint["ejected_for_seconds"].as_f64().unwrap();
        assert!((50.0..60.0).contains(&left), "{left}");
    }
}

#[test]
fn an_endpoint_that_hangs_is_ejected() {
    let (sick, _) = sick(Peer::hold);
    let gateway = gateway(sick.url(), LONG);
    // A single caller would rarely choose it again, because of its latency.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| call_until_ejected(&gateway, 1));
        }
    });
}

#[test]
fn an_endpoint_that_refuses_connections_is_ejected_and_returns() {
    // It refuses connections until it listens, and no other server gets its port meanwhile.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let gateway = gateway(format!("http://{address}"), SHORT);
    call_until_ejected(&gateway, 1);
    socket.listen(128).unwrap();
    let sick = Server::on(socket.into(), |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    call_until_ejected(&gateway, 0);
    until("it gets calls", PATIENCE, || {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        sick.requests() > 0
    });
    gateway.wait_for_log(&format!("upstream u: endpoint {address} returns"));
}

#[test]
fn an_endpoint_that_returns_sick_is_ejected_at_its_first_failure() {
    let (sick, well) = sick(|mut peer| peer.say(http("503 Service Unavailable", "", "")));
    let gateway = gateway(sick.url(), SHORT);
    call_until_ejected(&gateway, 1);
    let before = sick.requests();
    gateway.wait_for_log("ejected for 0.300s");
    until("it is ejected again", PATIENCE, || {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        gateway.logged("ejected for 0.600s: 3 failures in a row") == 1
    });
    assert_eq!(sick.requests(), before + 1);
    well.store(true, Ordering::SeqCst);
    call_until_ejected(&gateway, 0);
}

#[test]
fn an_endpoint_that_cuts_its_answers_off_is_ejected() {
    let (sick, _) =
        sick(|mut peer| peer.say("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\npart"));
    let well = Server::answering(ok("{}"));
    let gateway =
        gateway_of(&[sick.url(), well.url()], &format!("breaker_fail_max = 1000\n{LONG}"));
    until("it is ejected", PATIENCE, || {
        let mut caller = gateway.connect();
        caller.send(Request::new("GET /upstreams/u/").close());
        let _ = caller.rest_or_part();
        ejected(&gateway) == 1
    });
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
}

#[test]
fn if_all_fail_no_more_than_the_share_is_ejected() {
    let servers = [(); 2].map(|()| Server::answering(http("500 Internal Server Error", "", "no")));
    let urls = servers.each_ref().map(Server::url);
    let settings =
        "breaker_fail_max = 1000\neject_consecutive_failures = 1\nretry_max_attempts = 1";
    let gateway = gateway_of(&urls, settings);
    for _ in 0..10 {
        assert_eq!(gateway.get("/upstreams/u/").text, "no");
    }
    assert_eq!(ejected(&gateway), 1);
    let mut requests = servers.each_ref().map(Server::requests);
    requests.sort_unstable();
    assert_eq!(requests, [1, 9]);
}
