//! When probes are made, when they are not, and what follows from them.

use std::{rc::Rc, sync::Arc, time::Duration};

use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, Mode, Probe, ProbeCounts, State, Upstream,
};

use crate::{
    Meets::{Bad, Good, Hang, Panic},
    Notes, Probed, seconds,
    support::{closed, fail, now, pass, paused, secs, settle, succeed},
};

#[test]
fn enough_good_probes_in_a_row_make_the_circuit_half_open_before_its_open_time() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Good, Bad, Good]));
        let notes = Notes::of(&breaker).await;
        probed.probe(&breaker, 2);
        fail(&breaker, 5).await;
        seconds(3).await;
        assert_eq!(breaker.state(), State::Open, "a bad probe starts the count again");
        seconds(1).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        let (good, bad) = ("Success None", r#"Failure Some("connection refused")"#);
        let half_open = "circuit_breaker: open -> half-open (2 probes succeeded)";
        assert_eq!(notes.all()[1..], [good, bad, good, good, half_open]);
        let cause = &breaker.events().last(1, |_| true)[0];
        let event = serde_json::to_value(&**cause).unwrap();
        assert_eq!(event["cause"], "2 probes succeeded");
        succeed(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn probes_are_no_attempts_and_are_counted_by_their_results() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Good, Bad, Hang, Panic]));
        assert_eq!(breaker.counts().probes, None, "without a prober");
        probed.probe(&breaker, 2);
        fail(&breaker, 5).await;
        let before = breaker.counts();
        seconds(7).await;
        let after = breaker.counts();
        let probes = ProbeCounts { success: 1, failure: 2, timeout: 1 };
        assert_eq!(after.probes, Some(probes));
        assert_eq!((after.successful, after.failed), (before.successful, before.failed));
        assert_eq!(after.ignored, before.ignored);
    });
}

#[test]
fn without_a_good_probe_the_timer_makes_the_circuit_half_open() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Bad]));
        probed.probe(&breaker, 2);
        fail(&breaker, 5).await;
        pass(secs(29.999)).await;
        assert_eq!((breaker.state(), probed.begun().len()), (State::Open, 29));
        pass(secs(0.001)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn a_probe_that_hangs_is_dropped_at_its_timeout_and_is_the_only_one_until_then() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Hang]));
        probed.probe(&breaker, 1);
        fail(&breaker, 5).await;
        let opened = now();
        seconds(9).await;
        let begun: Vec<_> = probed.begun().iter().map(|at| (*at - opened).as_secs()).collect();
        // Each probe takes its timeout of 3 s, and the next begins 1 s later.
        assert_eq!(begun, [1, 5, 9]);
        assert_eq!(probed.in_flight(), 1);
    });
}

#[test]
fn probing_stops_at_once_when_the_circuit_is_no_longer_open_by_its_own_rules() {
    paused(async {
        for mode in [Mode::Auto, Mode::ForcedOpen, Mode::Disabled] {
            let (breaker, probed) = (closed(), Probed::new(&[Hang]));
            probed.probe(&breaker, 1);
            fail(&breaker, 5).await;
            seconds(1).await;
            assert_eq!(probed.in_flight(), 1);
            match mode {
                Mode::Auto => breaker.reset().await,
                Mode::ForcedOpen => breaker.force_open().await,
                Mode::Disabled => breaker.disable().await,
            }
            .unwrap();
            settle().await;
            assert_eq!(probed.in_flight(), 0, "{mode}");
            seconds(40).await;
            assert_eq!(probed.begun().len(), 1, "{mode}");
        }
    });
}

#[test]
fn a_probe_in_flight_when_the_timer_fires_is_dropped() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Bad, Hang]));
        let probe = Probe::every(secs(10.0)).successes(1).timeout(secs(60.0));
        let seen = probed.clone();
        breaker.probe_with(probe, move || async move || seen.meet().await).unwrap();
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        assert_eq!((breaker.state(), probed.in_flight()), (State::HalfOpen, 0));
        assert_eq!(probed.begun().len(), 2);
    });
}

#[test]
fn probing_begins_again_with_each_opening_and_counts_from_zero() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Good]));
        probed.probe(&breaker, 2);
        fail(&breaker, 5).await;
        seconds(1).await;
        breaker.reset().await.unwrap();
        for _ in 0..2 {
            if breaker.state() == State::Closed {
                fail(&breaker, 5).await;
            }
            seconds(1).await;
            assert_eq!(breaker.state(), State::Open, "the good probe before counts no more");
            seconds(1).await;
            assert_eq!(breaker.state(), State::HalfOpen);
            fail(&breaker, 1).await;
            assert_eq!(breaker.state(), State::Open);
        }
    });
}

