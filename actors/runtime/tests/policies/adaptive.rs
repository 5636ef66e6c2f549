//! The limit that follows latency.

use futures::future::join_all;
use resilience_actors::{Concurrency, Outcome};

use crate::support::{Script, Settings, Step, answer, closed, exact, lab, pass, paused, secs};

fn adaptive(concurrency: Concurrency) -> Settings {
    Settings { concurrency: Some(concurrency), max_attempts: 1, ..exact() }
}

fn after(seconds: f64, outcome: Outcome) -> Step {
    Step::AnswerAfter(secs(seconds), outcome.into())
}

#[test]
fn the_limit_grows_with_use_and_attempts_in_the_queue_get_the_new_places() {
    paused(async {
        let script = Script::new([after(0.05, Outcome::Success)]);
        let settings = adaptive(Concurrency::adaptive(2..=40).queue(1_000).wait(secs(27.0)));
        let lab = lab(&script, settings, &closed());
        let limit = lab.protected.concurrency().unwrap();
        assert_eq!((limit.snapshot().max, limit.snapshot().adaptive.unwrap().baseline), (20, None));
        let watch = async {
            pass(secs(1.0)).await;
            let now = limit.snapshot();
            assert!(now.queued > 0 && now.max > 22, "{now:?}");
            assert_eq!(now.in_flight, now.max, "the queue has the new places");
        };
        let (reports, ()) = futures::join!(join_all((0..1_000).map(|_| lab.call())), watch);
        assert!(reports.iter().all(|report| report.result.is_ok()));
        let now = limit.snapshot();
        assert_eq!((now.in_flight, now.queued), (0, 0));
        let baseline = now.adaptive.unwrap().baseline.unwrap();
        assert!((0.05..0.06).contains(&baseline.as_secs_f64()), "{baseline:?}");
    });
}

#[test]
fn throttled_and_timed_out_attempts_lower_the_limit_and_other_failures_do_not() {
    for (step, falls) in [
        (answer(Outcome::Throttled), true),
        (Step::Hang, true),
        (answer(Outcome::ServerError), false),
        (Step::Panic, false),
    ] {
        paused(async {
            let script = Script::new([step.clone()]);
            let settings =
                Settings { attempt_timeout: secs(0.1), ..adaptive(Concurrency::adaptive(2..=40)) };
            // Without a circuit, which would open.
            let lab = lab(&script, settings, &closed());
            lab.protected.breaker().unwrap().disable().await.unwrap();
            for _ in 0..40 {
                join_all((0..10).map(|_| lab.call())).await;
                pass(secs(0.05)).await;
            }
            let max = lab.protected.concurrency().unwrap().snapshot().max;
            assert_eq!(max < 20, falls, "{step:?}: {max}");
        });
    }
}
