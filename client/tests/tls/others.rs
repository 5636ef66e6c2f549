//! Probes and fault plans reach an `https` backend too.

use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    certificates::Authority,
    server::{http, ok},
    until_async,
};

use crate::{
    backend::{CALL, file, issued, serve, settings, url_of},
    support::lab,
};

#[actix_web::test]
async fn a_probe_closes_the_gap_of_an_open_circuit() {
    let (_, root, identity) = issued();
    let server = serve("127.0.0.1:0", identity.server(), |mut peer| {
        while let Some(head) = peer.request() {
            let is_probe = head.starts_with("GET /health ");
            peer.say(if is_probe { ok("{}") } else { http("500 Oops", "", "{}") });
        }
    });
    let variables = [
        ("BACKEND_CA_FILE", root.as_str()),
        ("BREAKER_PROBE", "/health"),
        ("BREAKER_PROBE_INTERVAL", "0.01"),
        ("BREAKER_FAIL_MAX", "1"),
        ("RETRY_MAX_ATTEMPTS", "1"),
    ];
    let lab = lab(settings(&server.url(), &variables)).await;
    assert_eq!(lab.get(CALL).await.status, 500);
    let half_open = async || lab.breaker.state() == State::HalfOpen;
    until_async("the circuit is half-open", PATIENCE, half_open).await;
}

#[actix_web::test]
async fn fault_plans_are_read_over_tls_from_the_addresses_of_the_replicas() {
    let (_, root, _) = issued();
    let authority = Authority::new();
    // The certificate has the name of the service and no address.
    let identity = authority.issue(&["localhost"]);
    let own_root = file(&authority.pem());
    let server = serve("127.0.0.1:0", identity.server(), |mut peer| {
        while let Some(head) = peer.request() {
            assert!(head.starts_with("GET /api/faults "), "{head}");
            peer.say(ok(r#"{"failure_rate":0.5}"#));
        }
    });
    let url = url_of(&server, "localhost");
    for (root, is_good) in [(&own_root, true), (&root, false)] {
        let variables = [("BACKEND_CA_FILE", root.as_str()), ("BACKEND_FAULTS_HOST", "127.0.0.1")];
        let answer = lab(settings(&url, &variables)).await.get("/api/backend/faults").await;
        assert_eq!(answer.text.contains("0.5"), is_good, "{answer:?}");
        assert_eq!(answer.text.contains("unknown issuer"), !is_good, "{answer:?}");
    }
}
