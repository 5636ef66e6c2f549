use std::{env, fs, process};

use resilience_actors::adapters::http::describe;
use resilience_testing::{
    certificates::Authority,
    server::{Peer, Server},
};

use super::{
    testing::{connections, listening, plain, refusing, silent},
    *,
};
use crate::{
    transport::tls::{TlsConfig, TlsSettings},
    upstream_url::UpstreamUrl,
};

const LIMIT: Duration = Duration::from_millis(200);

#[actix_web::test]
async fn a_silent_or_refusing_address_does_not_hide_a_working_one() {
    let (_socket, _fill, silent) = silent().await;
    let (_listener, good) = listening();
    for idle in [0, 10] {
        let addresses = [silent, refusing(), good];
        let connected = connect_in_order(&addresses, &plain(LIMIT), &connections(1, idle)).await;
        let (stream, _) = connected.unwrap();
        assert_eq!(stream.tcp().peer_addr().unwrap(), good);
    }
}

#[actix_web::test]
async fn five_silent_addresses_do_not_use_up_the_connect_timeout() {
    let (_socket, _fill, silent) = silent().await;
    let (_listener, good) = listening();
    let addresses = [silent, silent, silent, silent, silent, good];
    let limit = Duration::from_secs(60);
    let (settings, connections) = (plain(limit), connections(1, 10));
    let connecting = connect_in_order(&addresses, &settings, &connections);
    let connected = tokio::time::timeout(limit / 2, connecting).await.unwrap();
    assert_eq!(connected.unwrap().0.tcp().peer_addr().unwrap(), good);
}

/// Connections with TLS, whose handshake may take a minute.
fn with_tls(authority: &Authority) -> ConnectionSettings {
    let file = env::temp_dir().join(format!("client-dial-{}.pem", process::id()));
    fs::write(&file, authority.pem()).unwrap();
    let settings = TlsSettings { ca_file: Some(file.clone()), ..TlsSettings::default() };
    let url = UpstreamUrl::parse("https://backend.test").unwrap();
    let tls = TlsConfig::of(&settings, &url).unwrap();
    fs::remove_file(file).unwrap();
    ConnectionSettings { tls, ..plain(Duration::from_secs(60)) }
}

#[actix_web::test]
async fn addresses_that_are_silent_in_the_handshake_do_not_use_up_the_connect_timeout() {
    let authority = Authority::new();
    let (settings, identity) = (with_tls(&authority), authority.issue(&["backend.test"]));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let good = Server::on_with(listener, Some(identity.server()), |mut peer| drop(peer.request()));
    // The kernel accepts connections to the first, and the second reads from them.
    let ((_listener, unread), silent) = (listening(), Server::start(Peer::hold));
    let addresses = [unread, silent.address(), good.address()];
    let connections = connections(1, 10);
    let connecting = connect_in_order(&addresses, &settings, &connections);
    let connected = tokio::time::timeout(settings.connect_timeout / 2, connecting).await;
    let (io, _slot) = connected.unwrap().unwrap();
    assert!(matches!(io, Io::Tls(_)));
    assert_eq!((settings.default_port(), plain(LIMIT).default_port()), (443, 80));
    assert_eq!(io.tcp().peer_addr().unwrap(), good.address());
}

#[test]
fn the_families_of_the_addresses_alternate() {
    let addresses = |ports: &[&str]| -> Vec<SocketAddr> {
        ports.iter().map(|address| address.parse().unwrap()).collect()
    };
    let six = ["[::1]:1", "[::1]:2", "[::1]:3"];
    let given = addresses(&[&six[..], &["127.0.0.1:4", "127.0.0.1:5"]].concat());
    let expected = ["[::1]:1", "127.0.0.1:4", "[::1]:2", "127.0.0.1:5", "[::1]:3"];
    assert_eq!(alternate(given), addresses(&expected));
    assert_eq!(alternate(addresses(&six)), addresses(&six));
    let expected = ["127.0.0.1:4", "[::1]:1", "[::1]:2", "[::1]:3"];
    assert_eq!(alternate(addresses(&[&["127.0.0.1:4"], &six[..]].concat())), addresses(&expected));
    assert!(alternate(Vec::new()).is_empty());
}

#[actix_web::test]
async fn the_error_is_that_of_the_last_address_to_fail() {
    let (_socket, _fill, silent) = silent().await;
    for addresses in [[refusing(), silent], [silent, refusing()]] {
        let error =
            connect_in_order(&addresses, &plain(LIMIT), &connections(1, 10)).await.unwrap_err();
        assert_eq!(describe(&error), "no connection within 0.2s");
    }
    let error =
        connect_in_order(&[refusing()], &plain(LIMIT), &connections(1, 10)).await.unwrap_err();
    assert_eq!(describe(&error), "connection refused");
}

#[test]
fn a_shortage_is_reported_although_another_address_fails_later() {
    let addresses = [refusing(), refusing()];
    let failures = || vec![io::Error::from_raw_os_error(libc::EMFILE), timed_out("no".into())];
    assert!(Shortage::of(&connect_error(&addresses, failures())).is_some());
    let others = vec![ErrorKind::ConnectionRefused.into(), timed_out("no".into())];
    assert_eq!(connect_error(&addresses, others).kind(), ErrorKind::TimedOut);
}

#[actix_web::test]
async fn an_exhausted_connection_budget_is_a_shortage() {
    let (_listener, good) = listening();
    let error = connect_in_order(&[good], &plain(LIMIT), &connections(0, 0)).await.unwrap_err();
    assert!(Shortage::of(&error).is_some(), "{error}");
}
