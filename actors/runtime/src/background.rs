//! A thread for the breakers of a process that runs no actix system.

use std::sync::{OnceLock, mpsc};

use actix::{ArbiterHandle, System};

/// The arbiter of the process's background thread. The first use starts the thread. It lives as long as the process:
/// a breaker may be shared and cloned on any thread, so no use is known to be the last.
///
/// # Panics
/// If the operating system cannot start a thread.
#[expect(clippy::expect_used, reason = "documented; without the thread there is no breaker")]
pub(crate) fn arbiter() -> &'static ArbiterHandle {
    static ARBITER: OnceLock<ArbiterHandle> = OnceLock::new();
    ARBITER.get_or_init(|| start().expect("cannot start a thread for circuit breakers"))
}

/// Starts a thread that runs an actix system.
fn start() -> std::io::Result<ArbiterHandle> {
    let (sender, started) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("resilience-actors".to_owned()).spawn(move || {
        let system = System::new();
        // The receiver waits for this.
        let _ = sender.send(System::current().arbiter().clone());
        if let Err(error) = system.run() {
            log::error!("the thread of the circuit breakers ended: {error}");
        }
    })?;
    started.recv().map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crate::{Breaker, State, Upstream};

    #[tokio::test]
    async fn breakers_of_all_threads_share_one_thread_and_need_no_actix_system() {
        let start = || {
            let upstream = Upstream::builder("test").breaker(Breaker::consecutive(1));
            upstream.start_in_background().unwrap()
        };
        let upstreams: Vec<_> =
            (0..2).map(|_| thread::spawn(start)).map(|thread| thread.join().unwrap()).collect();
        for upstream in &upstreams {
            let breaker = upstream.breaker().unwrap();
            breaker.admit().await.unwrap().failure("status 500").await;
            assert_eq!(upstream.state(), State::Open);
        }
        let (sender, name) = tokio::sync::oneshot::channel();
        super::arbiter()
            .spawn_fn(move || sender.send(thread::current().name().map(str::to_owned)).unwrap());
        assert_eq!(name.await.unwrap().as_deref(), Some("resilience-actors"));
    }
}
