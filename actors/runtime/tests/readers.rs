//! Readers of the event log: what they get, when they are woken, and what they cost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, mpsc},
    time::Duration,
};

use resilience_actors::{
    EventKind, EventLog, EventReader, EventType,
    events::{EVENTS_PER_SECOND, WAKE_INTERVAL},
};
use support::{now, pass, paused, secs, settle};

fn record(log: &EventLog, events: u64) {
    for epoch in 0..events {
        log.record(EventKind::Reset { epoch });
    }
}

/// The numbers of the next events.
async fn next(reader: &mut EventReader) -> Vec<u64> {
    reader.changed().await;
    reader.read(usize::MAX).events.iter().map(|event| event.sequence).collect()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[test]
fn a_reader_is_woken_at_once_for_the_first_event_and_then_once_per_interval() {
    paused(async {
        let log = EventLog::default();
        let mut reader = log.reader(0);
        let wakes = Rc::new(Cell::new(0));
        let counting = Rc::clone(&wakes);
        actix_rt::spawn(async move {
            let mut last = 0;
            loop {
                for sequence in next(&mut reader).await {
                    assert_eq!(sequence, last + 1, "no event is lost or comes twice");
                    last = sequence;
                }
                counting.set(counting.get() + 1);
            }
        });
        pass(secs(1.0)).await;
        let start = now();
        record(&log, 1);
        settle().await;
        assert_eq!((now() - start, wakes.get()), (Duration::ZERO, 1));
        for _ in 0..1000 {
            record(&log, 1);
            pass(Duration::from_millis(1)).await;
        }
        assert!((50..=52).contains(&wakes.get()), "{} wakes in a second", wakes.get());
    });
}

#[test]
fn a_reader_misses_nothing_while_it_does_not_wait() {
    paused(async {
        let log = EventLog::default();
        record(&log, 2);
        let mut reader = log.reader(0);
        record(&log, 1);
        for _ in 0..3 {
            let mut waiting = Box::pin(reader.changed());
            let _ = futures::poll!(&mut waiting);
            settle().await;
        }
        assert_eq!(next(&mut reader).await, [1, 2, 3]);
        assert!(futures::poll!(Box::pin(reader.changed())).is_pending());
    });
}

#[test]
fn a_reader_takes_a_bounded_batch_and_reads_the_rest_without_waiting() {
    paused(async {
        let log = EventLog::default();
        record(&log, 5);
        let mut reader = log.reader(1);
        for expected in [vec![2, 3], vec![4, 5]] {
            reader.changed().await;
            let batch = reader.read(2);
            let got: Vec<_> = batch.events.iter().map(|event| event.sequence).collect();
            assert_eq!((got, batch.missed), (expected, false));
        }
        assert_eq!((reader.cursor(), reader.read(2).events.len()), (5, 0));
    });
}

#[test]
fn an_overtaken_reader_is_told_and_continues() {
    paused(async {
        let log = EventLog::new("backend", 10);
        let mut reader = log.reader(0);
        record(&log, 25);
        reader.changed().await;
        let batch = reader.read(usize::MAX);
        assert_eq!((batch.missed, batch.events[0].sequence, batch.events.len()), (true, 16, 10));
        record(&log, 1);
        assert_eq!(next(&mut reader).await, [26]);
    });
}

#[test]
fn ten_stalled_readers_do_not_delay_a_thousand_others() {
    paused(async {
        let log = EventLog::default();
        let mut idle: Vec<_> = (0..10).map(|_| log.reader(0)).collect();
        // Half of the idle readers wait, and are never polled again.
        let mut stuck: Vec<_> =
            idle.iter_mut().take(5).map(|reader| Box::pin(reader.changed())).collect();
        for waiting in &mut stuck {
            assert!(futures::poll!(waiting).is_pending());
        }
        let readers: Vec<_> = (0..1000)
            .map(|_| {
                let mut reader = log.reader(0);
                actix_rt::spawn(async move {
                    while reader.cursor() < 100 {
                        next(&mut reader).await;
                    }
                })
            })
            .collect();
        settle().await;
        for _ in 0..100 {
            record(&log, 1);
            pass(Duration::from_millis(1)).await;
        }
        for reader in readers {
            reader.await.unwrap();
        }
    });
}

#[test]
fn the_hub_runs_while_there_are_readers_and_keeps_no_log_alive() {
    paused(async {
        let name: Arc<str> = "backend".into();
        let log = EventLog::new(Arc::clone(&name), 10);
        record(&log, 3);
        assert_eq!(tasks(), 0, "no reader waits");
        for _ in 0..3 {
            let mut readers = [log.reader(0), log.reader(0)];
            for reader in &mut readers {
                reader.changed().await;
            }
            pass(secs(1.0)).await;
            assert_eq!(tasks(), 1);
            drop(readers);
            pass(WAKE_INTERVAL).await;
            assert_eq!(tasks(), 0);
        }
        let mut last = log.reader(3);
        assert!(futures::poll!(Box::pin(last.changed())).is_pending());
        drop((log, last));
        pass(WAKE_INTERVAL).await;
        assert_eq!(Arc::strong_count(&name), 1, "the log is gone");
    });
}

#[test]
fn a_reader_that_starts_while_the_last_hub_ends_is_woken() {
    paused(async {
        let log = EventLog::default();
        for sequence in 1..=50 {
            // The reader before left 0 to 49 ms ago.
            let mut reader = log.reader(sequence - 1);
            let mut waiting = Box::pin(reader.changed());
            assert!(futures::poll!(&mut waiting).is_pending());
            record(&log, 1);
            waiting.await;
            drop(reader);
            pass(Duration::from_millis(sequence)).await;
        }
    });
}

#[test]
fn the_count_of_skipped_events_reaches_readers_without_another_event() {
    paused(async {
        let log = EventLog::default();
        let mut reader = log.reader(0);
        let kind = || EventKind::Reset { epoch: 0 };
        let over = u64::from(EVENTS_PER_SECOND) + 7;
        let waiting = async {
            while reader.cursor() <= u64::from(EVENTS_PER_SECOND) {
                next(&mut reader).await;
            }
            now()
        };
        let storm = async {
            settle().await;
            let start = now();
            for _ in 0..over {
                log.record_with(EventType::Retry, || EventKind::Retry {
                    call: resilience_actors::CallId::next(),
                    attempt: 1,
                    max_attempts: 4,
                    cause: String::new(),
                    wait: Duration::ZERO,
                    trace_id: None,
                });
                settle().await;
            }
            start
        };
        let (woken, start) = futures::join!(waiting, storm);
        assert!(woken - start <= secs(1.0) + WAKE_INTERVAL, "{:?}", woken - start);
        let last = log.last(1, |_| true);
        assert_eq!(last[0].kind, EventKind::CallsSkipped { of: EventType::Retry, count: 7 });
        assert_eq!(log.record_with(EventType::Reset, kind), Some(102));
    });
}

/// The threads have no runtime.
#[test]
fn events_of_other_threads_reach_the_reader() {
    actix_rt::System::new().block_on(async {
        let log = EventLog::new("backend", 100_000);
        let mut reader = log.reader(0);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let log = log.clone();
                std::thread::spawn(move || record(&log, 1_000))
            })
            .collect();
        let mut last = 0;
        while last < 4_000 {
            for sequence in next(&mut reader).await {
                assert_eq!(sequence, last + 1);
                last = sequence;
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn readers_start_a_new_hub_if_the_runtime_of_the_old_one_has_ended() {
    actix_rt::System::new().block_on(async {
        let log = EventLog::default();
        // The first reader waits on another thread, so the hub runs there.
        let first = actix_rt::Arbiter::new();
        let (done, is_done) = mpsc::channel();
        let mut theirs = log.reader(0);
        first.spawn(async move {
            assert!(futures::poll!(Box::pin(theirs.changed())).is_pending());
            done.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(theirs);
        });
        is_done.recv().unwrap();
        let mut ours = log.reader(0);
        let waiting = actix_rt::spawn(async move { next(&mut ours).await });
        settle().await;
        first.stop();
        first.join().unwrap();
        record(&log, 1);
        let woken = tokio::time::timeout(secs(30.0), waiting).await.expect("woken");
        assert_eq!(woken.unwrap(), [1]);
    });
}
