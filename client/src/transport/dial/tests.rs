use resilience_actors::adapters::http::describe;

use super::{
    testing::{connections, listening, plain, refusing, silent},
    *,
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
