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

/// Observes the upstreams. All of an episode runs on one thread.
pub(crate) struct Watcher {
    /// Weak, because the world has the upstreams.
    world: SendWrapper<Weak<World>>,
}

impl Watcher {
    pub(crate) fn of(world: &Rc<World>) -> Arc<dyn Observer> {
        Arc::new(Self { world: SendWrapper::new(Rc::downgrade(world)) })
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
            _ => {}
        }
    }
}