#[test]
fn a_breaker_that_is_open_already_is_probed_from_now_on() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Good]));
        fail(&breaker, 5).await;
        seconds(10).await;
        probed.probe(&breaker, 1);
        seconds(1).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn a_later_prober_takes_the_place_of_the_earlier_one() {
    paused(async {
        let (breaker, earlier, later) = (closed(), Probed::new(&[Hang]), Probed::new(&[Bad]));
        earlier.probe(&breaker, 1);
        fail(&breaker, 5).await;
        seconds(1).await;
        later.probe(&breaker, 1);
        seconds(5).await;
        assert_eq!((earlier.begun().len(), earlier.in_flight()), (1, 0));
        assert_eq!(later.begun().len(), 5);
    });
}

#[test]
fn a_prober_that_cannot_start_leaves_the_breaker_as_it_is() {
    paused(async {
        let breaker = closed();
        let make =
            || -> fn() -> std::future::Ready<Result<(), &'static str>> { panic!("at start") };
        breaker.probe_with(Probe::every(secs(1.0)), make).unwrap();
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        succeed(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn a_probe_that_panics_before_it_is_a_future_has_failed_and_the_next_one_follows() {
    paused(async {
        let breaker = closed();
        let probe: fn() -> std::future::Ready<Result<(), &'static str>> = || panic!("at once");
        breaker.probe_with(Probe::every(secs(1.0)), move || probe).unwrap();
        fail(&breaker, 5).await;
        seconds(3).await;
        assert_eq!(breaker.counts().probes.unwrap().failure, 3);
    });
}

#[test]
fn the_prober_ends_with_its_breaker() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Bad]));
        probed.probe(&breaker, 1);
        fail(&breaker, 5).await;
        let stopped = breaker.stopped();
        drop(breaker);
        // The open circuit's timer keeps the actor for as long.
        pass(secs(30.0)).await;
        stopped.await;
        settle().await;
        assert_eq!(Arc::strong_count(&probed.0), 1, "nothing else has the probe");
    });
}

#[test]
fn a_breaker_that_is_stopped_ends_with_its_prober_while_its_circuit_is_open() {
    paused(async {
        let (breaker, probed) = (closed(), Probed::new(&[Bad]));
        probed.probe(&breaker, 1);
        fail(&breaker, 5).await;
        let began = now();
        breaker.stop();
        breaker.stopped().await;
        settle().await;
        assert_eq!(now(), began, "no timer is waited for");
        assert_eq!(Arc::strong_count(&probed.0), 1, "nothing else has the probe");
    });
}

/// On real threads. The circuit opens on the test's thread, and its breaker and prober live on another.
#[test]
fn a_probe_that_is_not_send_stays_on_the_arbiter_of_its_breaker() {
    actix_rt::System::new().block_on(async {
        let home = actix_rt::Arbiter::new();
        let config = BreakerConfig::try_from(BreakerSettings::default()).unwrap();
        let breaker = Breaker::start_on(config, &home.handle());
        let (told, threads) = std::sync::mpsc::channel();
        let make = move || {
            let (made_on, not_send) = (std::thread::current().id(), Rc::new(()));
            async move || {
                let _ = Rc::clone(&not_send);
                told.send((made_on, std::thread::current().id())).map_err(|_| "the test has ended")
            }
        };
        breaker.probe_with(Probe::every(Duration::from_millis(1)), make).unwrap();
        fail(&breaker, 5).await;
        let (made_on, probes_on) = threads.recv().unwrap();
        assert_eq!(made_on, probes_on);
        assert_ne!(made_on, std::thread::current().id());
        home.stop();
    });
}

#[test]
fn an_upstream_is_built_with_probes_if_it_has_a_breaker() {
    paused(async {
        let probed = Probed::new(&[Good]);
        let seen = probed.clone();
        let builder = Upstream::builder("probed").breaker(Breaker::consecutive(1));
        let make = move || async move || seen.meet().await;
        let upstream = builder.probe(Probe::every(secs(1.0)), make).start().unwrap();
        let _ = upstream.call(async |_| Err::<(), _>("failed")).await;
        assert_eq!(upstream.state(), State::Open);
        seconds(2).await;
        assert_eq!(upstream.state(), State::HalfOpen);

        let good = || async || Ok::<_, String>(());
        let start = |builder: resilience_actors::UpstreamBuilder, seconds| {
            let probe = Probe::every(secs(seconds));
            builder.probe(probe, good).start().unwrap_err().to_string()
        };
        assert_eq!(
            start(Upstream::builder("x"), 1.0),
            "probe_interval = 1 is not valid: expected breaker to be set"
        );
        assert_eq!(
            start(Upstream::builder("x").breaker(Breaker::consecutive(1)), 30.0),
            "probe_interval = 30 is not valid: expected less than reset_timeout = 30"
        );
    });
}
