//! The injected fault of an attempt.

use std::{cell::Cell, time::Instant};

use crate::{
    chaos::{Drawn, InjectedFault, Injection},
    clock::sleep_until,
    observe::{Observation, about},
    operation::Operation,
    policies::Policies,
    report::CallId,
};

/// Draws the fault of an attempt that begins `now`, and injects it: a panic panics, a delay takes its time. True if the
/// attempt fails with it.
pub(super) async fn inject<O: Operation>(
    policies: &Policies,
    injection: &Injection,
    operation: &O,
    call: CallId,
    attempt: u32,
    now: Instant,
    injected: &Cell<Option<InjectedFault>>,
) -> bool {
    let Drawn { fault, delay, reminder } = injection.draw(now);
    if let Some(reminder) = &reminder {
        let upstream = &*policies.common.name;
        policies.common.observers.tell(&Observation::ChaosIsOn { upstream, reminder });
    }
    injected.set(fault);
    let Some(fault) = fault else { return false };
    about(operation, call, |call| {
        policies.common.observers.tell(&Observation::Injected { call, attempt, fault });
    });
    match fault {
        InjectedFault::Failure => true,
        InjectedFault::Delay => {
            sleep_until(now + delay).await;
            false
        }
        #[expect(clippy::panic, reason = "it is what the setting asks for, and it is contained")]
        InjectedFault::Panic => panic!("injected panic"),
    }
}
