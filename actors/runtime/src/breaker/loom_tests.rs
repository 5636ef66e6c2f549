//! The published state and the counters beside it, in every order in which threads may run.
//!
//! What goes by messages has one order, that of the mailbox. These go by no message: the epoch in
//! force, the counters of its successes, and the flag that says whether the actor knows of a burst of
//! rejections. loom runs each model through all interleavings of its threads (with up to
//! three switches that no thread asked for), and all values that its reads may see.
//!
//! Run them with `cargo rustc -p resilience-actors --lib --profile test -- --cfg loom`, which prints the name of the
//! test binary, and that binary with `loom`. The crate then uses loom's atomics, locks and `Arc`s (`sync/model.rs`). A
//! thread with a queue plays an actor with its mailbox.

use std::{collections::VecDeque, time::Duration};

use loom::thread;

use super::{
    config::{BreakerConfig, BreakerSettings, Window},
    counters::{Counters, Totals},
    machine::Machine,
    phase::Phase,
    published::Published,
    recorder::Recorder,
    report::{CountersAt, Failure, Report, Ticket},
};
use crate::{
    clock,
    events::{EventKind, EventLog},
    observe::Observers,
    rejection::RejectionKind,
    state::State,
    sync::{Arc, FENCES, Fences, Mutex, change_lane},
};

const SECOND: Duration = Duration::from_secs(1);

fn model(model: impl Fn() + Clone + Send + Sync + 'static) {
    for fences in [Fences::BehindWrites, Fences::BeforeReads] {
        model_with(fences, 3, model.clone());
    }
}

fn model_with(fences: Fences, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    FENCES.set(fences);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn published() -> Published {
    Published::new(&BreakerConfig::default(), clock::now())
}

/// A caller who is admitted, and succeeds.
fn succeed(published: &Published) {
    published.count_success(published.current().0);
}

/// The sum of what the events of bursts say.
fn rejections_told(events: &EventLog) -> u64 {
    let counts = events.last(usize::MAX, |_| true).into_iter().map(|event| match event.kind {
        EventKind::RejectionBurst { count, .. } => count,
        _ => 0,
    });
    counts.sum()
}

fn open() -> Phase {
    Phase::Open { until: clock::now() + SECOND }
}

/// A mailbox, and what its one reader has.
#[derive(Default)]
struct Scheduler {
    mailbox: Mutex<VecDeque<Message>>,
    waiting: Mutex<u32>,
}

enum Message {
    Park,
    Opened,
}

impl Scheduler {
    fn send(&self, message: Message) {
        self.mailbox.lock().unwrap().push_back(message);
    }

    /// As the retry scheduler's handlers of `Park` and `CircuitOpened` do.
    fn handle_all(&self, published: &Published) {
        loop {
            let Some(message) = self.mailbox.lock().unwrap().pop_front() else { return };
            match message {
                Message::Park if published.phase().state() == State::Open => {}
                Message::Park => *self.waiting.lock().unwrap() += 1,
                Message::Opened => *self.waiting.lock().unwrap() = 0,
            }
        }
    }
}

#[test]
fn no_call_keeps_waiting_on_a_circuit_that_opens_concurrently() {
    model(|| {
        let published = Arc::new(published());
        let scheduler = Arc::new(Scheduler::default());
        let breaker = {
            let (published, scheduler) = (Arc::clone(&published), Arc::clone(&scheduler));
            thread::spawn(move || {
                published.publish(1, open(), || scheduler.send(Message::Opened));
            })
        };
        scheduler.send(Message::Park);
        scheduler.handle_all(&published);
        breaker.join().unwrap();
        scheduler.handle_all(&published);
        assert_eq!(*scheduler.waiting.lock().unwrap(), 0);
    });
}

#[test]
fn a_caller_told_of_an_epoch_is_not_admitted_by_an_older_one() {
    model(|| {
        let published = Arc::new(published());
        let told = Arc::new(Mutex::new(0));
        let breaker = {
            let (published, told) = (Arc::clone(&published), Arc::clone(&told));
            thread::spawn(move || {
                for (epoch, phase) in [(1, open()), (2, Phase::HalfOpen)] {
                    published.publish(epoch, phase, || *told.lock().unwrap() = epoch);
                }
            })
        };
        let mut last = 0;
        for _ in 0..2 {
            let known = *told.lock().unwrap();
            let (epoch, phase) = published.current();
            assert!(epoch >= known, "told of {known}, admitted by {epoch}");
            assert!(epoch >= last, "epochs only grow");
            assert_eq!(phase.state() == State::Closed, epoch == 0);
            last = epoch;
        }
        breaker.join().unwrap();
    });
}

#[test]
fn each_success_is_counted_once_even_if_its_epoch_ends_concurrently() {
    model(|| {
        let published = Arc::new(published());
        let late = {
            let (published, epoch) = (Arc::clone(&published), published.current().0);
            thread::spawn(move || published.count_success(epoch))
        };
        let callers = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                change_lane();
                succeed(&published);
            })
        };
        published.publish(1, Phase::Closed, || ());
        let first = published.counts().successful;
        published.publish(2, Phase::Closed, || ());
        let second = published.counts().successful;
        assert!(first <= second && second <= 2, "{first}, then {second}");
        late.join().unwrap();
        callers.join().unwrap();
        assert_eq!(published.counts().successful, 2);
    });
}

