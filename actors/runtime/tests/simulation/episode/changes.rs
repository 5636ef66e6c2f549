//! Operators who change settings.

use std::rc::Rc;

use rand::RngExt as _;
use resilience_actors::{BreakerConfig, BreakerSettings};

use super::Episode;
use crate::{
    settings::{invalid_calls, other_breaker, other_calls, with_or_without_faults},
    support::{Settings, now},
    world::World,
};

/// What changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// The settings of an upstream's calls.
    Calls,
    /// Only the faults that are injected at an upstream: they go on, or off.
    Faults,
    /// Nothing: they are the same.
    Nothing,
    /// Nothing: a setting breaks its rule.
    Invalid,
    /// The settings of the breaker.
    Breaker,
    /// The settings of an upstream's calls, and of the breaker with them.
    Both,
}

impl Change {
    pub(super) const ALL: [Self; 10] = [
        Self::Calls,
        Self::Calls,
        Self::Calls,
        Self::Faults,
        Self::Faults,
        Self::Nothing,
        Self::Invalid,
        Self::Breaker,
        Self::Breaker,
        Self::Both,
    ];
}

impl Episode {
    pub(super) fn settings_change(&mut self, change: Change) {
        let (rng, world) = (&mut self.rng, Rc::clone(&self.world));
        let lab = rng.random_range(0..world.settings.labs);
        let before = (**world.record.borrow().upstreams[lab].settings.now()).clone();
        let breaker = world.breaker_settings();
        match change {
            Change::Calls => change_calls(&world, lab, &other_calls(rng, &before), true),
            Change::Faults => {
                change_calls(&world, lab, &with_or_without_faults(rng, &before), true);
            }
            Change::Nothing => change_calls(&world, lab, &before, true),
            Change::Invalid => change_calls(&world, lab, &invalid_calls(rng, &before), false),
            Change::Breaker => {
                let breaker = other_breaker(rng, &breaker, before.attempt_timeout);
                self.use_breaker(change_breaker(world, breaker));
            }
            Change::Both => {
                let calls = other_calls(rng, &before);
                let breaker = other_breaker(rng, &breaker, calls.attempt_timeout);
                self.use_breaker(change_both(world, lab, calls, breaker));
            }
        }
    }
}

fn change_calls(world: &World, lab: usize, settings: &Settings, valid: bool) {
    let before = world.in_force(lab);
    let upstream = world.upstreams.borrow()[lab].clone();
    world.record.borrow_mut().upstreams[lab].is_asked_now(settings);
    match upstream.reconfigure(settings.clone().into()) {
        Ok(()) => world.change_is_made(lab, settings, valid),
        Err(_) => world.change_is_rejected(lab, settings, valid, &before),
    }
}

async fn change_breaker(world: Rc<World>, settings: BreakerSettings) {
    let config = BreakerConfig::try_from(settings.clone()).expect("valid settings");
    let asked = now();
    world.record.borrow_mut().breaker_asked.push(settings.clone());
    world.breaker.reconfigure(config).await.expect("the breaker runs");
    world.changes_have_returned(asked, &settings, None);
}

async fn change_both(world: Rc<World>, lab: usize, calls: Settings, breaker: BreakerSettings) {
    let asked = now();
    let upstream = world.upstreams.borrow()[lab].clone();
    {
        let record = &mut *world.record.borrow_mut();
        record.breaker_asked.push(breaker.clone());
        record.upstreams[lab].asked.push_back(calls.clone());
    }
    let changed = upstream.reconfigure_with_breaker(calls.clone().into(), breaker.clone()).await;
    changed.expect("valid settings");
    world.changes_have_returned(asked, &breaker, Some((lab, &calls)));
}
