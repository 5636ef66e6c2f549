use std::pin::Pin;

use futures::{FutureExt as _, StreamExt as _};
use resilience_actors::{EventType, events::EventKind};

use super::*;

type Piece = Result<Bytes, Infallible>;

struct Lab {
    log: EventLog,
    streams: EventStreams,
    drain: Drain,
}

impl Lab {
    fn new(capacity: usize) -> Self {
        let (log, drain) = (EventLog::new("backend", capacity), Drain::new());
        Self { log, streams: EventStreams::new(10_000), drain }
    }

    fn open(&self, start: Start) -> Pin<Box<dyn Stream<Item = Piece>>> {
        self.open_filtered(start, Filter::default())
    }

    fn open_filtered(&self, start: Start, filter: Filter) -> Pin<Box<dyn Stream<Item = Piece>>> {
        let slot = self.streams.try_open().unwrap();
        let wanted = Wanted { start, filter };
        let (streams, drain) = (self.streams.clone(), self.drain.clone());
        Box::pin(events(&self.log, wanted, Map::new(), slot, streams, drain))
    }

    fn now(&self) -> Start {
        Start::parse(None, &self.streams, &self.log).unwrap()
    }

    fn record(&self, events: u64) {
        for epoch in 1..=events {
            self.log.record(EventKind::Reset { epoch });
        }
    }
}

async fn next(stream: &mut (impl Stream<Item = Piece> + Unpin)) -> String {
    let piece = stream.next().await.expect("the stream goes on").unwrap();
    String::from_utf8(piece.to_vec()).unwrap()
}

fn ids(piece: &str) -> Vec<u64> {
    let ids = piece.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.split_once('-').unwrap().0.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_stream_starts_with_hello_and_continues_with_events() {
    let lab = Lab::new(100);
    lab.record(3);
    let mut stream = lab.open(lab.now());
    let greeting = "retry: 1000\n\nevent: hello\ndata: {\"sequence\":3}\n\n";
    assert_eq!(next(&mut stream).await, greeting);
    lab.record(1);
    let piece = next(&mut stream).await;
    let id = format!("id: {}\n", lab.streams.id(4));
    let piece = piece.strip_prefix(&id).expect("an id first");
    assert!(piece.starts_with("event: reset\ndata: {\"sequence\":4,\"time\":"), "{piece}");
    assert!(
        piece.ends_with("\"breaker\":\"backend\",\"type\":\"reset\",\"epoch\":1}\n\n"),
        "{piece}"
    );
}

#[tokio::test(start_paused = true)]
async fn events_recorded_before_the_hello_is_sent_follow_it() {
    let lab = Lab::new(100);
    lab.record(3);
    let start = lab.now();
    lab.record(1);
    let mut stream = lab.open(start);
    let greeting = "retry: 1000\n\nevent: hello\ndata: {\"sequence\":3}\n\n";
    assert_eq!(next(&mut stream).await, greeting);
    assert_eq!(ids(&next(&mut stream).await), [4]);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_stream_starts_with_the_missed_events() {
    let lab = Lab::new(100);
    lab.record(5);
    let mut stream = lab.open(Start::After(2));
    assert_eq!(next(&mut stream).await, "retry: 1000\n\n");
    assert_eq!(ids(&next(&mut stream).await), [3, 4, 5]);
    lab.record(1);
    assert_eq!(ids(&next(&mut stream).await), [6]);
}

#[tokio::test(start_paused = true)]
async fn missed_events_that_the_log_has_dropped_are_reported_as_a_gap() {
    let lab = Lab::new(3);
    lab.record(10);
    let mut stream = lab.open(Start::After(2));
    let gap = "retry: 1000\n\nevent: gap\ndata: {\"missed_from\":3,\"missed_to\":7}\n\n";
    assert_eq!(next(&mut stream).await, gap);
    assert_eq!(ids(&next(&mut stream).await), [8, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_long_backlog_is_sent_in_batches() {
    let lab = Lab::new(1000);
    lab.record(150);
    let mut stream = lab.open(Start::After(0));
    next(&mut stream).await;
    let mut seen = Vec::new();
    while seen.len() < 150 {
        let piece = ids(&next(&mut stream).await);
        assert!(piece.len() <= BATCH);
        seen.extend(piece);
    }
    assert_eq!(seen, (1..=150).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_sends_heartbeats() {
    let lab = Lab::new(100);
    let mut stream = lab.open(lab.now());
    next(&mut stream).await;
    for _ in 0..3 {
        let before = Instant::now();
        assert_eq!(next(&mut stream).await, ": heartbeat\n\n");
        assert_eq!(before.elapsed().as_secs(), HEARTBEAT.as_secs());
    }
    tokio::time::advance(HEARTBEAT / 2).await;
    lab.record(1);
    assert_eq!(ids(&next(&mut stream).await), [1]);
    let before = Instant::now();
    next(&mut stream).await;
    assert_eq!(before.elapsed().as_secs(), HEARTBEAT.as_secs(), "counted from the last event");
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_an_overtaken_reader_ends() {
    let lab = Lab::new(10);
    let mut stream = lab.open(lab.now());
    next(&mut stream).await;
    lab.record(11);
    assert!(stream.next().await.is_none());
    drop(stream);
    assert_eq!(lab.streams.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_shutdown_ends_the_stream() {
    let lab = Lab::new(10);
    let mut waiting = lab.open(lab.now());
    next(&mut waiting).await;
    assert!(waiting.next().now_or_never().is_none());
    lab.drain.begin();
    assert!(waiting.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_batching_interval_grows_with_the_number_of_readers() {
    for (streams, at_least, at_most) in [(1, 0, 60), (1000, 95, 160), (9000, 245, 310)] {
        let lab = Lab::new(100);
        let _others: Vec<_> = (1..streams).map(|_| lab.streams.try_open().unwrap()).collect();
        let mut stream = lab.open(lab.now());
        next(&mut stream).await;
        lab.record(1);
        next(&mut stream).await;
        let before = Instant::now();
        lab.record(1);
        next(&mut stream).await;
        let pause = before.elapsed().as_millis();
        assert!((at_least..=at_most).contains(&pause), "{streams} readers: {pause} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_wants_some_events_gets_those_and_ids_to_resume_from() {
    let lab = Lab::new(100);
    let other = lab.log.for_breaker("other");
    let filter = Filter { types: vec![EventType::Reset], upstream: Some("other".to_owned()) };
    let mut stream = lab.open_filtered(lab.now(), filter);
    next(&mut stream).await;
    lab.record(2);
    other.record(EventKind::LeaseExpired { epoch: 1, lease: HEARTBEAT });
    other.record(EventKind::Reset { epoch: 7 });
    assert_eq!(ids(&next(&mut stream).await), [4]);

    let before = Instant::now();
    // Events that it does not want come all the time.
    let recording = tokio::spawn(async move {
        loop {
            lab.record(1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let heartbeat = next(&mut stream).await;
    assert!(
        heartbeat.starts_with(": heartbeat\nid: ") && heartbeat.ends_with("\n\n"),
        "{heartbeat}"
    );
    assert!((18..=20).contains(&ids(&heartbeat)[0]), "{heartbeat}");
    assert!(before.elapsed() <= HEARTBEAT + Duration::from_secs(1));
    recording.abort();
}
