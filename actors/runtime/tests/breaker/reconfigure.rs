//! Other settings for a running circuit, through its handle.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, EventKind, EventType, Observation, Observer, Outcome,
    Rejection, RejectionKind, State, Window,
};

use crate::support::{
    answer, breaker, closed, exact, fail, half_open, pass, paused, scripted, secs, succeed,
};

const RESET: Duration = Duration::from_secs(30);

/// With other settings than the ones in force.
async fn reconfigure(breaker: &Breaker, change: impl FnOnce(&mut BreakerSettings)) {
    let mut settings = (**breaker.config()).clone();
    change(&mut settings);
    breaker.reconfigure(BreakerConfig::try_from(settings).unwrap()).await.unwrap();
}

/// Log lines of transitions and of other settings.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn of(breaker: &Breaker) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        breaker.observe(Arc::<Self>::clone(&lines)).unwrap();
        lines
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Lines {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match observation {
            Observation::Transition { transition, .. } => transition.to_string(),
            Observation::Reconfigured(change) => change.to_string(),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn the_settings_are_in_force_and_published_before_it_returns() {
    paused(async {
        let breaker = closed();
        let lines = Lines::of(&breaker);
        assert_eq!(breaker.slow_after(), None);
        let settings = Breaker::slow_rate(0.5, secs(0.5)).or_consecutive(3).over(secs(60.0));
        let config = BreakerConfig::try_from(settings.clone()).unwrap();
        breaker.reconfigure(config.clone()).await.unwrap();
        assert_eq!((&*breaker.config(), breaker.slow_after()), (&config, Some(secs(0.5))));
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.settings, seen.epoch), (settings, 1));
        let changes = [
            "fail_max 5 -> 3",
            "window 100 calls -> 60 s",
            "slow_call none -> 0.5",
            "slow_rate none -> 0.5",
        ];
        assert_eq!(
            lines.all(),
            [format!(
                "circuit_breaker: reconfigured ({}; windows begin empty)",
                changes.join(", ")
            )]
        );
        let events = breaker.events().last(usize::MAX, |_| true);
        let told = EventKind::Reconfigured {
            changes: changes.map(str::to_owned).to_vec(),
            epoch: Some(1),
            half_open_in: None,
        };
        assert!(events[0].kind.event_type().is_rare());
        assert_eq!((events.len(), &events[0].kind), (1, &told));

        breaker.reconfigure(config).await.unwrap();
        assert_eq!((lines.all().len(), breaker.counts().epoch.number), (1, 1), "the same settings");
    });
}

#[test]
fn the_timer_and_rejections_follow_another_reset_timeout() {
    paused(async {
        for (reset_timeout, left) in [(secs(12.0), secs(2.0)), (secs(50.0), secs(40.0))] {
            let breaker = closed();
            fail(&breaker, 5).await;
            pass(secs(10.0)).await;
            reconfigure(&breaker, |settings| settings.reset_timeout = reset_timeout).await;
            let rejection = breaker.admit().await.unwrap_err();
            assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, left));
            assert_eq!(breaker.inspect().await.unwrap().half_open_in, Some(left));
            pass(left - secs(0.001)).await;
            assert_eq!(breaker.state(), State::Open);
            // No call, no message: only time.
            pass(secs(0.001)).await;
            assert_eq!(breaker.state(), State::HalfOpen);
            assert_eq!(breaker.inspect().await.unwrap().open_count, 1);
        }
    });
}

#[test]
fn an_open_time_that_is_over_is_published_as_half_open_after_the_settings_are_told() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(secs(10.0)).await;
        let lines = Lines::of(&breaker);
        reconfigure(&breaker, |settings| settings.reset_timeout = secs(5.0)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(
            lines.all(),
            [
                "circuit_breaker: reconfigured (reset_timeout 30 -> 5; half-open in 0.0s)",
                "circuit_breaker: open -> half-open (reset timeout of 5.0s elapsed)",
            ]
        );
        assert!(breaker.admit().await.unwrap().is_trial());
    });
}

#[test]
fn a_trial_in_flight_stays_valid_and_closes_the_circuit() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let trial = breaker.admit().await.unwrap();
        reconfigure(&breaker, |settings| {
            settings.trial_lease = secs(1.0);
            settings.half_open_max_calls = 2;
            settings.window = Window::Time(secs(10.0));
            settings.failures = Some(2);
        })
        .await;
        pass(secs(4.0)).await;
        let other = breaker.admit().await.unwrap();
        trial.success().await;
        assert_eq!(breaker.state(), State::Closed);
        other.failure("status 500").await;
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Closed, "one failure since it closed");
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_circuit_that_is_forced_open_rejects_with_the_new_reset_timeout() {
    paused(async {
        let breaker = closed();
        breaker.force_open().await.unwrap();
        reconfigure(&breaker, |settings| settings.reset_timeout = secs(7.0)).await;
        let rejection = breaker.admit().await.unwrap_err();
        assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, secs(7.0)));
        pass(RESET).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn results_from_before_other_windows_are_counted_but_not_in_them() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.5).over_calls(100).at_least(4));
        succeed(&breaker, 3).await;
        let (good, bad) = (breaker.admit().await.unwrap(), breaker.admit().await.unwrap());
        let before = breaker.events().last(usize::MAX, |_| true).len();
        reconfigure(&breaker, |settings| settings.window = Window::Calls(10)).await;
        bad.failure("status 500").await;
        good.success().await;
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.buffered_calls, seen.failed_calls, seen.open_count), (0, 0, 0));
        let counts = breaker.counts();
        assert_eq!((counts.successful, counts.failed, counts.transitions), (4, 1, vec![]));
        assert_eq!((counts.epoch.number, counts.epoch.successful), (1, 0));
        let transitions =
            breaker.events().last(9, |event| event.kind.event_type() == EventType::Transition);
        assert_eq!((transitions.len(), before), (0, 0));
        fail(&breaker, 3).await;
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn windows_of_other_slices_count_every_success() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.5).over(secs(1.0)).at_least(4));
        pass(secs(1_000.0)).await;
        // These slices are many, and their numbers are high.
        succeed(&breaker, 2).await;
        let (good, bad) = (breaker.admit().await.unwrap(), breaker.admit().await.unwrap());
        reconfigure(&breaker, |settings| settings.window = Window::Time(secs(60.0))).await;
        good.success().await;
        bad.failure("status 500").await;
        for _ in 0..5 {
            pass(secs(6.0)).await;
            succeed(&breaker, 2).await;
            fail(&breaker, 1).await;
        }
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.state, seen.buffered_calls, seen.failed_calls), (State::Closed, 15, 5));
        pass(secs(60.0)).await;
        assert_eq!(breaker.inspect().await.unwrap().buffered_calls, 0, "they leave the window");
    });
}

#[test]
fn a_call_that_waits_for_its_retry_goes_on_under_other_settings() {
    paused(async {
        let steps = [answer(Outcome::ServerError), answer(Outcome::Success)];
        let (lab, script, breaker) = scripted(steps, exact());
        let changing = async {
            pass(secs(0.5)).await;
            assert_eq!(lab.limit.waiting(), 1);
            reconfigure(&breaker, |settings| settings.failures = Some(9)).await;
        };
        let (report, ()) = futures::join!(lab.call(), changing);
        assert_eq!((report.attempts.len(), script.touched()), (2, 2));
        assert_eq!((report.rejection(), report.state), (None, State::Closed));
    });
}
