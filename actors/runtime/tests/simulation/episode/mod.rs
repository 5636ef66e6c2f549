//! One episode: random settings, random steps, and a quiet end.

mod changes;
mod closing;
mod sharing;
mod steps;
mod turns;
mod users;

use std::{collections::VecDeque, rc::Rc, time::Duration};

use actix_rt::task::JoinHandle;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Breaker, BreakerConfig, Mode, Priority, Upstream};

use crate::{
    record::{CallNumber, Fallback, Request, Totals},
    settings::Settings,
    support::{Lab, pass, paused, settle},
    upstream::probes,
    watcher::Watcher,
    world::World,
};
use steps::{Calls, Pause, Step};
use turns::{drop_after_turns, pass_turns};

/// Number of steps in an episode.
pub(crate) const STEPS: u64 = 1_000;

/// Number of different things that calls of an upstream can ask for.
const ASKED_FOR: u8 = 3;

/// Number of steps that the report of a broken rule shows.
const SHOWN_STEPS: usize = 20;

/// Plays the episode of a seed.
///
/// # Panics
/// If a rule is broken.
pub(crate) fn play(seed: u64) -> Totals {
    paused(async move {
        // In a task, because tokio polls the future of `block_on` first in each turn.
        let played = actix_rt::spawn(async move { Episode::new(seed).play().await });
        played.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    })
}

struct Episode {
    rng: SmallRng,
    world: Rc<World>,
    labs: Vec<Lab<()>>,
    next_call: CallNumber,
    callers: Vec<JoinHandle<()>>,
    /// Tasks that use the breaker without an upstream.
    breaker_users: Vec<JoinHandle<()>>,
    last_steps: VecDeque<(Step, Pause)>,
}

