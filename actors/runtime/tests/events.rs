//! The events that breakers and upstreams record.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::time::Duration;

use futures::future::join_all;
use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, CallLimit, EventKind, EventLog, EventType, Mode,
    Outcome, RejectionKind, State,
};
use support::{
    Lab, Script, Settings, Step, answer, breaker, closed, exact, fail, half_open, lab, pass,
    paused, scripted, secs, settle,
};

/// All events, in order.
fn recorded(breaker: &Breaker) -> Vec<EventKind> {
    breaker.events().last(usize::MAX, |_| true).iter().map(|event| event.kind.clone()).collect()
}

/// All events of one type, in order.
fn of(breaker: &Breaker, wanted: EventType) -> Vec<EventKind> {
    recorded(breaker).into_iter().filter(|kind| kind.event_type() == wanted).collect()
}

fn bursts(breaker: &Breaker) -> Vec<(RejectionKind, u64, Duration)> {
    let bursts = of(breaker, EventType::RejectionBurst);
    bursts
        .into_iter()
        .map(|kind| match kind {
            EventKind::RejectionBurst { rejection, count, window } => (rejection, count, window),
            other => panic!("{other:?}"),
        })
        .collect()
}

async fn reject(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        assert!(breaker.admit().await.is_err());
    }
    settle().await;
}

#[test]
fn an_outage_is_recorded_from_opening_to_recovery() {
    paused(async {
        let breaker = closed();
        pass(secs(12.5)).await;
        fail(&breaker, 5).await;
        reject(&breaker, 3).await;
        pass(secs(30.0)).await;
        breaker.admit().await.unwrap().success().await;
        assert_eq!(
            of(&breaker, EventType::Transition),
            [
                EventKind::Transition {
                    from: State::Closed,
                    to: State::Open,
                    epoch: 1,
                    cause: "5 consecutive failures, last: status 500".into(),
                    after: secs(12.5),
                    half_open_in: Some(secs(30.0)),
                    rejected: 0,
                },
                EventKind::Transition {
                    from: State::Open,
                    to: State::HalfOpen,
                    epoch: 2,
                    cause: "reset timeout of 30.0s elapsed".into(),
                    after: secs(30.0),
                    half_open_in: None,
                    rejected: 3,
                },
                EventKind::Transition {
                    from: State::HalfOpen,
                    to: State::Closed,
                    epoch: 3,
                    cause: "1 trial succeeded".into(),
                    after: Duration::ZERO,
                    half_open_in: None,
                    rejected: 0,
                },
            ]
        );
        assert_eq!(bursts(&breaker), [(RejectionKind::CircuitOpen, 3, secs(1.0))]);
    });
}

#[test]
fn events_are_numbered_and_carry_the_name_of_their_breaker() {
    paused(async {
        let log = EventLog::new("payments", 2);
        let breaker = Breaker::start_recording(BreakerConfig::default(), log.clone());
        for _ in 0..3 {
            breaker.reset().await.unwrap();
        }
        assert_eq!((&**breaker.name(), log.oldest(), log.newest()), ("payments", 5, 6));
        let batch = breaker.events().since(4, 10);
        assert!(batch.events.iter().all(|event| &*event.breaker == "payments"), "{batch:?}");
        assert_eq!(&**closed().name(), "backend");
    });
}

#[test]
fn a_reset_is_recorded_before_its_transition() {
    paused(async {
        let breaker = closed();
        breaker.reset().await.unwrap();
        let events = recorded(&breaker);
        assert_eq!(events[0], EventKind::Reset { epoch: 1 });
        let EventKind::Transition { from, to, epoch: 1, cause, .. } = &events[1] else {
            panic!("{events:?}")
        };
        assert_eq!((*from, *to, &**cause), (State::Closed, State::Closed, "manual reset"));
        assert_eq!(events.len(), 2);
    });
}

#[test]
fn an_expired_lease_is_recorded_before_its_transition() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let _lost = breaker.admit().await.unwrap();
        pass(secs(5.0)).await;
        let events = recorded(&breaker);
        assert_eq!(events[2], EventKind::LeaseExpired { epoch: 2, lease: secs(5.0) });
        assert!(
            matches!(
                &events[3],
                EventKind::Transition { from: State::HalfOpen, to: State::Open, epoch: 3, after, .. }
                    if *after == secs(5.0)
            ),
            "{events:?}"
        );
    });
}

#[test]
fn a_mode_is_recorded_before_its_transition() {
    paused(async {
        let breaker = closed();
        breaker.force_open().await.unwrap();
        breaker.disable().await.unwrap();
        breaker.enable().await.unwrap();
        breaker.enable().await.unwrap();
        breaker.disable().await.unwrap();
        breaker.reset().await.unwrap();
        let modes = of(&breaker, EventType::Mode);
        use Mode::{Auto, Disabled, ForcedOpen};
        let path = [
            (Auto, ForcedOpen),
            (ForcedOpen, Disabled),
            (Disabled, Auto),
            (Auto, Disabled),
            (Disabled, Auto),
        ];
        assert_eq!(modes, path.map(|(from, to)| EventKind::Mode { from, to }));
        let types: Vec<_> = recorded(&breaker).iter().map(EventKind::event_type).collect();
        let (mode, transition) = (EventType::Mode, EventType::Transition);
        assert_eq!(types[..2], [mode, transition]);
        assert_eq!(types[8..], [EventType::Reset, mode, transition]);
        let EventKind::Transition { half_open_in, cause, .. } = &recorded(&breaker)[1] else {
            panic!()
        };
        assert_eq!((*half_open_in, &**cause), (None, "forced open by hand"));
    });
}

