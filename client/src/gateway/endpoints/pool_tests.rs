use tokio::time::advance;

use super::*;
use crate::{gateway::endpoints::call::EndpointUse, transport::testing::plain};

const SECOND: Duration = Duration::from_secs(1);

fn places(ports: &[u16]) -> Vec<Place> {
    ports.iter().map(|port| Place::Address(([127, 0, 0, 1], *port).into())).collect()
}

fn pool(ports: &[u16]) -> EndpointPool {
    EndpointPool::new("u".into(), &places(ports), plain(SECOND).into(), EjectionSettings::default())
}

/// The endpoint with this port.
fn at(pool: &EndpointPool, port: u16) -> Arc<Endpoint> {
    let place = &places(&[port])[0];
    Arc::clone(pool.set.load().iter().find(|endpoint| endpoint.place() == place).unwrap())
}

fn fail(pool: &EndpointPool, port: u16, times: usize) {
    let endpoint = at(pool, port);
    (0..times).for_each(|_| pool.count(&endpoint, true));
}

fn ejected(pool: &EndpointPool) -> Vec<String> {
    pool.snapshot().into_iter().filter(|one| one.ejected).map(|one| one.address).collect()
}

#[actix_web::test]
async fn an_ejected_endpoint_is_not_chosen_until_its_time_is_over() {
    tokio::time::pause();
    let pool = pool(&[1, 2, 3]);
    let chosen = |port| (0..200).any(|_| Arc::ptr_eq(&pool.choose(&[]), &at(&pool, port)));
    assert!(chosen(1));
    fail(&pool, 1, 5);
    assert_eq!(ejected(&pool), ["127.0.0.1:1"]);
    let left = pool.snapshot()[0].ejected_for_seconds.unwrap();
    assert!((9.9..=10.0).contains(&left), "{left}");
    advance(10 * SECOND - Duration::from_millis(5)).await;
    assert!(!chosen(1));
    advance(Duration::from_millis(10)).await;
    assert!(chosen(1));
    assert!(ejected(&pool).is_empty());
    assert_eq!(pool.ejections(), 1);
}

#[actix_web::test]
async fn the_share_holds_and_the_last_endpoint_is_never_ejected() {
    tokio::time::pause();
    let pool = pool(&[1, 2, 3]);
    for port in [1, 2, 3] {
        fail(&pool, port, 20);
    }
    assert_eq!(ejected(&pool), ["127.0.0.1:1"]);
}

#[actix_web::test]
async fn an_endpoint_that_stays_keeps_its_load_and_its_health() {
    tokio::time::pause();
    let pool = pool(&[1, 2, 3]);
    let (first, second) = (at(&pool, 1), at(&pool, 2));
    first.begin();
    pool.record(&first, true, 2 * SECOND);
    fail(&pool, 2, 5);
    pool.replace(&places(&[2, 4, 1]));
    assert!(Arc::ptr_eq(&first, &at(&pool, 1)) && Arc::ptr_eq(&second, &at(&pool, 2)));
    let snapshot = pool.snapshot();
    let addresses: Vec<_> = snapshot.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["127.0.0.1:2", "127.0.0.1:4", "127.0.0.1:1"]);
    assert!(snapshot[0].ejected && !snapshot[2].ejected);
    assert_eq!((snapshot[2].in_flight, snapshot[2].latency_seconds), (1, Some(2.0)));
    assert_eq!((snapshot[1].in_flight, snapshot[1].latency_seconds), (0, None));
    assert_ne!(pool.next_return.load(Relaxed), NEVER);
    // One of one would be too many.
    pool.replace(&places(&[2]));
    assert!(ejected(&pool).is_empty());
    assert!(Arc::ptr_eq(&second, &pool.choose(&[])));
    pool.count(&first, true);
    assert!(ejected(&pool).is_empty(), "an endpoint that is gone");
    assert_eq!(pool.next_return.load(Relaxed), NEVER);
}

#[actix_web::test]
async fn attempts_of_a_call_go_to_different_endpoints() {
    tokio::time::pause();
    let pool = pool(&[1, 2, 3]);
    for _ in 0..50 {
        let mut used = Vec::new();
        for _ in 0..3 {
            let next = pool.choose(&used);
            assert!(!used.iter().any(|endpoint| Arc::ptr_eq(endpoint, &next)));
            used.push(next);
        }
        assert!(!Arc::ptr_eq(&pool.choose(&used), &used[2]), "all are used");
    }
}

#[actix_web::test]
async fn an_attempt_from_before_an_ejection_says_nothing_of_the_endpoint_after_it() {
    tokio::time::pause();
    let pool = Arc::new(pool(&[1, 2, 3]));
    let mut old = EndpointUse::begin(&pool, at(&pool, 1));
    fail(&pool, 1, 5);
    advance(11 * SECOND).await;
    assert!(ejected(&pool).is_empty());
    old.fail();
    assert!(ejected(&pool).is_empty());
    EndpointUse::begin(&pool, at(&pool, 1)).fail();
    assert_eq!(ejected(&pool), ["127.0.0.1:1"]);
}
