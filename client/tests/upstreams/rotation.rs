//! Other contents of the files to which the file refers.

use std::{fs, net::TcpListener};

use resilience_testing::{
    certificates::Authority,
    server::{Server, ok},
};

use crate::{
    file,
    support::{self, Lab},
};

async fn reload<S>(lab: &Lab<S>) {
    lab.reloader.lock().await.as_mut().unwrap().reload_if_changed().await;
}

#[actix_web::test]
async fn a_certificate_that_is_rotated_is_used_for_new_connections_and_the_circuit_stays() {
    let (old, new) = (Authority::new(), Authority::new());
    let root = file("pem", &old.pem());
    let identity = new.issue(&["127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::on_with(listener, Some(identity.server()), |mut peer| {
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let url = format!("https://127.0.0.1:{}", server.address().port());
    let settings = "retry_max_attempts = 1\nconnect_retries = 0\nbreaker_trial_lease = 30\n\
                    connect_timeout = 5\nattempt_timeout = 5";
    let text =
        format!("[upstreams.u]\nurl = \"{url}\"\n{settings}\ntls = {{ ca_file = \"{root}\" }}");
    let path = file("toml", &text);
    let lab = support::lab(support::config("http://127.0.0.1:9", &[("CONFIG", &path)])).await;
    assert_eq!(lab.get("/upstreams/u/").await.status, 502);
    let failures = || lab.gateway.find("u").unwrap().breaker().counts().failed;
    assert_eq!(failures(), 1);

    fs::write(&root, new.pem()).unwrap();
    reload(&lab).await;
    let answer = lab.get("/upstreams/u/").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(failures(), 1, "the counts stay");

    // A half-written file changes nothing.
    fs::write(&root, "-----BEGIN CERTIFICATE-----\n").unwrap();
    reload(&lab).await;
    assert!(lab.get("/api/upstreams").await.body["config"]["error"].is_string());
    assert_eq!(lab.get("/upstreams/u/").await.status, 200);
}

#[actix_web::test]
async fn a_secret_that_is_rotated_is_sent_with_the_next_request() {
    let server = Server::answering(ok("{}"));
    let secret = file("key", "first");
    let url = server.url();
    let text = format!(
        "[upstreams.u]\nurl = \"{url}\"\nheaders = {{ X-Key = {{ file = \"{secret}\" }} }}"
    );
    let path = file("toml", &text);
    let lab = support::lab(support::config("http://127.0.0.1:9", &[("CONFIG", &path)])).await;
    for key in ["first", "second"] {
        fs::write(&secret, key).unwrap();
        reload(&lab).await;
        assert_eq!(lab.get("/upstreams/u/").await.status, 200);
        let head = server.heads().pop().unwrap();
        assert!(head.contains(&format!("x-key: {key}\r\n")), "{head}");
    }
    assert_eq!(server.connections(), 1, "the connection is kept");
}
