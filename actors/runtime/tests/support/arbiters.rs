//! Tasks on threads of their own.

use actix_rt::Arbiter;
use futures::{FutureExt as _, stream::FuturesUnordered};
use tokio::sync::oneshot;

/// Runs a task on each of this number of arbiters. A task is told the number of its arbiter, from 1 on. Returns the
/// arbiters with their results, in the order in which the tasks end.
pub(crate) fn on_arbiters<F>(
    arbiters: usize,
    task: impl Fn(u64) -> F + Clone + Send + 'static,
) -> FuturesUnordered<impl Future<Output = (Arbiter, F::Output)>>
where
    F: Future<Output: Send> + 'static,
{
    (1..)
        .take(arbiters)
        .map(|number| {
            let (send, end) = oneshot::channel();
            let (arbiter, task) = (Arbiter::new(), task.clone());
            arbiter.spawn_fn(move || {
                drop(actix_rt::spawn(async move {
                    // The receiver waits for it.
                    let _ = send.send(task(number).await);
                }));
            });
            end.map(move |end| (arbiter, end.expect("the arbiter runs")))
        })
        .collect()
}
