//! Priorities of the limit on attempts in flight, and of throttling.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::future::join_all;
use resilience_actors::{
    CallOptions, Concurrency, Hedge, Outcome, Priority, RejectionKind, Throttle,
};

use crate::support::{
    Lab, Script, Settings, Step, answer, closed, exact, lab, pass, paused, secs, settle,
};

fn prioritised(concurrency: Concurrency) -> Settings {
    Settings { concurrency: Some(concurrency.priorities()), max_attempts: 1, ..exact() }
}

fn slow(seconds: f64) -> Step {
    Step::AnswerAfter(secs(seconds), Outcome::Success.into())
}

/// Calls that arrive at this rate for some seconds, of all priorities in turn. Returns the share of each that was
/// answered.
async fn storm(lab: &Lab<Script>, script: &Script, rate: u32, seconds: u32) -> [f64; 4] {
    let answered = Rc::new(RefCell::new([(0_u32, 0_u32); 4]));
    let every = Duration::from_secs(1) / rate;
    let (mut begun, mut arrivals) = (Vec::new(), tokio::time::interval(every));
    for number in 0..rate * seconds {
        arrivals.tick().await;
        let priority = Priority::ALL[number as usize % 4];
        let (upstream, script) = (lab.protected.clone(), script.clone());
        let answered = Rc::clone(&answered);
        begun.push(actix_rt::spawn(async move {
            let options = CallOptions::new().priority(priority);
            let report = upstream.run_with(options, script).await;
            if let Some(rejection) = report.rejection() {
                assert_eq!(rejection.kind(), RejectionKind::ConcurrencyLimit);
            }
            let mut answered = answered.borrow_mut();
            let (good, all) = &mut answered[usize::from(priority.level())];
            *good += u32::from(report.result.is_ok());
            *all += 1;
        }));
    }
    join_all(begun).await;
    answered.take().map(|(good, all)| f64::from(good) / f64::from(all))
}

#[test]
fn at_three_times_the_capacity_the_most_important_succeed_and_the_least_important_are_shed() {
    paused(async {
        // 10 places of 50 ms are 200 calls a second, and 600 arrive.
        let script = Script::new([slow(0.05)]);
        let limit = Concurrency::at_most(10).queue(20).wait(secs(0.5));
        let lab = lab(&script, prioritised(limit), &closed());
        let shares = storm(&lab, &script, 600, 8).await;
        assert!(shares[3] > 0.99, "{shares:?}");
        assert!(shares[0] < 0.1 && shares[1] < 0.15, "{shares:?}");
        assert!(shares.iter().sum::<f64>() > 0.9 * 4.0 / 3.0, "no place is idle: {shares:?}");
        let priorities = lab.protected.concurrency().unwrap().snapshot().priorities.unwrap();
        let [very_low, .., high] = priorities.rejected;
        assert!(very_low > 1_000 && high < 12, "{priorities:?}");
    });
}

#[test]
fn without_a_queue_the_least_important_are_shed_too() {
    paused(async {
        let script = Script::new([slow(0.05)]);
        let lab = lab(&script, prioritised(Concurrency::at_most(20)), &closed());
        let shares = storm(&lab, &script, 1_200, 6).await;
        assert!(shares[3] > 0.85, "{shares:?}");
        assert!(shares[0] < 0.1 && shares[1] < 0.1, "{shares:?}");
    });
}

#[test]
fn without_overload_no_call_is_rejected() {
    paused(async {
        let script = Script::new([slow(0.05)]);
        let limit = Concurrency::at_most(10).queue(20);
        let lab = lab(&script, prioritised(limit), &closed());
        assert_eq!(storm(&lab, &script, 190, 5).await, [1.0; 4]);
    });
}

#[test]
fn more_important_attempts_overtake_others_and_displace_them_from_a_full_queue() {
    paused(async {
        let script = Script::new([slow(1.0)]);
        let limit = Concurrency::at_most(1).queue(2).wait(secs(9.0));
        let lab = lab(&script, prioritised(limit), &closed());
        let call = |priority| {
            lab.protected.run_with(CallOptions::new().priority(priority), script.clone())
        };
        let later = async {
            pass(secs(0.1)).await;
            settle().await;
            call(Priority::High).await
        };
        let (first, low, normal, high) = futures::join!(
            call(Priority::VeryLow),
            call(Priority::Low),
            call(Priority::Normal),
            later
        );
        assert!(first.result.is_ok(), "an attempt in flight keeps its place");
        assert_eq!(low.rejection().unwrap().kind(), RejectionKind::ConcurrencyLimit);
        assert!((0.1..0.11).contains(&low.elapsed.as_secs_f64()), "{:?}", low.elapsed);
        let ends = [&high, &normal].map(|report| report.elapsed.as_secs_f64());
        assert!((1.9..1.91).contains(&ends[0]) && (3.0..3.01).contains(&ends[1]), "{ends:?}");
    });
}

