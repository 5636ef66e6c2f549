//! Plays the outcome that was drawn for a request.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use service_edge::{ApiError, Drain, TraceContext};
use utoipa::ToSchema;

use crate::{faults::Draw, plan::Outcome, reset::reset};

/// What all answers of this process share.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The name of this pod, so that a client sees which pod answered.
    pub pod: String,
    /// `Retry-After` of 429s; `None` for no such header.
    pub transient_retry_after: Option<Duration>,
}

/// The body of a good answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success<'a> {
    /// "success".
    status: &'static str,
    /// The content.
    data: &'a str,
    /// The number of the request in this process.
    request_number: u64,
    /// The pod that answers.
    pod: &'a str,
}

impl Answers {
    /// Logs the outcome with the request's span, and plays it. `data` is the content of a good answer. Slow answers and
    /// hung requests wait here as suspended futures: they block no worker, and end when their client leaves or the
    /// request's deadline passes, because their future is dropped.
    ///
    /// # Errors
    ///
    /// The error that was drawn, or 503 for a request that hung when the process began to end.
    pub async fn play(
        &self,
        draw: Draw,
        request: &HttpRequest,
        trace: TraceContext,
        drain: &Drain,
        data: &str,
    ) -> Result<HttpResponse, ApiError> {
        let number = draw.number;
        let play = |what: &str| {
            log::log!(
                trace.level(),
                trace_id:% = trace.trace_id(),
                span_id:% = trace.span_id();
                "request {number} {}: {what}", request.path()
            );
        };
        match draw.outcome {
            Outcome::Ok => {
                play("is answered with 200");
                Ok(self.good(number, data))
            }
            Outcome::Fail => {
                play("fails with 500");
                Err(ApiError::internal("the backend failed on purpose"))
            }
            Outcome::Slow => {
                let delay = draw.slow_response_delay;
                play(&format!("is slow, {} s", delay.as_secs_f64()));
                tokio::time::sleep(delay).await;
                Ok(self.good(number, data))
            }
            Outcome::Transient => {
                play("is throttled with 429");
                let error = ApiError::too_many_requests("the backend is throttling on purpose");
                Err(match self.transient_retry_after {
                    Some(wait) => error.retry_after(wait),
                    None => error,
                })
            }
            Outcome::Hang => {
                play("hangs");
                drain.started().await;
                Err(ApiError::unavailable("the backend is ending, and so does this hung request"))
            }
            Outcome::Reset => {
                play("gets its connection reset");
                Ok(reset(request))
            }
        }
    }

    fn good(&self, number: u64, data: &str) -> HttpResponse {
        let body = Success { status: "success", data, request_number: number, pod: &self.pod };
        HttpResponse::Ok().json(body)
    }
}
