//! Who talks to all replicas of the backend: in this process one reader and one writer at a time.
//!
//! Everybody may ask for the replicas' plans, and one question goes to each of them: without a turn, a
//! few callers would have the client open connections without bound. And of two plans that are handed
//! out at the same time, some replicas would end up with one and some with the other.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::web::Bytes;
use service_edge::ApiError;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// An answer, and when its asking began.
type Last = Option<(Instant, Result<Bytes, ApiError>)>;

/// One for the whole process.
#[derive(Debug, Default)]
pub struct Turns {
    reader: Mutex<Last>,
    writer: Arc<Mutex<()>>,
}

/// It is not one's turn in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

impl Turns {
    /// Asks, unless somebody began to after this caller came: then theirs is the answer for both. So
    /// however many wait, each waits for two askings at most, and gets nothing older than its question.
    ///
    /// # Errors
    /// It is not the caller's turn within `limit`.
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

    /// Asks when those who came before are done. Once begun it goes on to its end, even if its caller
    /// leaves: half of the replicas with a new plan are worse than none.
    ///
    /// # Errors
    /// It is not the caller's turn within `limit`.
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
        // It cannot be aborted; it is lost only to a panic or to the end of the process.
        asking.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