#[test]
fn the_success_count_never_decreases_while_epochs_end() {
    model(|| {
        let published = Arc::new(published());
        succeed(&published);
        let breaker = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                published.publish(1, Phase::Closed, || ());
                succeed(&published);
            })
        };
        let sums = [(); 2].map(|()| published.counts().successful);
        assert!(1 <= sums[0] && sums[0] <= sums[1] && sums[1] <= 2, "{sums:?}");
        breaker.join().unwrap();
        assert_eq!(published.counts().successful, 2);
    });
}

/// A machine behind a lock plays the breaker's actor, and threads play failures on their way to it.
fn machine() -> Arc<Mutex<Machine>> {
    Arc::new(Mutex::new(Machine::new(BreakerConfig::default(), clock::now())))
}

fn failure_arrives(machine: &Mutex<Machine>, sent: CountersAt) -> u32 {
    let CountersAt { at, successes, .. } = sent;
    let failure = Failure { cause: String::new(), at, successes, sent };
    let mut machine = machine.lock().unwrap();
    machine.report(at, Ticket { epoch: 0, trial: None }, Report::Failure(failure));
    machine.readings(&CountersAt::start(at)).fail_counter
}

#[test]
fn a_success_between_two_failures_ends_the_streak_in_any_order_of_arrival() {
    model(|| {
        let (published, streak) = (Arc::new(published()), machine());
        // A call fails; its report is on its way while another succeeds, and a third, which began
        // after that, fails.
        let before = published.look(clock::now());
        let report = {
            let streak = Arc::clone(&streak);
            thread::spawn(move || failure_arrives(&streak, before))
        };
        let success = {
            let published = Arc::clone(&published);
            thread::spawn(move || succeed(&published))
        };
        success.join().unwrap();
        let in_a_row = failure_arrives(&streak, published.look(clock::now()));
        let reported = report.join().unwrap();
        assert!(in_a_row == 1 && reported == 1, "{in_a_row}, {reported}");
        let seen = streak.lock().unwrap().readings(&published.look(clock::now()));
        assert_eq!(seen.fail_counter, 1);
    });
}

#[test]
fn failures_without_a_success_between_them_are_a_streak_in_any_order_of_arrival() {
    model(|| {
        let published = Arc::new(published());
        succeed(&published);
        let streak = machine();
        let failures = [(); 2].map(|()| {
            let (published, streak) = (Arc::clone(&published), Arc::clone(&streak));
            thread::spawn(move || failure_arrives(&streak, published.look(clock::now())))
        });
        let mut lengths = failures.map(|failure| failure.join().unwrap());
        lengths.sort_unstable();
        assert_eq!(lengths, [1, 2]);
    });
}

#[test]
fn snapshots_of_the_success_counters_of_two_threads_are_totally_ordered() {
    // With fences behind writes alone, loom lets two readers see two writes in either order. A
    // processor that orders `SeqCst` in that way does not.
    model_with(Fences::BeforeReads, 2, || {
        let successes = Arc::new(Counters::default());
        let callers = [false, true].map(|second| {
            let successes = Arc::clone(&successes);
            thread::spawn(move || {
                if second {
                    change_lane();
                }
                assert!(successes.success(0));
            })
        });
        let readers = [(); 2].map(|()| {
            let successes = Arc::clone(&successes);
            thread::spawn(move || successes.snapshot())
        });
        let [mine, theirs] = readers.map(|reader| reader.join().unwrap());
        let no_later = |one: [u64; 4], other: [u64; 4]| one[0] <= other[0] && one[1] <= other[1];
        assert!(no_later(mine, theirs) || no_later(theirs, mine), "{mine:?}, {theirs:?}");
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        let totals = Totals { successes: 2, not_slow: 2 };
        assert_eq!((successes.snapshot(), successes.read()), ([1, 1, 0, 0], totals));
    });
}