#[test]
fn without_priorities_attempts_are_served_in_order_of_arrival() {
    paused(async {
        let script = Script::new([slow(1.0)]);
        let concurrency = Some(Concurrency::at_most(1).queue(2).wait(secs(9.0)));
        let lab = lab(&script, Settings { concurrency, ..exact() }, &closed());
        let calls = [Priority::VeryLow, Priority::Low, Priority::High].map(|priority| {
            lab.protected.run_with(CallOptions::new().priority(priority), script.clone())
        });
        let ends: Vec<_> =
            join_all(calls).await.iter().map(|report| report.elapsed.as_secs()).collect();
        assert_eq!(ends, [1, 2, 3]);
        assert_eq!(lab.protected.concurrency().unwrap().snapshot().priorities, None);
    });
}

fn throttled() -> Settings {
    Settings { max_attempts: 1, throttle: Some(Throttle::ratio(2.0)), ..exact() }
}

/// Makes so many calls of this priority, one after the other, which end so. Returns how many of them were rejected.
async fn rejected(lab: &Lab<Script>, priority: Priority, calls: usize, outcome: Outcome) -> usize {
    let script = Script::new([answer(outcome)]);
    for _ in 0..calls {
        let options = CallOptions::new().priority(priority);
        let report = lab.protected.run_with(options, script.clone()).await;
        let kind = report.rejection().map(resilience_actors::Rejection::kind);
        assert!(matches!(kind, None | Some(RejectionKind::Throttle)), "{kind:?}");
    }
    calls - script.touched()
}

#[test]
fn an_upstream_that_refuses_the_less_important_attempts_first_gets_all_of_the_others() {
    paused(async {
        let lab = lab(&Script::new([]), throttled(), &closed());
        for _ in 0..40 {
            for priority in [Priority::VeryLow, Priority::Low, Priority::Normal] {
                rejected(&lab, priority, 5, Outcome::Throttled).await;
            }
            assert_eq!(rejected(&lab, Priority::High, 5, Outcome::Success).await, 0);
        }
        let throttle = lab.protected.snapshot().throttle.unwrap();
        assert_eq!((throttle.requests, throttle.accepts), (800, 200));
        assert!(throttle.rejected > 540, "{throttle:?}");
        let refused = 200.0 / 201.0;
        assert_eq!(throttle.probabilities, [refused, refused, refused, 0.0]);
        assert!((throttle.probability - 0.75 * refused).abs() < 1e-9, "{throttle:?}");
    });
}

#[test]
fn an_attempt_is_throttled_no_more_than_a_less_important_one() {
    paused(async {
        let lab = lab(&Script::new([]), throttled(), &closed());
        assert!(rejected(&lab, Priority::High, 200, Outcome::Throttled).await > 180);
        assert_eq!(rejected(&lab, Priority::Low, 99, Outcome::Success).await, 0);
        assert!(rejected(&lab, Priority::High, 20, Outcome::Throttled).await > 15);
        // Now there are enough of them.
        assert_eq!(rejected(&lab, Priority::Low, 1, Outcome::Success).await, 0);
        assert_eq!(rejected(&lab, Priority::High, 200, Outcome::Throttled).await, 0);
        // What the more important attempts meet says nothing about the less important ones.
        assert_eq!(rejected(&lab, Priority::Low, 100, Outcome::Success).await, 0);
    });
}

#[test]
fn a_retry_and_a_hedge_are_throttled_with_the_priority_of_their_call() {
    paused(async {
        let hedge = Some(Hedge::after(secs(0.5)));
        let lab =
            lab(&Script::new([]), Settings { max_attempts: 2, hedge, ..throttled() }, &closed());
        join_all((0..200).map(|_| {
            let refuses = Script::new([Step::AnswerAfter(secs(0.1), Outcome::Throttled.into())]);
            lab.protected.run_with(CallOptions::new().without_retries(), refuses)
        }))
        .await;
        for step in [slow(1.0), answer(Outcome::ServerError)] {
            let script = Script::new([step]);
            let options = CallOptions::new().priority(Priority::High);
            let report = lab.protected.run_with(options, script.clone()).await;
            assert_eq!((report.attempts.len(), script.touched()), (2, 2));
        }
        let [.., normal, high] = lab.protected.snapshot().throttle.unwrap().probabilities;
        assert_eq!((normal, high), (200.0 / 201.0, 0.0));
    });
}
