//! The retry scheduler of the current thread, started at the thread's first call.

use std::{
    cell::RefCell,
    future::poll_fn,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use actix::prelude::*;
use futures::{FutureExt as _, future::LocalBoxFuture};
use send_wrapper::SendWrapper;
use tokio::sync::{oneshot, watch};

use super::{
    scheduler::{BeginWait, Call, Scheduler, Wait, Wake, Withdraw},
    waiting_room::Place,
};
use crate::lifeline::ended;

/// A scheduler, and the actix system that it runs in.
struct Running {
    actor: Addr<Scheduler>,
    alive: watch::Receiver<()>,
    system: Option<usize>,
}

thread_local!(static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) });

static DIED: AtomicU64 = AtomicU64::new(0);

/// Number of schedulers of this process that died while their actix system was running, and were replaced.
pub fn schedulers_died() -> u64 {
    DIED.load(Ordering::Relaxed)
}

/// Starts a call on the current thread.
///
/// # Panics
/// Outside an actix system and a tokio `LocalSet`.
pub(crate) fn start(life: LocalBoxFuture<'static, ()>) {
    let call = Call(SendWrapper::new(life));
    with_current(|running| running.actor.do_send(call));
}

/// Makes a call wait, for as long as the result lives.
pub(crate) fn wait(wait: Wait) -> Entry {
    let place = (wait.due, wait.retry.call);
    let (wake, woken) = oneshot::channel();
    with_current(|running| {
        running.actor.do_send(BeginWait { wait, wake });
        Entry { place, woken }
    })
}

/// Returns when the current thread's scheduler is gone.
pub(crate) fn stopped() -> impl Future<Output = ()> {
    ended(with_current(|running| running.alive.clone()))
}

fn with_current<R>(with: impl FnOnce(&Running) -> R) -> R {
    CURRENT.with_borrow_mut(|current| {
        let system = System::try_current().map(|system| system.id());
        let of_system = current.as_ref().filter(|running| running.system == system);
        if let Some(running) = of_system.filter(|running| running.actor.connected()) {
            return with(running);
        }
        // Without an actix system, the scheduler ends with each `LocalSet`.
        if of_system.is_some() && system.is_some() {
            DIED.fetch_add(1, Ordering::Relaxed);
            log::error!(
                "retry: this thread's scheduler died and is replaced; calls that waited are lost"
            );
        }
        with(current.insert(launch(system)))
    })
}

#[expect(clippy::panic, reason = "documented; the caller cannot go on")]
fn launch(system: Option<usize>) -> Running {
    let (sender, alive) = watch::channel(());
    let start = AssertUnwindSafe(|| Scheduler::new(sender).start());
    // tokio offers no way to ask first.
    let Ok(actor) = std::panic::catch_unwind(start) else {
        panic!("calls can be made only on a thread that runs an actix system or a tokio LocalSet");
    };
    Running { actor, alive, system }
}

/// A call's entry in the waiting room. Dropping it takes the call out.
pub(crate) struct Entry {
    place: Place,
    woken: oneshot::Receiver<Wake>,
}

impl Entry {
    /// Waits until the scheduler wakes the call. `None`: the caller, which waits for `reply`, has left.
    pub(crate) fn woken<T>(
        mut self,
        reply: &mut oneshot::Sender<T>,
    ) -> impl Future<Output = Option<Wake>> {
        poll_fn(move |context| {
            if let Poll::Ready(wake) = self.woken.poll_unpin(context) {
                return Poll::Ready(Some(wake.unwrap_or(Wake::Lost)));
            }
            reply.poll_closed(context).map(|()| None)
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Closed if the scheduler has woken the call, and so taken it out.
        if !self.woken.is_terminated() {
            // An error means that the thread is ending.
            let _ = CURRENT.try_with(|current| {
                if let Some(running) = &*current.borrow() {
                    running.actor.do_send(Withdraw(self.place));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallError, CallLimit, Retry, Upstream, retry::scheduler::Die};

    #[test]
    fn a_dead_scheduler_is_counted_and_replaced_and_its_waiting_calls_are_lost() {
        actix::System::new().block_on(async {
            let (limit, builder) = (CallLimit::new(1), Upstream::builder("test"));
            let upstream = builder.retry(Retry::default()).limit(limit.clone()).start().unwrap();
            let waiting = upstream.report(async |_| Err::<(), _>("not now"));
            let killer = async {
                while limit.waiting() == 0 {
                    tokio::task::yield_now().await;
                }
                with_current(|running| running.actor.send(Die)).await.unwrap();
            };
            let (report, ()) = futures::join!(waiting, killer);
            assert!(matches!(report.result, Err(CallError::Lost)), "{report:?}");
            assert_eq!(upstream.call(async |_| Ok::<_, String>(1)).await.unwrap(), 1);
            assert_eq!(schedulers_died(), 1);
        });
    }
}
