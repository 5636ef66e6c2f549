//! What the policies have counted and learned stays.

use resilience_actors::{
    Hedge, Outcome, QuietPeriod, RejectionKind, RetryBudget, Throttle, Verdict,
};

use super::{change, rejection};
use crate::support::{Settings, Step, answer, exact, pass, paused, scripted, secs};

#[test]
fn the_window_of_throttling_stays_and_begins_anew_when_it_was_off() {
    paused(async {
        let settings = Settings { throttle: Some(Throttle::ratio(2.0)), ..exact() };
        let (lab, ..) = scripted([answer(Outcome::Throttled)], settings);
        for _ in 0..20 {
            lab.call_once().await;
        }
        let throttle = || lab.protected.snapshot().throttle.unwrap();
        let before = throttle();
        assert!(before.requests == 20 && before.probability > 0.9, "{before:?}");
        change(&lab.protected, |settings| settings.throttle = Some(Throttle::ratio(3.0)));
        assert_eq!(throttle(), before);
        change(&lab.protected, |settings| settings.throttle = None);
        assert_eq!(rejection(&lab.call_once().await), None);
        change(&lab.protected, |settings| settings.throttle = Some(Throttle::ratio(3.0)));
        assert_eq!(throttle().requests, 0);
    });
}

#[test]
fn the_retries_of_the_budget_stay_counted() {
    paused(async {
        let budget = |share| Some(RetryBudget::share(share).min_per_second(0.0));
        let settings = Settings { retry_budget: budget(1.0), max_attempts: 2, ..exact() };
        let (lab, ..) = scripted([answer(Outcome::Throttled)], settings);
        for _ in 0..4 {
            assert_eq!(lab.call().await.attempts.len(), 2);
        }
        let left = || lab.protected.snapshot().retry_budget.unwrap().left;
        assert_eq!(left(), 0.0);
        change(&lab.protected, |settings| settings.retry_budget = budget(0.5));
        assert_eq!(left(), -2.0);
        assert!(lab.call().await.retry_refused);
        change(&lab.protected, |settings| settings.retry_budget = None);
        assert_eq!(lab.call().await.attempts.len(), 2);
    });
}

#[test]
fn hedging_keeps_its_latencies_and_its_counts() {
    paused(async {
        let percentile = |share| Some(Hedge::after_percentile(share));
        let settings = Settings { hedge: percentile(0.9), ..exact() };
        let (lab, ..) = scripted([Step::AnswerAfter(secs(0.1), Outcome::Success.into())], settings);
        for _ in 0..20 {
            lab.call().await;
        }
        let hedging = || lab.protected.snapshot().hedge.unwrap();
        assert!(hedging().delay.is_some());
        change(&lab.protected, |settings| settings.hedge = percentile(0.5));
        assert!(hedging().delay.is_some(), "what was measured is known");
        change(&lab.protected, |settings| settings.hedge = Some(Hedge::after(secs(0.05))));
        lab.call().await;
        assert_eq!((hedging().made, hedging().delay), (1, Some(secs(0.05))));
        change(&lab.protected, |settings| settings.hedge = percentile(0.9));
        assert_eq!((hedging().made, hedging().delay), (1, None), "nothing was measured meanwhile");
    });
}

#[test]
fn a_quiet_period_lasts_on() {
    paused(async {
        let settings = Settings { quiet_period: Some(QuietPeriod::default()), ..exact() };
        let throttled = Verdict { retry_after: Some(secs(10.0)), ..Outcome::Throttled.into() };
        let (lab, ..) = scripted([Step::Answer(throttled), answer(Outcome::Success)], settings);
        lab.call_once().await;
        let up_to = |secs| Some(QuietPeriod::up_to(secs));
        change(&lab.protected, |settings| settings.quiet_period = up_to(secs(5.0)));
        let quiet = lab.protected.snapshot().quiet_period.unwrap();
        assert!(quiet.left >= secs(10.0) && quiet.max == secs(5.0) && quiet.periods == 1);
        pass(secs(8.0)).await;
        assert_eq!(rejection(&lab.call_once().await), Some(RejectionKind::QuietPeriod));
        change(&lab.protected, |settings| settings.quiet_period = None);
        assert_eq!(rejection(&lab.call_once().await), None);
    });
}
