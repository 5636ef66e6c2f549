//! Which certificates are accepted, and what is said of the others.

use std::sync::Arc;

use resilience_testing::{
    certificates::{Authority, VERSIONS},
    server::{Act, Server},
};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::backend::{
    answer_all, answering, assert_unreachable, call, file, issued, serve, url_of,
};

#[actix_web::test]
async fn a_certificate_of_the_ca_file_is_accepted_and_the_host_is_the_server_name() {
    let (_, root, identity) = issued();
    let server = answering(identity.server());
    let (answer, outcome) =
        call(&url_of(&server, "localhost"), &[("BACKEND_CA_FILE", &root)]).await;
    assert_eq!((answer.status, outcome.as_str()), (200, "success"), "{answer:?}");
    assert_eq!(answer.body["backend_response"]["sni"], "localhost");
    let (head, port) = (&server.heads()[0], server.address().port());
    assert!(head.contains(&format!("host: localhost:{port}\r\n")), "{head}");
}

#[actix_web::test]
async fn a_literal_address_of_either_family_is_checked_and_is_no_server_name() {
    let (_, root, identity) = issued();
    for host in ["127.0.0.1", "[::1]"] {
        let server = serve(&format!("{host}:0"), identity.server(), answer_all);
        let (answer, _) = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["backend_response"]["sni"], "none");
    }
    let authority = Authority::new();
    let server = answering(authority.issue(&["127.0.0.2"]).server());
    let root = file(&authority.pem());
    let refused = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
    assert_unreachable(refused, "TLS: the server's certificate is not for 127.0.0.1");
}

#[actix_web::test]
async fn a_certificate_for_another_name_is_refused_unless_that_name_is_set() {
    let authority = Authority::new();
    let root = file(&authority.pem());
    let server = answering(authority.issue(&["other.test"]).server());
    let url = url_of(&server, "localhost");
    let refused = call(&url, &[("BACKEND_CA_FILE", &root)]).await;
    assert_unreachable(refused, "TLS: the server's certificate is not for localhost");
    let named = [("BACKEND_CA_FILE", root.as_str()), ("BACKEND_SERVER_NAME", "other.test")];
    let (answer, _) = call(&url, &named).await;
    assert_eq!(answer.body["backend_response"]["sni"], "other.test", "{answer:?}");
}

#[actix_web::test]
async fn an_unknown_issuer_and_an_expired_certificate_are_named() {
    let (authority, root, identity) = issued();
    let server = answering(identity.server());
    let other_root = file(&Authority::new().pem());
    for variables in [&[][..], &[("BACKEND_CA_FILE", other_root.as_str())]] {
        let refused = call(&server.url(), variables).await;
        assert_unreachable(refused, "TLS: the server's certificate has an unknown issuer");
    }
    let expired = answering(authority.issue_until(&["127.0.0.1"], 2020).server());
    let refused = call(&expired.url(), &[("BACKEND_CA_FILE", &root)]).await;
    assert_unreachable(refused, "TLS: the server's certificate has expired");
}

#[actix_web::test]
async fn both_versions_of_tls_are_spoken_and_a_server_without_them_is_named() {
    let (_, root, identity) = issued();
    for version in [&TLS12, &TLS13] {
        let server = answering(identity.server_of(&[version], None));
        let (answer, _) = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
        assert_eq!(answer.status, 200, "{version:?}: {answer:?}");
    }
    // A fatal alert, protocol_version, as a server of TLS 1.1 sends it.
    let old = talking(b"\x15\x03\x02\x00\x02\x02\x46");
    let refused = call(&url_of(&old, "127.0.0.1"), &[]).await;
    assert_unreachable(refused, "TLS: the server supports no version of TLS that this client does");
    let plain = talking(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let refused = call(&url_of(&plain, "127.0.0.1"), &[]).await;
    assert_unreachable(refused, "TLS: the server's bytes are not TLS");
    let closing = Server::start(|peer| {
        peer.play(&[Act::Await, Act::Close]);
    });
    let refused = call(&url_of(&closing, "127.0.0.1"), &[]).await;
    assert_unreachable(refused, "connection closed in the TLS handshake");
}

#[actix_web::test]
async fn a_server_without_http_1_1_is_named() {
    let (_, root, identity) = issued();
    let mut tls = (*identity.server()).clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let server = answering(Arc::new(tls));
    let refused = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
    assert_unreachable(refused, "TLS: the server does not support HTTP/1.1");
}

/// A server without TLS that answers the first bytes with these.
fn talking(bytes: &'static [u8]) -> Server {
    Server::start(move |peer| {
        peer.play(&[Act::Await, Act::Say(bytes.to_vec()), Act::Hold]);
    })
}

#[actix_web::test]
async fn a_server_that_asks_for_a_certificate_accepts_the_client_s_and_no_other() {
    let (authority, root, identity) = issued();
    let own = authority.issue(&["client.test"]);
    let stranger = Authority::new().issue(&["client.test"]);
    let server = answering(identity.server_of(VERSIONS, Some(&authority)));
    let refused = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
    assert_unreachable(refused, "TLS: the server requires a client certificate");
    for (identity, is_good) in [(own, true), (stranger, false)] {
        let (certificate, key) = (file(&identity.pem), file(&identity.key_pem));
        let variables = [
            ("BACKEND_CA_FILE", root.as_str()),
            ("BACKEND_CLIENT_CERT_FILE", &certificate),
            ("BACKEND_CLIENT_KEY_FILE", &key),
        ];
        let called = call(&server.url(), &variables).await;
        if is_good {
            assert_eq!(called.0.status, 200, "{:?}", called.0);
        } else {
            assert_unreachable(called, "TLS: the server refused the client's certificate");
        }
    }
}
