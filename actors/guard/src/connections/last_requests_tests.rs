use futures::FutureExt as _;
use tokio::time::advance;

use super::*;
use crate::connections::tracker::tests::{connections, open};

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_other_connections_and_only_briefly_for_expendable_ones() {
    let connections = connections(2, 1);
    let (stream, other) = (open(&connections), open(&connections));
    stream.set_expendable(true);

    let mut ended = std::pin::pin!(connections.only_expendable_left());
    assert!(ended.as_mut().now_or_never().is_none());
    advance(STREAM_GRACE * 10).await;
    assert!(ended.as_mut().now_or_never().is_none(), "one is neither closed nor expendable");
    drop(other);
    advance(COUNT_INTERVAL).await;
    assert_eq!(ended.now_or_never(), Some(1));
    drop(stream);
    let mut ended = std::pin::pin!(connections.only_expendable_left());
    assert!(ended.as_mut().now_or_never().is_none());
    advance(STREAM_GRACE).await;
    assert!(ended.now_or_never().is_none(), "with none left the server ends by itself");
    let counts = connections.counts();
    assert_eq!((counts.expendable, counts.served), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_short_unless_a_connection_may_send_one_more_request() {
    async fn within(connections: &Connections, time: Duration, limit: Duration) -> bool {
        timeout(time, connections.last_requests(limit)).await.is_ok()
    }
    let (moment, long) = (Duration::from_millis(10), Duration::from_secs(60));
    let connections = connections(2, 1);
    assert!(
        !within(&connections, QUEUE_IS_EMPTY - moment, long).await,
        "a connection may wait in the accept queue"
    );
    assert!(within(&connections, QUEUE_IS_EMPTY + moment, long).await, "no connection is left");

    let kept = open(&connections);
    assert!(!within(&connections, IDLE_GRACE - moment, long).await);
    assert!(within(&connections, IDLE_GRACE + moment, long).await, "it is idle");
    assert!(within(&connections, moment * 2, moment).await, "the limit is shorter");

    kept.set_expendable(true);
    assert!(within(&connections, QUEUE_IS_EMPTY + moment, long).await, "a stream ends by itself");
}

#[tokio::test(start_paused = true)]
async fn each_new_connection_restarts_the_wait() {
    let connections = connections(2, 1);
    let time = Duration::from_secs(1);
    let mut none = std::pin::pin!(connections.no_new_connection_for(time));
    for _ in 0..5 {
        assert!(timeout(time * 4 / 5, none.as_mut()).await.is_err());
        drop(open(&connections));
    }
    assert!(timeout(time * 9 / 10, none.as_mut()).await.is_err());
    assert!(timeout(time / 5, none).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn new_connections_that_cannot_be_refused_do_not_delay_the_shutdown() {
    let connections = connections(2, 1);
    let arrivals = async {
        loop {
            drop(open(&connections));
            sleep(QUEUE_IS_EMPTY / 2).await;
        }
    };
    let waited = timeout(QUEUE_LIMIT * 2, connections.last_requests(QUEUE_LIMIT * 10));
    tokio::select! {
        ended = waited => assert!(ended.is_ok()),
        () = arrivals => {}
    }
}
