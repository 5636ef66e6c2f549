//! `breaker_probe` of an upstream: with its URL and its TLS.

use std::net::TcpListener;

use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    certificates::Authority,
    server::{Server, ok},
    until_async,
};

use crate::{fail, file, support::lab, with_file};

#[actix_web::test]
async fn an_upstream_with_tls_is_probed_while_its_circuit_is_open() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::on_with(listener, Some(identity.server()), |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let text = format!(
        r#"
        [upstreams.p]
        url = "https://127.0.0.1:{}"
        breaker_fail_max = 1
        breaker_probe = "/health"
        breaker_probe_interval = 0.01
        breaker_reset_timeout = 600
        tls = {{ ca_file = "{}" }}
        "#,
        server.address().port(),
        file("pem", &authority.pem()),
    );
    let lab = lab(with_file(&text, &[])).await;
    let p = lab.gateway.find("p").unwrap();
    fail(&p, 1).await;
    let half_open = async || p.breaker().state() == State::HalfOpen;
    until_async("the circuit is half-open", PATIENCE, half_open).await;
    assert!(server.heads().iter().all(|head| head.starts_with("GET /health ")));
    assert!(p.breaker().counts().probes.unwrap().success >= 2);
}
