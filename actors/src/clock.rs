//! The one place that reads the clocks, and the one way to wait for something until an instant.

use std::{
    pin::pin,
    time::{Duration, Instant, SystemTime},
};

use futures::future::poll_immediate;
use tokio::{task::yield_now, time::timeout_at};

/// The current time of the runtime this runs on: tokio's clock, so that a test that pauses and
/// advances it drives every actor in the crate.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How often a future is polled again, each time after the runtime has asked the system for events, before its
/// time counts as over.
const LAST_LOOKS: usize = 4;

/// A timer that is noticed so much too late says that the process stood still: SIGSTOP, or a paused virtual
/// machine. Timers of a busy thread are late by less.
const STOOD_STILL: Duration = Duration::from_millis(50);

/// Drives `future` until `due`; none if it is not ready by then.
///
/// If the process stood still meanwhile, the future gets the time that was lost, at most as much as it had: it
/// could do nothing, and what it waits for may need it to do something first.
pub async fn within<F: Future>(due: Instant, future: F) -> Option<F::Output> {
    let (began, mut future) = (now(), pin!(future));
    if let Some(output) = until(due, future.as_mut()).await {
        return Some(output);
    }
    let lost = now().saturating_duration_since(due);
    if lost < STOOD_STILL {
        return None;
    }
    until(now() + lost.min(due.saturating_duration_since(began)), future).await
}

/// Drives `future` until `due`; none if it is not ready by then. A result that is there is taken, however late
/// the timer is: after the process stood still, timers are due before the runtime has looked at the sockets.
pub async fn until<F: Future>(due: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Ok(output) = timeout_at(due.into(), &mut future).await {
        return Some(output);
    }
    for _ in 0..LAST_LOOKS {
        yield_now().await;
        if let Some(output) = poll_immediate(future.as_mut()).await {
            return Some(output);
        }
    }
    None
}

/// The date, for people to read: nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    /// Ready at this poll, 1 for the first, and awake all the time.
    fn ready_at(poll: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            if polls == poll { Poll::Ready(polls) } else { Poll::Pending }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_is_there_is_taken_before_a_timer_that_is_due() {
        let past = now() - Duration::from_secs(1);
        assert_eq!(until(past, ready_at(1)).await, Some(1));
        assert_eq!(until(past, ready_at(3)).await, Some(3));
        assert_eq!(until(now() + Duration::from_secs(1), ready_at(3)).await, Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_the_process_stood_still_is_given_back() {
        let second = Duration::from_secs(1);
        for (lost, needed, expected) in [
            // It had a second, and its timer is noticed as much too late.
            (second / 2, second / 4, Some(())),
            (second / 2, second, None),
            (10 * second, second / 2, Some(())),
            (10 * second, 2 * second, None),
            // So late are the timers of a busy thread.
            (second / 100, second / 4, None),
        ] {
            let due = now() + second;
            let work = async {
                // It goes on when the clock has jumped past its time.
                poll_fn(|_| if now() >= due { Poll::Ready(()) } else { Poll::Pending }).await;
                tokio::time::sleep(needed).await;
            };
            let standstill = tokio::time::advance(second + lost);
            let (ended, ()) = futures::join!(within(due, work), standstill);
            assert_eq!(ended, expected, "lost {lost:?}, needs {needed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_not_ready_ends_at_its_time() {
        let begin = now();
        let due = begin + Duration::from_secs(1);
        assert_eq!(within(due, std::future::pending::<()>()).await, None);
        assert!(now() - begin < Duration::from_millis(1_002));
    }
}
