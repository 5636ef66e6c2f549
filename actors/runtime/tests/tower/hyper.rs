//! A hyper client behind the layer, over real connections, in a process that runs no actix system.

use std::time::Duration;

use futures::future::join_all;
use resilience_actors::{Breaker, CallError, Concurrency, Rate, RejectionKind, State, Upstream};
use tokio::net::TcpListener;

use crate::server::{Answer, Protected, Server, uri};

fn upstream() -> resilience_actors::UpstreamBuilder {
    Upstream::builder("test")
}

fn rejection(answer: &Answer) -> Option<RejectionKind> {
    match answer {
        Err(CallError::Rejected(rejection)) => Some(rejection.kind()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_server_is_left_alone_until_a_trial_succeeds() {
    let server = Server::start().await;
    let breaker = Breaker::consecutive(3).reset_after(Duration::from_millis(300));
    let mut client = Protected::new(upstream().breaker(breaker));
    assert_eq!(client.get(server.uri()).await.unwrap(), 200);
    server.answers(500);
    for _ in 0..3 {
        assert_eq!(client.get(server.uri()).await.unwrap(), 500);
    }
    assert_ne!(client.upstream.state(), State::Closed);
    let answers = join_all((0..10).map(|_| client.get(server.uri()))).await;
    let rejected = answers.iter().filter(|answer| rejection(answer).is_some()).count();
    // On a machine that is slow, one may come when the open time is over, as a trial that fails.
    assert!(rejected > 0, "{answers:?}");
    assert_eq!(server.requests().arrived, 4 + answers.len() - rejected);
    server.answers(200);
    client.until(State::HalfOpen).await;
    assert_eq!(client.get(server.uri()).await.unwrap(), 200);
    assert_eq!(client.upstream.state(), State::Closed);
    assert_eq!(client.get(server.uri()).await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_opens_the_circuit_and_callers_get_the_clients_own_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = uri(listener.local_addr().unwrap());
    drop(listener);
    let client = Protected::new(upstream().breaker(Breaker::consecutive(2)));
    for _ in 0..2 {
        let answer = client.get(down.clone()).await;
        assert!(matches!(&answer, Err(CallError::Transport(error)) if error.is_connect()));
    }
    assert_eq!(rejection(&client.get(down).await), Some(RejectionKind::CircuitOpen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_requests_than_places_reach_the_server() {
    let server = Server::start().await;
    let limit = Concurrency::at_most(3).queue(20).wait(Duration::from_secs(60));
    let client = Protected::new(upstream().concurrency(limit));
    server.holds_answers(true);
    let call = || tokio::spawn(client.get(server.uri()));
    let callers: Vec<_> = (0..23).map(|_| call()).collect();
    server.until(|requests| requests.in_flight == 3).await;
    client.until_in_flight_and_queued((3, 20)).await;
    assert_eq!(rejection(&call().await.unwrap()), Some(RejectionKind::ConcurrencyLimit));
    server.holds_answers(false);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 200);
    }
    let requests = server.requests();
    assert_eq!((requests.arrived, requests.most), (23, 3));
    assert_eq!(client.in_flight_and_queued(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_than_the_rate_reach_the_server() {
    let server = Server::start().await;
    let client = Protected::new(upstream().rate(Rate::per_hour(60).burst(5)));
    let answers = join_all((0..9).map(|_| client.get(server.uri()))).await;
    let rejected = answers.iter().filter_map(rejection).collect::<Vec<_>>();
    assert_eq!(rejected, [RejectionKind::RateLimit; 4]);
    assert_eq!(server.requests().arrived, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_request_frees_its_place_and_ends_at_the_server() {
    let server = Server::start().await;
    let limit = Concurrency::at_most(1).queue(1).wait(Duration::from_secs(60));
    let client = Protected::new(upstream().breaker(Breaker::consecutive(1)).concurrency(limit));
    server.holds_answers(true);
    let dropped = tokio::spawn(client.get(server.uri()));
    server.until(|requests| requests.in_flight == 1).await;
    let queued = tokio::spawn(client.get(server.uri()));
    client.until_in_flight_and_queued((1, 1)).await;
    dropped.abort();
    server.until(|requests| requests.arrived == 2 && requests.in_flight == 1).await;
    server.holds_answers(false);
    assert_eq!(queued.await.unwrap().unwrap(), 200);
    assert_eq!(client.in_flight_and_queued(), (0, 0));
    let counts = client.upstream.breaker().unwrap().counts();
    assert_eq!((counts.successful, counts.ignored), (1, 1));
}
