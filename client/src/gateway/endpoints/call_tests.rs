use tokio::time::advance;

use super::*;
use crate::{
    gateway::endpoints::EjectionSettings,
    transport::{ConnectionBudget, Place, testing::plain},
};

const SECOND: Duration = Duration::from_secs(1);

/// A pool with two endpoints, each of which is ejected at its first failure, and a call.
fn call() -> (Arc<EndpointPool>, CallEndpoints) {
    let places = [1, 2].map(|port| Place::Address(([127, 0, 0, 1], port).into()));
    let settings = EjectionSettings { consecutive_failures: 1, ..EjectionSettings::default() };
    let pool = EndpointPool::new("u".into(), &places, plain(SECOND).into(), settings);
    let pool = Arc::new(pool);
    let clients = Clients::new(ConnectionBudget::new(1, 1));
    let endpoints = Endpoints::Several(Arc::clone(&pool), None);
    (pool, CallEndpoints::new(endpoints, clients))
}

fn latencies(pool: &EndpointPool) -> Vec<Option<f64>> {
    pool.snapshot().into_iter().filter_map(|one| one.latency_seconds.map(Some)).collect()
}

fn in_flight(pool: &EndpointPool) -> usize {
    pool.snapshot().iter().map(|one| one.in_flight).sum()
}

#[actix_web::test]
async fn the_time_of_an_upload_is_no_latency_of_its_endpoint() {
    tokio::time::pause();
    let connecting = Cell::new(false);
    for ends in [true, false] {
        for (uploads, expected) in [(true, vec![]), (false, vec![Some(3.0)])] {
            let (pool, call) = call();
            let chosen = call.choose(&connecting, uploads);
            advance(3 * SECOND).await;
            if ends {
                chosen.ended(|| CallKind::Successful);
            } else {
                drop(chosen);
            }
            assert_eq!(latencies(&pool), expected, "{ends} {uploads}");
        }
    }
}

#[actix_web::test]
async fn only_the_attempt_that_was_too_slow_is_a_failure_of_its_endpoint() {
    tokio::time::pause();
    let connecting = Cell::new(false);
    let (pool, call) = call();
    // The time was up before an endpoint was chosen, for instance in a queue.
    call.timed_out();
    drop(call.choose(&connecting, false));
    assert_eq!(pool.ejections(), 0, "its caller has left");
    let slow = call.choose(&connecting, false);
    call.timed_out();
    drop(slow);
    assert_eq!(pool.ejections(), 1);
}

#[actix_web::test]
async fn an_endpoint_counts_an_attempt_until_its_answer_is_dropped() {
    tokio::time::pause();
    let connecting = Cell::new(false);
    let (pool, call) = call();
    let chosen = call.choose(&connecting, false);
    assert_eq!(in_flight(&pool), 1);
    let answer = chosen.ended(|| CallKind::Failed);
    assert_eq!(in_flight(&pool), 1);
    drop(answer);
    assert_eq!(in_flight(&pool), 0);
}
