//! The prober's requests.

use std::rc::Rc;

use resilience_actors::{Outcome, Probe};
use send_wrapper::SendWrapper;

use super::{Ending, Plan};
use crate::{support::NoAnswer, world::World};

/// Has the circuit probed, as the settings say.
pub(crate) fn start(world: &Rc<World>) {
    let Some(probe) = world.settings.probe else { return };
    let shared = SendWrapper::new(Rc::clone(world));
    let make = move || {
        let world = shared.take();
        async move || make_probe(&world, &probe).await
    };
    world.breaker.probe_with(probe, make).expect("valid settings");
}

async fn make_probe(world: &World, probe: &Probe) -> Result<(), NoAnswer> {
    world.probe_begins(probe);
    let mut guard = EndGuard { world, probe, good: false };
    let Plan { delay, ending } = world.plan();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match ending {
        Ending::Answer(verdict) => guard.good = verdict.outcome == Outcome::Success,
        Ending::NoAnswer => {}
        Ending::Hang | Ending::HangConnecting => std::future::pending().await,
        Ending::Panic | Ending::PanicInClassify => {
            std::panic::resume_unwind(Box::new("as planned"))
        }
    }
    if guard.good { Ok(()) } else { Err(NoAnswer) }
}

/// Reports how a probe ended, also if the runtime drops it.
struct EndGuard<'a> {
    world: &'a World,
    probe: &'a Probe,
    good: bool,
}

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.world.probe_ends(self.probe, self.good);
    }
}
