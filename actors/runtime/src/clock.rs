//! The only place in this crate that reads clocks, and the time limits for futures.

use std::{
    pin::{Pin, pin},
    time::{Duration, Instant, SystemTime},
};

use futures::future::poll_immediate;
use tokio::{task::yield_now, time::timeout_at};

/// The current time of tokio's clock. A test that pauses and advances that clock controls every actor of the crate.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns at `due`, or at once if that is past.
pub(crate) async fn sleep_until(due: Instant) {
    tokio::time::sleep_until(due.into()).await;
}

/// Number of times that a future is polled after its timer has fired, before the time limit applies. The task yields
/// before each poll, so that the runtime can collect socket events.
const EXTRA_POLLS: usize = 4;

/// If a timer fires this late, the process is taken to have been stopped (SIGSTOP, paused virtual machine). A busy
/// thread delays its timers by less.
const STOOD_STILL: Duration = Duration::from_millis(50);

/// Runs `future` until `due`. Returns `None` if the future is not ready by then.
///
/// If the process was stopped past `due`, the future gets the time after `due` back, at most as much as it had in all.
/// While the process was stopped, the future could not do its own part, such as sending a request. The time that it had
/// counts from this call on, not from the first poll.
pub fn within<F: Future>(due: Instant, future: F) -> impl Future<Output = Option<F::Output>> {
    from_until(now(), due, future)
}

/// As [`within`], for a future that began at this instant.
pub(crate) async fn from_until<F: Future>(
    began: Instant,
    due: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Some(output) = until(due, future.as_mut()).await {
        return Some(output);
    }
    let lost = now().saturating_duration_since(due);
    if lost < STOOD_STILL {
        return None;
    }
    until(now() + lost.min(due.saturating_duration_since(began)), future).await
}

/// As [`from_until`], for a limit that may be later once it is reached: `extended` gets `due` and returns the limit by
/// then.
pub(crate) async fn within_extended<F: Future>(
    mut began: Instant,
    due: Instant,
    extended: impl Fn(Instant) -> Instant,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    let mut limit = due;
    loop {
        if let Some(output) = from_until(began, limit, future.as_mut()).await {
            return Some(output);
        }
        let later = extended(due);
        if later <= limit {
            return None;
        }
        (began, limit) = (limit, later);
    }
}

/// Runs `future` until `due`. Returns `None` if the future is not ready by then.
///
/// A result that is ready when the timer fires is returned, however late that is: when a stopped process continues,
/// the runtime handles due timers before it reads the sockets.
pub async fn until<F: Future>(due: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Ok(output) = timeout_at(due.into(), &mut future).await {
        return Some(output);
    }
    for _ in 0..EXTRA_POLLS {
        yield_now().await;
        if let Some(output) = poll_immediate(future.as_mut()).await {
            return Some(output);
        }
    }
    None
}

/// The system's date, for display, and for a date that an upstream sends without its own. No other decision depends on
/// it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    /// A future that is ready at the given poll, counted from 1. It never registers a waker.
    fn ready_at(poll: usize) -> impl Future<Output = usize> {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            if polls == poll { Poll::Ready(polls) } else { Poll::Pending }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_ready_result_has_priority_over_an_expired_timer() {
        let past = now() - Duration::from_secs(1);
        assert_eq!(until(past, ready_at(1)).await, Some(1));
        assert_eq!(until(past, ready_at(3)).await, Some(3));
        assert_eq!(until(now() + Duration::from_secs(1), ready_at(3)).await, Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_limit_is_extended_by_the_time_that_the_process_was_stopped() {
        let second = Duration::from_secs(1);
        for (lost, needed, expected) in [
            // The timer fires half a second late.
            (second / 2, second / 4, Some(())),
            (second / 2, second, None),
            (10 * second, second / 2, Some(())),
            (10 * second, 2 * second, None),
            // A busy thread delays a timer by 10 ms: no time is given back.
            (second / 100, second / 4, None),
        ] {
            let due = now() + second;
            let work = async {
                // Continues after the clock has jumped past `due`.
                poll_fn(|_| if now() >= due { Poll::Ready(()) } else { Poll::Pending }).await;
                tokio::time::sleep(needed).await;
            };
            let standstill = tokio::time::advance(second + lost);
            let (ended, ()) = futures::join!(within(due, work), standstill);
            assert_eq!(ended, expected, "lost {lost:?}, needs {needed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_future_that_is_not_ready_is_cancelled_at_its_deadline() {
        let begin = now();
        let due = begin + Duration::from_secs(1);
        assert_eq!(within(due, std::future::pending::<()>()).await, None);
        assert!(now() - begin < Duration::from_millis(1_002));
    }
}