impl Episode {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let settings = Settings::random(&mut rng);
        let config = BreakerConfig::try_from(settings.breaker.clone()).expect("valid settings");
        let world = Rc::new(World::new(settings, Breaker::start(config), rng.fork()));
        probes::start(&world);
        world.breaker.observe(Watcher::of(&world, None)).expect("the breaker runs");
        let labs = (0..world.settings.labs).map(|lab| {
            let (calls, limit) = (world.settings.calls.clone(), world.limit.clone());
            let watcher = Watcher::of(&world, Some(lab));
            Lab::observed((), calls, &world.breaker, limit, rng.next_u64(), &[watcher])
        });
        let labs: Vec<_> = labs.collect();
        let upstreams: Vec<_> = labs.iter().map(|lab| lab.protected.clone()).collect();
        world.record.borrow_mut().limits.extend(upstreams.iter().filter_map(Upstream::concurrency));
        world.upstreams.borrow_mut().extend(upstreams);
        let (callers, breaker_users) = (Vec::new(), Vec::new());
        Self { rng, world, labs, next_call: 1, callers, breaker_users, last_steps: VecDeque::new() }
    }

    async fn play(mut self) -> Totals {
        for _ in 0..STEPS {
            let step = Step::random(&mut self.rng, &self.world.settings);
            let pause = Pause::random(&mut self.rng);
            self.last_steps.push_back((step, pause));
            if self.last_steps.len() > SHOWN_STEPS {
                self.last_steps.pop_front();
            }
            self.take(step).await;
            match pause {
                Pause::None => {}
                Pause::Turns(turns) => pass_turns(turns).await,
                Pause::Settle => self.check().await,
            }
            self.world.with_totals(|totals| totals.steps += 1);
            self.fail_if_broken();
        }
        self.come_to_an_end().await;
        self.fail_if_broken();
        self.world.over.set(true);
        let record = &mut *self.world.record.borrow_mut();
        record.totals.shared = record.shares.joined;
        std::mem::take(&mut record.totals)
    }

    fn fail_if_broken(&self) {
        if let Some(broken) = self.world.first_broken() {
            let step = self.world.with_totals(|totals| totals.steps);
            let last: Vec<_> = self.last_steps.iter().map(|step| format!("\n  {step:?}")).collect();
            panic!(
                "step {step}: {broken}\n{:?}\nlast steps:{}",
                self.world.settings,
                last.concat()
            );
        }
    }

    async fn take(&mut self, step: Step) {
        let world = Rc::clone(&self.world);
        match step {
            Step::Calls(calls) => self.calls_begin(calls),
            Step::Permit { hold, end } => self.use_breaker(users::permit(world, hold, end)),
            Step::BriefCall(turns) => {
                let (lab, request) = self.next_request(Calls::ONE);
                drop_after_turns(turns, users::call(world, lab, request, Calls::ONE.route)).await;
            }
            Step::BriefPermit(turns, end) => {
                drop_after_turns(turns, users::permit(world, Duration::ZERO, end)).await;
            }
            Step::CallerLeaves => abort_any(&mut self.rng, &mut self.callers),
            Step::PermitHolderLeaves => abort_any(&mut self.rng, &mut self.breaker_users),
            Step::TimePasses(time) => {
                pass(time).await;
                self.check().await;
            }
            Step::UpstreamChanges(condition) => world.condition.set(condition),
            Step::Reset => self.use_breaker(reset(world)),
            Step::ChooseMode(mode) => self.use_breaker(choose_mode(world, mode)),
            Step::SettingsChange(change) => self.settings_change(change),
            Step::FailuresInARow => self.failures_in_a_row().await,
        }
    }

    fn calls_begin(&mut self, calls: Calls) {
        for _ in 0..calls.calls {
            let (world, (lab, request)) = (Rc::clone(&self.world), self.next_request(calls));
            self.callers.push(if calls.shared {
                actix_rt::spawn(sharing::shared_call(world, lab, request))
            } else {
                actix_rt::spawn(users::call(world, lab, request, calls.route))
            });
        }
    }

    fn use_breaker(&mut self, user: impl Future<Output = ()> + 'static) {
        self.breaker_users.push(actix_rt::spawn(user));
    }

    fn next_request(&mut self, calls: Calls) -> (Lab<()>, Request) {
        let Calls { idempotent, panics_early, .. } = calls;
        let lab = self.rng.random_range(0..self.labs.len());
        let priority = Priority::ALL[self.rng.random_range(0..Priority::ALL.len())];
        let time_left = self.random_time_left();
        let fallback = self.random_fallback();
        let asks_for = self.rng.random_range(0..ASKED_FOR);
        let call = self.next_call;
        let request = Request {
            call,
            lab,
            asks_for,
            idempotent,
            panics_early,
            priority,
            time_left,
            fallback,
        };
        self.next_call += 1;
        (self.labs[lab].clone(), request)
    }

    /// Some callers have less time than their upstream gives them, and some none.
    fn random_time_left(&mut self) -> Option<Duration> {
        let settings = &self.world.settings;
        let most = settings.calls.call_deadline.mul_f64(1.2);
        if !settings.callers_hurry || self.rng.random_bool(0.6) {
            return None;
        }
        let share = if self.rng.random_bool(0.1) { 0.0 } else { self.rng.random_range(0.0..1.0) };
        Some(most.mul_f64(share))
    }

    fn random_fallback(&mut self) -> Option<Fallback> {
        let falls_back = self.world.settings.callers_fall_back && self.rng.random_bool(0.5);
        falls_back.then(|| match self.rng.random_range(0..10) {
            0 => Fallback::Panics,
            1 | 2 => Fallback::HasNone,
            _ => Fallback::Answers,
        })
    }

    /// Waits until nothing can run, and checks what must hold then.
    async fn check(&mut self) {
        settle().await;
        self.world.has_settled();
        if self.rng.random_bool(0.3) {
            self.world.inspect().await;
        }
        self.callers.retain(|task| !task.is_finished());
        self.breaker_users.retain(|task| !task.is_finished());
    }
}

async fn reset(world: Rc<World>) {
    world.breaker.reset().await.expect("the breaker runs");
}

async fn choose_mode(world: Rc<World>, mode: Mode) {
    let chosen = match mode {
        Mode::Auto => world.breaker.enable().await,
        Mode::ForcedOpen => world.breaker.force_open().await,
        Mode::Disabled => world.breaker.disable().await,
    };
    chosen.expect("the breaker runs");
}

fn abort_any(rng: &mut SmallRng, tasks: &mut Vec<JoinHandle<()>>) {
    if !tasks.is_empty() {
        tasks.swap_remove(rng.random_range(0..tasks.len())).abort();
    }
}
