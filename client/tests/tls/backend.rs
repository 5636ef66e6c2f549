//! A backend with TLS, its certificates, and calls to it.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use client_service::Config;
use resilience_testing::{
    Answer,
    certificates::{Authority, Identity},
    server::{Peer, Server, ok},
};
use tokio_rustls::rustls::ServerConfig;

use super::support::{config, lab};

pub(crate) const CALL: &str = "/api/call-backend";

/// Time for handshakes on a loaded machine.
const PATIENT: [(&str, &str); 3] =
    [("CONNECT_TIMEOUT", "5"), ("ATTEMPT_TIMEOUT", "5"), ("BREAKER_TRIAL_LEASE", "5")];

/// Settings of a client of this backend. A setting in `variables` replaces a default.
pub(crate) fn settings(url: &str, variables: &[(&str, &str)]) -> Config {
    config(url, &[variables, &PATIENT].concat())
}

/// Writes a file that only this test reads.
pub(crate) fn file(contents: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("tls-{}-{}.pem", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Plays a script on each connection with TLS.
pub(crate) fn serve(
    address: &str,
    tls: Arc<ServerConfig>,
    script: impl Fn(Peer) + Send + Sync + 'static,
) -> Server {
    Server::on_with(TcpListener::bind(address).unwrap(), Some(tls), script)
}

/// Answers each request with the name that the client has asked for in the handshake.
pub(crate) fn answering(tls: Arc<ServerConfig>) -> Server {
    serve("127.0.0.1:0", tls, answer_all)
}

pub(crate) fn answer_all(mut peer: Peer) {
    while peer.request().is_some() {
        let name = peer.server_name().unwrap_or("none").to_owned();
        peer.say(ok(&format!(r#"{{"sni":"{name}"}}"#)));
    }
}

/// An authority, its root in a file, and a certificate for `localhost` and the addresses of this machine.
pub(crate) fn issued() -> (Authority, String, Identity) {
    let authority = Authority::new();
    let (root, names) = (file(&authority.pem()), ["localhost", "127.0.0.1", "::1"]);
    let identity = authority.issue(&names);
    (authority, root, identity)
}

/// One call, and the outcome of its last attempt.
pub(crate) async fn call(url: &str, variables: &[(&str, &str)]) -> (Answer, String) {
    let lab = lab(settings(url, variables)).await;
    let answer = lab.get(CALL).await;
    let history = lab.get("/api/events/history?type=call&limit=1").await;
    let outcome = history.body["events"][0]["attempts"][0]["outcome"].clone();
    (answer, outcome.as_str().unwrap().to_owned())
}

/// The call fails without having reached the backend, for this reason.
#[track_caller]
pub(crate) fn assert_unreachable((answer, outcome): (Answer, String), says: &str) {
    assert_eq!((answer.status, outcome.as_str()), (502, "unreachable"), "{answer:?}");
    assert!(answer.text.contains(says), "{says:?} is not in {}", answer.text);
}

/// The URL of a server, with another host.
pub(crate) fn url_of(server: &Server, host: &str) -> String {
    format!("https://{host}:{}", server.address().port())
}
