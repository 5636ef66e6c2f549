//! Serialises requests to all replicas of the backend: one reader and one writer at a time in this process.
//!
//! Each question goes to every replica, so without this limit a few callers could make the client open connections
//! without bound. Two plans that were sent at the same time could leave some replicas with one plan and some with the
//! other.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::web::Bytes;
use service_edge::ApiError;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// The last answer, and the time at which the replicas were asked for it.
type Last = Option<(Instant, Result<Bytes, ApiError>)>;

/// One for the whole process.
#[derive(Debug, Default)]
pub struct Turns {
    reader: Mutex<Last>,
    writer: Arc<Mutex<()>>,
}

/// The caller's turn did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

impl Turns {
    /// Asks the replicas. If another caller's question began after this call, its answer is used for both. So each
    /// caller waits for at most two questions, and gets no answer that is older than its own question.
    ///
    /// # Errors
    /// The caller's turn does not come within `limit`.
    pub(super) async fn read(
        &self,
        limit: Duration,
        ask: impl AsyncFnOnce() -> Result<Bytes, ApiError>,
    ) -> Result<Result<Bytes, ApiError>, Busy> {
        let came = Instant::now();
        let mut last = timeout(limit, self.reader.lock()).await.map_err(|_| Busy)?;
        if let Some((began, answer)) = &*last
            && *began > came
        {
            return Ok(answer.clone());
        }
        let began = Instant::now();
        let answer = ask().await;
        *last = Some((began, answer.clone()));
        Ok(answer)
    }

    /// Runs `ask` after all earlier writers. Once started, it runs to its end even if its caller leaves, so that all
    /// replicas get the plan.
    ///
    /// # Errors
    /// The caller's turn does not come within `limit`.
    pub(super) async fn write<T: 'static, F: Future<Output = T>>(
        &self,
        limit: Duration,
        ask: impl FnOnce() -> F + 'static,
    ) -> Result<T, Busy> {
        let turn = timeout(limit, Arc::clone(&self.writer).lock_owned()).await.map_err(|_| Busy)?;
        let asking = actix_web::rt::spawn(async move {
            let _turn = turn;
            ask().await
        });
        // An error means that the task panicked or the process is ending.
        asking.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
