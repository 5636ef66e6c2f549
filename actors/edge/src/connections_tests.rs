use futures::FutureExt as _;
use tokio::time::advance;

use super::*;

fn open(connections: &Connections) -> Connection {
    match connections.enter() {
        Entry::Place(connection) => connection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn past_the_limit_there_is_a_doorway_and_past_that_nothing() {
    let connections = Connections::new(Room { places: 2, doorway: 3 });
    let places = [open(&connections), open(&connections)];
    let doorway: Vec<_> = (0..3).map(|_| connections.enter()).collect();
    assert!(doorway.iter().all(|entry| matches!(entry, Entry::Doorway(c) if !c.has_place())));
    assert!(matches!(connections.enter(), Entry::Nowhere));
    for entry in doorway {
        let Entry::Doorway(connection) = entry else { panic!("{entry:?}") };
        assert!(connection.leave_doorway(), "as many may be leaving");
        assert!(matches!(connections.enter(), Entry::Doorway(_)), "there is room for another");
    }
    drop(places);
    assert!(matches!(connections.enter(), Entry::Place(_)));
    assert_eq!(connections.0.open.load(Ordering::Relaxed), 0);
    assert_eq!(connections.0.doorway.load(Ordering::Relaxed), 0);
    assert_eq!(connections.0.leaving.load(Ordering::Relaxed), 0);
}

#[test]
fn bytes_during_a_request_are_not_those_of_a_head() {
    let connection = Rc::new(open(&Connections::new(Room { places: 1, doorway: 1 })));
    connection.came_in(7);
    assert_eq!((connection.unclaimed(), connection.takes_more()), (7, true));
    let working = Rc::clone(&connection).begin(&HeaderMap::new());
    connection.came_in(9);
    assert_eq!((connection.unclaimed(), connection.takes_more()), (0, false));
    drop(working);
    assert!(connection.is_quiet() && connection.takes_more());
}

#[test]
fn a_request_behind_a_stream_is_waited_for() {
    let connections = Connections::new(Room { places: 1, doorway: 1 });
    let connection = Rc::new(open(&connections));
    drop(Rc::clone(&connection).begin(&HeaderMap::new()));
    connection.set_expendable(true);
    connection.set_expendable(true);
    let _working = Rc::clone(&connection).begin(&HeaderMap::new());
    assert_eq!(connections.0.expendable.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn others_are_waited_for_and_expendable_ones_for_a_moment() {
    let connections = Connections::new(Room { places: 2, doorway: 1 });
    let (stream, other) = (open(&connections), open(&connections));
    stream.set_expendable(true);

    let mut ended = std::pin::pin!(connections.only_expendable());
    assert!(ended.as_mut().now_or_never().is_none());
    advance(GRACE * 10).await;
    assert!(ended.as_mut().now_or_never().is_none(), "one is neither closed nor expendable");
    drop(other);
    advance(INTERVAL).await;
    assert_eq!(ended.now_or_never(), Some(1));
    drop(stream);
    let mut ended = std::pin::pin!(connections.only_expendable());
    assert!(ended.as_mut().now_or_never().is_none());
    advance(GRACE).await;
    assert!(ended.now_or_never().is_none(), "with none left the server ends by itself");
    assert_eq!(connections.0.expendable.load(Ordering::Relaxed), 0);
    assert_eq!(connections.0.open.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn farewell_is_short_unless_somebody_may_ask_once_more() {
    async fn within(connections: &Connections, time: Duration, limit: Duration) -> bool {
        timeout(time, connections.farewell(limit)).await.is_ok()
    }
    let (moment, long) = (Duration::from_millis(10), Duration::from_secs(60));
    let connections = Connections::new(Room { places: 2, doorway: 1 });
    assert!(!within(&connections, QUIET - moment, long).await, "somebody may wait to be let in");
    assert!(within(&connections, QUIET + moment, long).await, "nobody is there");

    let kept = open(&connections);
    assert!(!within(&connections, FAREWELL - moment, long).await);
    assert!(within(&connections, FAREWELL + moment, long).await, "it is idle");
    assert!(within(&connections, moment * 2, moment).await, "the limit is shorter");

    kept.set_expendable(true);
    assert!(within(&connections, QUIET + moment, long).await, "a stream ends by itself");
}

#[tokio::test(start_paused = true)]
async fn each_newcomer_restarts_the_wait_for_none() {
    let connections = Connections::new(Room { places: 2, doorway: 1 });
    let time = Duration::from_secs(1);
    let mut none = std::pin::pin!(connections.no_newcomer_for(time));
    for _ in 0..5 {
        assert!(timeout(time * 4 / 5, none.as_mut()).await.is_err());
        drop(open(&connections));
    }
    assert!(timeout(time * 9 / 10, none.as_mut()).await.is_err());
    assert!(timeout(time / 5, none).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn newcomers_who_cannot_be_refused_do_not_hold_up_the_farewell() {
    let connections = Connections::new(Room { places: 2, doorway: 1 });
    let newcomers = async {
        loop {
            drop(open(&connections));
            sleep(QUIET / 2).await;
        }
    };
    let farewell = timeout(SETTLED * 2, connections.farewell(SETTLED * 10));
    tokio::select! {
        ended = farewell => assert!(ended.is_ok()),
        () = newcomers => {}
    }
}
