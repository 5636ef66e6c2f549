//! `FALLBACK=stale`: the last good answer of the backend, for a call that has none.

mod stale_answers;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::http::StatusCode;
use resilience_actors::CallReport;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use utoipa::ToSchema;

pub use stale_answers::{StaleAnswers, StaleLimits};

use crate::transport::{BackendReport, BackendResponse};

/// The last good answers to all requests, shared by all workers.
#[derive(Debug)]
pub struct StaleFallback(Mutex<Answers>);

type Answers = StaleAnswers<&'static str, Box<RawValue>>;

/// The kept answers at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct StaleSnapshot {
    /// Number of answers.
    pub answers: usize,
    /// Their size.
    pub bytes: usize,
    /// Maximum of that size.
    pub max_bytes: usize,
}

impl StaleFallback {
    /// A fallback that has no answer yet.
    pub fn new(limits: StaleLimits) -> Self {
        Self(Mutex::new(StaleAnswers::new(limits)))
    }

    /// Keeps the answer of a call of `request`, if it is a 200 of the backend.
    pub fn keep(&self, request: &'static str, report: &BackendReport) {
        let CallReport { result: Ok(response), fallback: false, .. } = report else { return };
        if response.status == StatusCode::OK {
            let body = response.body.clone();
            let size = body.get().len();
            self.answers().keep(request, body, size, now());
        }
    }

    /// The kept answer to `request`, for a call that was not answered. `None` for a 4xx, which is an answer.
    pub fn instead_of(
        &self,
        request: &'static str,
        report: &BackendReport,
    ) -> Option<BackendResponse> {
        if report.result.as_ref().is_ok_and(|response| response.status.is_client_error()) {
            return None;
        }
        let (body, age) = self.answers().get(&request, now())?;
        Some(BackendResponse { status: StatusCode::OK, body, retry_after: None, stale: Some(age) })
    }

    /// What is kept now.
    pub fn snapshot(&self) -> StaleSnapshot {
        self.answers().snapshot()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The instant by which the age of answers is measured.
pub(crate) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// The age of the answer, if a call got a stale one.
pub fn stale_age(report: &BackendReport) -> Option<Duration> {
    report.result.as_ref().ok().and_then(|response| response.stale)
}
