use std::time::Duration;

use actix_rt::net::TcpStream;
use tokio::time;

use super::*;
use crate::transport::dial::testing::plain;

async fn connections(calls: usize, idle: usize) -> (Rc<Connections>, Fixture) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connections = Connections::new(ConnectionBudget::new(calls, idle));
    (Rc::new(connections), Fixture(listener))
}

struct Fixture(tokio::net::TcpListener);

impl Fixture {
    async fn open(&self, connections: &Rc<Connections>) -> Rc<Stream> {
        let slot = connections.slot().unwrap();
        let io = TcpStream::connect(self.0.local_addr().unwrap()).await.unwrap();
        connections.add(Io::Plain(io), slot)
    }
}

fn open_and_idle(connections: &Connections) -> (usize, usize) {
    let counts = &connections.budget.counts;
    (counts.open.load(Ordering::Relaxed), counts.idle.load(Ordering::Relaxed))
}

#[actix_web::test]
async fn the_budget_bounds_connections_and_idle_ones_are_closed_first() {
    let (connections, fixture) = connections(1, 1).await;
    let (first, second) = (fixture.open(&connections).await, fixture.open(&connections).await);
    let in_use = (InUse::new(first.clone()), InUse::new(second.clone()));
    assert!(connections.slot().is_err());
    drop(in_use.0);
    assert!(connections.slot().is_ok(), "in place of the idle one");
    assert!(first.io().is_none() && second.io().is_some());
}

#[actix_web::test]
async fn a_spare_connection_leaves_one_for_each_other_call() {
    let (connections, _fixture) = connections(3, 2).await;
    let slots = [connections.spare_slot(), connections.spare_slot()];
    assert!(slots.iter().all(Option::is_some));
    assert!(connections.spare_slot().is_none());
    let calls = [(); 3].map(|()| connections.slot());
    assert!(calls.iter().all(Result::is_ok) && connections.slot().is_err());
}

#[actix_web::test]
async fn close_idle_keeps_connections_in_use() {
    let (connections, fixture) = connections(10, 10).await;
    let (used, idle) = (fixture.open(&connections).await, fixture.open(&connections).await);
    let _in_use = InUse::new(used.clone());
    drop(InUse::new(idle.clone()));
    connections.close_idle();
    assert!(used.io().is_some() && idle.io().is_none());
    assert_eq!(open_and_idle(&connections), (1, 0));
}

#[actix_web::test]
async fn a_connection_that_exceeds_the_idle_limit_of_all_workers_is_closed() {
    let (connections, fixture) = connections(10, 1).await;
    let other_worker = Rc::new(Connections::new(connections.budget.clone()));
    let streams = [fixture.open(&connections).await, fixture.open(&other_worker).await];
    for stream in &streams {
        drop(InUse::new(stream.clone()));
    }
    assert!(streams[0].io().is_some() && streams[1].io().is_none());
    drop(InUse::new(streams[0].clone()));
    assert!(streams[0].io().is_some(), "it was in use meanwhile");
    assert_eq!(open_and_idle(&connections), (1, 1));
}

#[actix_web::test]
async fn an_idle_connection_is_closed_when_its_time_is_over_and_one_in_use_is_not() {
    let (connections, fixture) = connections(10, 10).await;
    let settings = plain(Duration::from_secs(1));
    let connections = Rc::into_inner(connections).unwrap().expiring(&settings);
    let connections = Rc::new(connections);
    let (used, idle) = (fixture.open(&connections).await, fixture.open(&connections).await);
    time::pause();
    let in_use = InUse::new(used.clone());
    drop(InUse::new(idle.clone()));
    time::sleep(settings.idle_timeout - Duration::from_secs(1)).await;
    assert!(idle.io().is_some());
    time::sleep(Duration::from_secs(2)).await;
    assert!(used.io().is_some() && idle.io().is_none());
    assert_eq!(open_and_idle(&connections), (1, 0));
    time::sleep(settings.max_age).await;
    assert!(used.io().is_some(), "a request uses it");
    // It is too old at once.
    drop(in_use);
    time::sleep(settings.idle_timeout + Duration::from_secs(1)).await;
    assert_eq!(open_and_idle(&connections), (0, 0));
    // The task has ended, and begins anew with the next connection.
    drop((used, idle));
    time::sleep(settings.max_age).await;
    time::resume();
    let next = fixture.open(&connections).await;
    time::pause();
    drop(InUse::new(next.clone()));
    time::sleep(settings.idle_timeout + Duration::from_secs(1)).await;
    assert!(next.io().is_none());
}