#[test]
fn rejections_are_recorded_once_a_second_while_they_go_on() {
    paused(async {
        let breaker = closed();
        breaker.force_open().await.unwrap();
        reject(&breaker, 1000).await;
        pass(secs(0.999)).await;
        assert_eq!(bursts(&breaker), [], "before the second is over");
        reject(&breaker, 1).await;
        pass(secs(0.001)).await;
        let open = |count| (RejectionKind::CircuitOpen, count, secs(1.0));
        assert_eq!(bursts(&breaker), [open(1001)]);

        reject(&breaker, 7).await;
        pass(secs(60.0)).await;
        assert_eq!(
            bursts(&breaker),
            [open(1001), open(7)],
            "a second without rejections has no event"
        );

        // Rejections begin again after a pause.
        reject(&breaker, 1).await;
        pass(secs(1.0)).await;
        assert_eq!(bursts(&breaker)[2..], [open(1)]);
    });
}

#[test]
fn a_burst_sends_one_message_however_many_calls_are_rejected() {
    paused(async {
        let breaker = closed();
        breaker.force_open().await.unwrap();
        assert_eq!(breaker.mailbox_depth(), 0);
        for _ in 0..1000 {
            assert!(breaker.admit().await.is_err());
        }
        assert_eq!(breaker.mailbox_depth(), 1);
        settle().await;
        assert_eq!(breaker.mailbox_depth(), 0);
    });
}

#[test]
fn a_transition_records_the_rejections_before_it() {
    paused(async {
        let breaker = breaker(BreakerSettings { reset_timeout: secs(0.5), ..Default::default() });
        fail(&breaker, 5).await;
        reject(&breaker, 4).await;
        pass(secs(0.5)).await;
        let events = recorded(&breaker);
        let types: Vec<_> = events.iter().map(EventKind::event_type).collect();
        let (transition, burst) = (EventType::Transition, EventType::RejectionBurst);
        assert_eq!(types, [transition, burst, transition]);
        assert_eq!(bursts(&breaker), [(RejectionKind::CircuitOpen, 4, secs(0.5))]);
    });
}

#[test]
fn rejected_trials_and_calls_past_the_limit_are_separate_bursts() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let _trial = breaker.admit().await.unwrap();
        reject(&breaker, 2).await;
        let no_calls = CallLimit::new(0);
        let script = Script::new([Step::Hang]);
        let lab = Lab::new(script, Settings::default(), &breaker, no_calls);
        for _ in 0..3 {
            assert!(lab.call().await.result.is_err());
        }
        pass(secs(1.0)).await;
        assert_eq!(
            bursts(&breaker),
            [(RejectionKind::TrialLimit, 2, secs(1.0)), (RejectionKind::Overloaded, 3, secs(1.0)),]
        );
    });
}

#[test]
fn each_retry_is_recorded() {
    paused(async {
        let steps =
            [answer(Outcome::ServerError), answer(Outcome::ServerError), answer(Outcome::Success)];
        let (lab, _, breaker) = scripted(steps, exact());
        let report = lab.call().await;
        let starts: Vec<_> = report.attempts.iter().map(|attempt| attempt.start).collect();
        assert_eq!(starts, [0.0, 1.0, 3.0].map(secs));
        let retry = |attempt, wait| EventKind::Retry {
            call: report.id,
            attempt,
            max_attempts: 4,
            cause: "ServerError".into(),
            wait,
            trace_id: None,
        };
        assert_eq!(recorded(&breaker), [retry(1, secs(1.0)), retry(2, secs(2.0))]);
    });
}

#[test]
fn retries_past_a_hundred_a_second_are_only_counted() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Throttled)], exact());
        let calls = join_all((0..1000).map(|_| lab.call()));
        assert!(tokio::time::timeout(secs(1.5), calls).await.is_err());
        assert_eq!(of(&breaker, EventType::Retry).len(), 200, "a hundred a second, for two");
        let skipped = EventKind::CallsSkipped { of: EventType::Retry, count: 900 };
        assert_eq!(of(&breaker, EventType::CallsSkipped), [skipped]);
    });
}

#[test]
fn a_release_records_the_number_of_calls_and_the_cause() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Throttled)]), closed());
        let lab = lab(&script, exact(), &breaker);
        let idle = support::lab(&script, exact(), &breaker);
        let calls = join_all((0..50).map(|_| lab.call()));
        let opening = async {
            pass(secs(0.5)).await;
            breaker.force_open().await.unwrap();
        };
        futures::join!(calls, opening);
        let released = EventKind::Release { calls: 50, cause: "forced open by hand".into() };
        assert_eq!(of(&breaker, EventType::Release), [released]);
        drop(idle);
    });
}
