//! What the endpoints of an upstream get, and how long they are in use.

use std::{
    collections::HashSet,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use resilience_testing::{
    PATIENCE,
    certificates::Authority,
    process::Process,
    server::{Gate, Peer, Server, http, ok},
    until,
};

use super::gateway::{file, gateway, gateway_of};

fn in_flight(gateway: &Process) -> u64 {
    let endpoints = gateway.get("/api/upstreams/u").body["endpoints"].clone();
    endpoints.as_array().unwrap().iter().map(|one| one["in_flight"].as_u64().unwrap()).sum()
}

#[test]
fn a_retry_goes_to_another_endpoint() {
    let servers = [(); 3].map(|()| Server::answering(http("500 Internal Server Error", "", "")));
    let urls = servers.each_ref().map(Server::url);
    let settings = "retry_max_attempts = 3\nbreaker_fail_max = 1000\neject_max_share = 0";
    let gateway = gateway_of(&urls, settings);
    for calls in 1..10 {
        assert_eq!(gateway.get("/upstreams/u/").status, 500);
        assert_eq!(servers.each_ref().map(Server::requests), [calls; 3]);
    }
}

#[test]
fn a_hedge_goes_to_another_endpoint() {
    let hangs = Server::start(|mut peer| {
        peer.request();
        peer.hold();
    });
    let well = Server::answering(ok("{}"));
    let settings = "hedge_after = 0.05\nattempt_timeout = 5\nretry_max_attempts = 1";
    let gateway = gateway_of(&[hangs.url(), well.url()], settings);
    until("the one that hangs is tried", PATIENCE, || {
        let began = Instant::now();
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        assert!(began.elapsed() < Duration::from_secs(4), "the hedge hangs too");
        hangs.requests() > 0
    });
}

#[test]
fn all_endpoints_get_calls_with_the_host_of_the_first_url() {
    let servers = [(); 3].map(|()| Server::answering(ok("{}")));
    let gateway = gateway_of(&servers.each_ref().map(Server::url), "");
    until("each has a call", PATIENCE, || {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        servers.iter().all(|server| server.requests() > 0)
    });
    let host = format!("host: {}\r\n", servers[0].address());
    for server in &servers {
        assert!(server.heads()[0].contains(&host), "{:?}", server.heads());
    }
}

#[test]
fn each_address_of_a_name_is_an_endpoint() {
    let upstream = Server::answering(ok("{}"));
    let port = upstream.address().port();
    let settings = "endpoints = \"all\"\nconnect_timeout = 0.5";
    let gateway = gateway(&format!("http://localhost:{port}"), settings);
    // It can also resolve to ::1, which refuses connections.
    let address = format!("127.0.0.1:{port}");
    until("the name is resolved", PATIENCE, || {
        let endpoints = gateway.get("/api/upstreams/u").body["endpoints"].clone();
        endpoints.as_array().unwrap().iter().any(|one| one["address"] == address.as_str())
    });
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
    assert!(upstream.heads()[0].contains(&format!("host: localhost:{port}\r\n")));
}

#[test]
fn all_endpoints_have_the_server_name_of_the_first_url() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let names = Arc::new(Mutex::new(HashSet::new()));
    let servers = [(); 2].map(|()| {
        let (listener, names) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::clone(&names));
        Server::on_with(listener, Some(identity.server()), move |mut peer| {
            while peer.request().is_some() {
                names.lock().unwrap().insert(peer.server_name().map(str::to_owned));
                peer.say(ok("{}"));
            }
        })
    });
    let [first, second] = servers.each_ref().map(|server| server.address().port());
    let urls = [format!("https://localhost:{first}"), format!("https://127.0.0.1:{second}")];
    let ca = file("pem", &authority.pem());
    let gateway = gateway_of(&urls, &format!("tls = {{ ca_file = {ca:?} }}"));
    until("each has a call", PATIENCE, || {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        servers.iter().all(|server| server.requests() > 0)
    });
    assert_eq!(*names.lock().unwrap(), HashSet::from([Some("localhost".to_owned())]));
}

#[test]
fn an_endpoint_is_in_use_until_the_end_of_the_answer_s_body() {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    let script = move |mut peer: Peer| {
        while peer.request().is_some() {
            peer.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab");
            passing.pass();
            peer.say("cd");
        }
    };
    let servers = [Server::start(script.clone()), Server::start(script)];
    let gateway = gateway_of(&servers.each_ref().map(Server::url), "");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    until("the head has come", PATIENCE, || in_flight(&gateway) == 1);
    caller.lines_until("content-length: 4");
    assert_eq!(in_flight(&gateway), 1);
    gate.set(true);
    caller.lines_until("abcd");
    until("the body has ended", PATIENCE, || in_flight(&gateway) == 0);
}

#[test]
fn a_call_that_waits_for_its_retry_uses_no_endpoint() {
    let later = http("503 Service Unavailable", "Retry-After: 20\r\n", "no");
    let servers = [(); 2].map(|()| Server::answering(later.clone()));
    let gateway = gateway_of(&servers.each_ref().map(Server::url), "");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    until("the call waits", PATIENCE, || gateway.metric("client_calls_waiting") == 1);
    assert_eq!(in_flight(&gateway), 0);
}

#[test]
fn an_upstream_with_one_endpoint_shows_none() {
    let gateway = gateway("http://127.0.0.1:1", "");
    assert_eq!(gateway.get("/api/upstreams/u").body.get("endpoints"), None);
}

#[test]
fn idle_connections_are_closed_after_their_time() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "pool_idle_timeout = 0.5");
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
    assert_eq!(upstream.open(), 1);
    until("the connection is closed", PATIENCE, || upstream.open() == 0);
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
}
