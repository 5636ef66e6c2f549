//! Connections with TLS are kept, closed and counted like those without.

use std::time::{Duration, Instant};

use resilience_testing::{
    PATIENCE,
    server::{Peer, Server, ok},
    until_async,
};

use crate::{
    backend::{CALL, answering, assert_unreachable, call, issued, serve, settings, url_of},
    support::lab,
};

#[actix_web::test]
async fn a_second_call_makes_no_second_handshake() {
    let (_, root, identity) = issued();
    let server = answering(identity.server());
    let lab = lab(settings(&server.url(), &[("BACKEND_CA_FILE", &root)])).await;
    for _ in 0..3 {
        assert_eq!(lab.get(CALL).await.status, 200);
    }
    assert_eq!((server.connections(), server.requests()), (1, 3));
}

#[actix_web::test]
async fn a_connection_that_is_too_old_or_too_long_idle_is_not_used_again() {
    let (_, root, identity) = issued();
    for setting in ["POOL_MAX_AGE", "POOL_IDLE_TIMEOUT"] {
        let server = answering(identity.server());
        let variables = [("BACKEND_CA_FILE", root.as_str()), (setting, "0.001")];
        let lab = lab(settings(&server.url(), &variables)).await;
        for _ in 0..2 {
            assert_eq!(lab.get(CALL).await.status, 200);
            let used = Instant::now();
            while used.elapsed() < Duration::from_millis(2) {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((server.connections(), server.requests()), (2, 2), "{setting}");
    }
}

#[actix_web::test]
async fn a_handshake_without_an_answer_ends_at_the_connect_timeout() {
    let silent = Server::start(Peer::hold);
    let began = Instant::now();
    let variables =
        [("CONNECT_TIMEOUT", "0.2"), ("RETRY_MAX_ATTEMPTS", "1"), ("CONNECT_RETRIES", "0")];
    let called = call(&url_of(&silent, "127.0.0.1"), &variables).await;
    assert_unreachable(called, "no TLS handshake within 0.2s");
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(silent.connections(), 1);
    until_async("the connection is closed", PATIENCE, async || silent.open() == 0).await;
}

#[actix_web::test]
async fn a_timeout_closes_the_idle_connections() {
    let (_, root, identity) = issued();
    let server = serve("127.0.0.1:0", identity.server(), |mut peer| {
        while peer.request().is_some() {
            if peer.number() == 3 {
                return peer.hold();
            }
            peer.say(ok("{}"));
        }
    });
    let variables = [
        ("BACKEND_CA_FILE", root.as_str()),
        ("RETRY_MAX_ATTEMPTS", "1"),
        ("CONNECT_TIMEOUT", "1"),
        ("ATTEMPT_TIMEOUT", "1"),
    ];
    let lab = lab(settings(&server.url(), &variables)).await;
    // Two calls at a time leave two idle connections, and three make the third.
    let two = futures::join!(lab.get(CALL), lab.get(CALL));
    assert_eq!((two.0.status, two.1.status, server.open()), (200, 200, 2));
    let three = futures::join!(lab.get(CALL), lab.get(CALL), lab.get(CALL));
    assert_eq!(three.2.status, 504, "{three:?}");
    until_async("no connection is open", PATIENCE, async || server.open() == 0).await;
}
