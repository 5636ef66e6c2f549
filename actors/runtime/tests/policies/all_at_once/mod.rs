//! Every policy at once, on four threads and with the real clock: callers come and leave at random, while the settings
//! and the upstream change.

mod settings;
mod upstream;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    iter::repeat_with,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    BreakerSettings, CallLimit, CallOptions, CallSettings, Coalescer, Observation, Observer,
    Outcome, Priority, Probe, ReportOf, State, Upstream, Verdict, breaker::Reason, within,
};
use resilience_testing::{PATIENCE, until_async};
use settings::{TIMEOUT, breaker, calls, millis};
use tokio::time::sleep;
use upstream::{CurrentMood, Mood, Moody};

use crate::support::{NoAnswer, arbiters::on_arbiters, now, silence_injected_panics};

const CALLERS: usize = 100_000;
const ARBITERS: usize = 4;

/// Callers of an arbiter that are there at a time.
const AT_A_TIME: usize = 100;

/// Calls of all arbiters that may be in flight or wait.
const MAX_CALLS: usize = 120;

/// Callers that share a call have one of this number of keys.
const KEYS: u32 = 8;

/// Time between two changes.
const PACE: Duration = millis(2);

/// How often observers were told of what happened.
#[derive(Debug, Default)]
struct Seen(Mutex<BTreeMap<&'static str, u64>>);

impl Seen {
    fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    fn times(&self, what: &'static str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

impl Observer for Seen {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Admitted { .. } => self.count("admitted"),
            Observation::AttemptEnded { attempt, .. } => {
                self.count("ended");
                if attempt.outcome == Outcome::DeadlineExceeded {
                    self.count("out of time");
                }
            }
            Observation::FellBack { .. } => self.count("fell back"),
            Observation::Transition { transition, .. } => {
                if matches!(transition.reason, Reason::SlowRate { .. }) {
                    self.count("opened by slow calls");
                }
            }
            _ => {}
        }
    }
}

/// What the callers share.
#[derive(Debug, Clone)]
struct Lab {
    upstream: Upstream,
    limit: CallLimit,
    /// The answer is true if a call or its fallback had one.
    coalescer: Coalescer<u32, bool>,
    mood: CurrentMood,
    seen: Arc<Seen>,
}

impl Lab {
    fn start(rng: &mut SmallRng) -> Self {
        let (limit, seen, mood) =
            (CallLimit::new(MAX_CALLS), Arc::<Seen>::default(), CurrentMood::default());
        let probed = mood.clone();
        let probe = move || {
            async move || {
                sleep(millis(1)).await;
                if probed.get() == Mood::Down { Err(NoAnswer) } else { Ok(()) }
            }
        };
        let upstream = Upstream::builder("moody")
            .settings(calls(rng))
            .limit(limit.clone())
            .breaker(breaker())
            .probe(Probe::every(millis(5)).timeout(TIMEOUT), probe)
            .observer(Arc::<Seen>::clone(&seen));
        let upstream = upstream.start().unwrap();
        Self { upstream, limit, coalescer: Coalescer::new(), mood, seen }
    }

    /// Changes the settings, and the mood of the upstream at times.
    async fn change(&self, rng: &mut SmallRng) {
        if rng.random_bool(0.05) {
            self.mood.set(rng.random_range(0..Mood::ALL.len()));
        }
        let calls = calls(rng);
        if rng.random_bool(0.1) {
            let breaker = BreakerSettings { min_calls: rng.random_range(10..30), ..breaker() };
            self.upstream.reconfigure_with_breaker(calls, breaker).await.unwrap();
        } else {
            self.upstream.reconfigure(calls).unwrap();
        }
    }

    /// A caller comes. Returns whether its call or its fallback had an answer, or `None` if it leaves before.
    async fn caller(self, rng: Rc<RefCell<SmallRng>>) -> Option<bool> {
        let (comes, patience, key, falls_back, options) = {
            let rng = &mut *rng.borrow_mut();
            let comes = Duration::from_micros(rng.random_range(0..40_000));
            let patience =
                rng.random_bool(0.5).then(|| Duration::from_micros(rng.random_range(0..20_000)));
            let key = rng.random_bool(0.3).then(|| rng.random_range(0..KEYS));
            let options = CallOptions::new().priority(Priority::ALL[rng.random_range(0..4)]);
            let options = match rng.random_range(0..10) {
                0 => options.time_left(millis(rng.random_range(0..30))),
                _ => options,
            };
            (comes, patience, key, rng.random_bool(0.3), options)
        };
        sleep(comes).await;
        let (upstream, operation) = (self.upstream, Moody { rng, mood: self.mood });
        let fallback =
            move |_: &ReportOf<Moody>| falls_back.then(|| Verdict::from(Outcome::Success));
        let make = async move || upstream.run_or(options, operation, fallback).await.result.is_ok();
        let call = async {
            match key {
                Some(key) => self.coalescer.call(key, make).await.unwrap(),
                None => make().await,
            }
        };
        match patience {
            Some(patience) => within(now() + patience, call).await,
            None => Some(call.await),
        }
    }

    /// The callers of an arbiter: how many had an answer, had none, and left before.
    async fn callers(self, seed: u64) -> [usize; 3] {
        let rng = Rc::new(RefCell::new(SmallRng::seed_from_u64(seed)));
        let callers = repeat_with(|| self.clone().caller(Rc::clone(&rng)));
        let callers = stream::iter(callers.take(CALLERS / ARBITERS));
        let ended: Vec<_> = callers.buffer_unordered(AT_A_TIME).collect().await;
        [Some(true), Some(false), None]
            .map(|end| ended.iter().filter(|ended| **ended == end).count())
    }

    /// Before anything resets the circuit: that would free a trial that is lost.
    async fn everything_is_free(&self) {
        let Self { upstream, limit, coalescer, seen, .. } = self;
        until_async("calls are over", PATIENCE, async || limit.in_use() == 0).await;
        let all_ended = async || seen.times("ended") == seen.times("admitted");
        until_async("each attempt that was admitted has ended", PATIENCE, all_ended).await;
        assert_eq!(limit.waiting(), 0);
        let shared = coalescer.snapshot();
        assert_eq!((shared.in_flight, shared.callers), (0, 0));
        let no_trial =
            async || upstream.breaker().unwrap().inspect().await.unwrap().trials_in_flight == 0;
        until_async("every trial has ended", PATIENCE, no_trial).await;
        let places = upstream.snapshot().concurrency.unwrap();
        assert_eq!((places.in_flight, places.queued), (0, 0));
        let all_tokens = async || {
            let rate = upstream.snapshot().rate.unwrap();
            (rate.waiting, rate.available) == (0, rate.burst)
        };
        until_async("every token is there", PATIENCE, all_tokens).await;
    }

    /// A policy that did nothing shows nothing.
    fn every_policy_has_acted(&self) {
        let (counts, of) = (self.upstream.breaker().unwrap().counts(), self.upstream.snapshot());
        let (rejected, probes) = (counts.not_permitted, of.probes.unwrap());
        let (hedges, faults) = (of.hedge.unwrap(), of.chaos.unwrap());
        for (what, times) in [
            ("overloaded", rejected.overloaded),
            ("rejected by the open circuit", rejected.circuit_open),
            ("rejected for want of a trial", rejected.trial_limit),
            ("throttled", rejected.throttle),
            ("rejected for want of a token", rejected.rate_limit),
            ("rejected for want of a place", rejected.concurrency_limit),
            ("rejected in a quiet period", rejected.quiet_period),
            ("retries", counts.retries.successful_with_retry),
            ("refused retries", of.retry_budget.unwrap().refused),
            ("hedges", hedges.made),
            ("hedges that won", hedges.won),
            ("good probes", probes.success),
            ("bad probes", probes.failure),
            ("injected failures", faults.failures),
            ("injected delays", faults.delays),
            ("injected panics", faults.panics),
            ("callers that shared a call", self.coalescer.snapshot().coalesced),
            ("fallbacks", self.seen.times("fell back")),
            ("attempts out of time", self.seen.times("out of time")),
            ("openings by slow calls", self.seen.times("opened by slow calls")),
        ] {
            println!("{what}: {times}");
            assert!(times > 0, "none: {what}");
        }
    }

    async fn recovers_by_itself(&self) {
        self.mood.set(0);
        self.upstream.reconfigure(CallSettings::default()).unwrap();
        let closes = async || {
            let answered = self.upstream.call(async |_| Ok::<_, NoAnswer>(())).await.is_ok();
            answered && self.upstream.state() == State::Closed
        };
        until_async("the circuit closes", PATIENCE, closes).await;
    }
}

#[test]
fn after_a_hundred_thousand_callers_every_place_token_permit_and_trial_is_free() {
    silence_injected_panics();
    actix_rt::System::new().block_on(async {
        let mut rng = SmallRng::seed_from_u64(7);
        let lab = Lab::start(&mut rng);
        let on_arbiter = lab.clone();
        let mut ends = on_arbiters(ARBITERS, move |seed| on_arbiter.clone().callers(seed));
        let (mut arbiters, mut ended) = (Vec::new(), [0; 3]);
        while !ends.is_empty() {
            lab.change(&mut rng).await;
            if let Some(Some((arbiter, more))) = within(now() + PACE, ends.next()).await {
                arbiters.push(arbiter);
                ended = std::array::from_fn(|end| ended[end] + more[end]);
            }
        }
        println!("answered, not answered, left: {ended:?}");
        assert_eq!(ended.iter().sum::<usize>(), CALLERS, "each caller had an answer, or has left");
        assert!(ended.iter().all(|of| *of > CALLERS / 50), "{ended:?}");
        lab.everything_is_free().await;
        lab.every_policy_has_acted();
        lab.recovers_by_itself().await;
        for arbiter in arbiters {
            arbiter.stop();
        }
    });
}