#[test]
fn a_success_counts_in_the_epoch_that_admitted_it() {
    model(|| {
        let published = Arc::new(published());
        let caller = {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                let (epoch, _) = published.current();
                published.count_success(epoch);
                epoch
            })
        };
        let breaker = {
            let published = Arc::clone(&published);
            thread::spawn(move || published.publish(1, Phase::Closed, || ()))
        };
        breaker.join().unwrap();
        let epoch = caller.join().unwrap();
        assert_eq!(published.counters.read().successes, epoch, "one in epoch 1, none from epoch 0");
    });
}

#[test]
fn a_success_never_counts_in_a_later_epoch() {
    model(|| {
        let published = Arc::new(published());
        let late = {
            let published = Arc::clone(&published);
            thread::spawn(move || published.count_success(0))
        };
        published.publish(1, Phase::Closed, || ());
        assert_eq!(published.counters.read().successes, 0);
        late.join().unwrap();
        let counts = published.counts();
        assert_eq!((counts.epoch.successful, counts.successful), (0, 1));
    });
}

#[test]
fn every_rejection_is_reported_while_one_burst_ends_and_the_next_begins() {
    model(|| {
        let published = Arc::new(published());
        let tally = &published.tally;
        let mailbox = Arc::new(Mutex::new(0));
        let turned_away = |published: &Published, mailbox: &Mutex<u32>| {
            if published.tally.begins_burst_with(RejectionKind::CircuitOpen) {
                *mailbox.lock().unwrap() += 1;
            }
        };
        let events = EventLog::default();
        let mut observers = Observers::default();
        observers.add(std::sync::Arc::new(events.clone()));
        let mut recorder = Recorder::new(observers, Arc::clone(&published));
        // A burst that has been told of: its last window is empty.
        let mut now = clock::now();
        assert!(tally.begins_burst_with(RejectionKind::CircuitOpen));
        recorder.burst_began(now);
        now += SECOND;
        recorder.rejections(now, false);
        assert_eq!(rejections_told(&events), 1);

        let callers = [(); 2].map(|()| {
            let (published, mailbox) = (Arc::clone(&published), Arc::clone(&mailbox));
            thread::spawn(move || turned_away(&published, &mailbox))
        });
        now += SECOND;
        recorder.rejections(now, false);
        callers.into_iter().for_each(|caller| caller.join().unwrap());

        let told = std::mem::take(&mut *mailbox.lock().unwrap());
        assert!(told <= 1, "one message begins a burst");
        for _ in 0..told {
            recorder.burst_began(now);
        }
        while let Some(due) = recorder.poll_timeout() {
            recorder.rejections(due, false);
        }
        assert_eq!(rejections_told(&events), 3);
        assert!(tally.begins_burst_with(RejectionKind::CircuitOpen), "the next is told of again");
    });
}

/// Windows of time that look at the calls of this number of seconds.
fn windows(seconds: u32) -> BreakerConfig {
    let settings = BreakerSettings {
        failure_rate: Some(0.5),
        window: Window::Time(seconds * SECOND),
        ..Default::default()
    };
    BreakerConfig::try_from(settings).unwrap()
}

#[test]
fn a_call_of_an_older_epoch_does_not_move_the_slices_of_new_windows() {
    model_with(Fences::BehindWrites, 2, || {
        let start = clock::now();
        let published = Arc::new(Published::new(&windows(1), start));
        let at = start + 60 * SECOND;
        // Slice 600 of the old windows, and slice 10 of the new ones.
        let old = {
            let published = Arc::clone(&published);
            thread::spawn(move || published.begin_slice(0, at))
        };
        published.in_force.put(&windows(60));
        published.publish(1, Phase::Closed, || ());
        let began = published.begin_slice(1, at);
        old.join().unwrap();
        assert_eq!(began.map(|moment| moment.last_slice), Some(0));
        assert_eq!(published.look(at).last_slice, 10);
    });
}

#[test]
fn a_slice_report_counts_no_success_of_a_later_slice() {
    model_with(Fences::ReadsAreWrites, 3, || {
        let start = clock::now();
        let published = Arc::new(Published::new(&windows(10), start));
        let successes = [1, 2].map(|slice| {
            let published = Arc::clone(&published);
            thread::spawn(move || {
                let began = published.begin_slice(0, start + slice * SECOND);
                published.count_success(0);
                began
            })
        });
        // A failure of the second slice.
        let failed = published.enter_slice(0, start + 2 * SECOND);
        let began = successes.map(|success| success.join().unwrap());
        let told = [Some(failed), began[0], began[1]].into_iter().flatten();
        for moment in told {
            assert!(moment.successes <= moment.last_slice, "{moment:?}");
        }
        let second = [failed.last_slice < 2, began[1].is_some()];
        assert!(second[0] != second[1], "one report begins a slice");
    });
}
