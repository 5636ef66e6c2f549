//! What observers are told, for the record.

use std::{
    rc::{Rc, Weak},
    sync::Arc,
};

use resilience_actors::{Observation, Observer};
use send_wrapper::SendWrapper;

use crate::{
    record::{Admitted, Call},
    world::World,
};

/// Observes the breaker or an upstream. All of an episode runs on one thread.
pub(crate) struct Watcher {
    /// The number of the upstream.
    lab: Option<usize>,
    /// Weak, because the world has the upstreams.
    world: SendWrapper<Weak<World>>,
}

impl Watcher {
    pub(crate) fn of(world: &Rc<World>, lab: Option<usize>) -> Arc<dyn Observer> {
        Arc::new(Self { lab, world: SendWrapper::new(Rc::downgrade(world)) })
    }
}

impl Observer for Watcher {
    fn observe(&self, observation: &Observation<'_>) {
        let Some(world) = self.world.upgrade().filter(|world| !world.over.get()) else { return };
        match *observation {
            Observation::Admitted { call, attempt: number, hedge } => {
                let record = &mut *world.record.borrow_mut();
                let call = record.call_of(call).map(Call::number);
                record.admitted = call.map(|call| Admitted { call, number, hedge });
            }
            Observation::Injected { call, attempt, fault } => {
                world.fault_is_injected(call.id, attempt, fault);
            }
            Observation::AttemptEnded { call, attempt } => {
                world.attempt_has_ended(call.id, attempt);
            }
            Observation::FellBack { call, instead_of } => {
                world.fallback_has_answered(call, instead_of);
            }
            Observation::Reconfigured(change) if self.lab.is_none() => {
                world.breaker_is_changed(change);
            }
            Observation::CallsReconfigured { .. } => {
                if let Some(lab) = self.lab {
                    world.calls_are_changed(lab);
                }
            }
            _ => {}
        }
    }
}
