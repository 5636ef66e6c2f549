//! Asks every replica of the backend for its fault plan, or sends a new plan to each.

use std::{cell::Cell, net::SocketAddr, rc::Rc};

use actix_web::{
    http::{
        Method, StatusCode,
        header::{AUTHORIZATION, HeaderValue, USER_AGENT},
    },
    web::Bytes,
};
use awc::Client;
use futures::{StreamExt as _, stream};
use resilience_actors::adapters::awc::Answer;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use super::{
    BackendError, PRODUCT,
    connections::{ConnectionBudget, Connections},
    connector::track_connection,
    response::whole,
    worker_client::{client, unsent},
};
use crate::config::Config;

/// Number of replicas that are asked at a time.
const AT_A_TIME: usize = 16;

/// Maximum number of connections at a time: for one reader and one writer.
pub const MAX_CONNECTIONS: usize = 2 * AT_A_TIME;

/// Maximum size of an answer. Every plan is smaller.
const MAX_PLAN_BYTES: usize = 256 * 1024;

/// The request to each replica.
#[derive(Debug, Clone)]
pub enum PlanRequest {
    /// Asks for the current plan.
    Get,
    /// Replaces the plan.
    Put {
        /// The plan as the caller sent it.
        plan: Bytes,
        /// The caller's own `Authorization`.
        authorization: Option<HeaderValue>,
    },
}

/// The answer of one replica.
#[derive(Debug)]
pub enum PlanAnswer {
    /// The current plan.
    Plan {
        /// The name of its pod.
        pod: Option<String>,
        /// The plan as the replica sent it.
        plan: Box<RawValue>,
    },
    /// The replica answered with an error.
    Refused {
        /// The status.
        status: StatusCode,
        /// The body.
        body: Bytes,
    },
    /// The replica gave no usable answer.
    Failed(String),
}

/// Asks all replicas, a few at a time, and returns their answers in the order of `addresses`. Takes at most the time of
/// a call's deadline: replicas that were not asked by then have failed.
pub async fn ask_all(
    addresses: Vec<SocketAddr>,
    request: &PlanRequest,
    config: &Config,
) -> Vec<(SocketAddr, PlanAnswer)> {
    let max_bytes = config.max_response_bytes.min(MAX_PLAN_BYTES);
    let policies = config.policies.load();
    let end = Instant::now() + policies.calls.call_deadline;
    let attempt_timeout = policies.calls.attempt_timeout;
    stream::iter(addresses)
        .map(|address| async move {
            let began = Instant::now();
            let limit = attempt_timeout.min(end - began);
            let client = client(
                &config.connections,
                Rc::default(),
                Rc::new(Connections::new(ConnectionBudget::new(1, 0))),
            );
            let asked = ask(&client, address, request, max_bytes);
            let answer = timeout(limit, asked).await.unwrap_or_else(|_| {
                let limit = limit.as_secs_f64();
                Err(format!("no answer within {limit:.3}s"))
            });
            (address, answer.unwrap_or_else(PlanAnswer::Failed))
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// Asks one replica, on a new connection, because a pooled connection may be closed.
async fn ask(
    client: &Client,
    address: SocketAddr,
    request: &PlanRequest,
    max_bytes: usize,
) -> Result<PlanAnswer, String> {
    // `http` with TLS too: the connector adds it.
    let url = format!("http://{address}/api/faults");
    let sent = match request {
        PlanRequest::Get => {
            client.request(Method::GET, url).insert_header((USER_AGENT, PRODUCT)).send()
        }
        PlanRequest::Put { plan, authorization } => {
            let mut http = client
                .request(Method::PUT, url)
                .insert_header((USER_AGENT, PRODUCT))
                .content_type("application/json");
            if let Some(authorization) = authorization {
                http = http.insert_header((AUTHORIZATION, authorization.clone()));
            }
            http.send_body(plan.clone())
        }
    };
    let (answer, _connection) = track_connection(sent, &Cell::default(), None).await;
    let mut answer =
        Answer::from(answer.map_err(|error| BackendError::from(unsent(error)).to_string())?);
    let status = answer.status();
    let pod = answer.headers().get("x-pod").and_then(|pod| pod.to_str().ok()).map(str::to_owned);
    let body = whole(answer.body(max_bytes).await, answer.ends_with_connection());
    if status != StatusCode::OK {
        // The status decides, also if the body cannot be read.
        return Ok(PlanAnswer::Refused { status, body: body.unwrap_or_default() });
    }
    let body = body?;
    let plan = serde_json::from_slice(&body).map_err(|error| format!("no JSON: {error}"))?;
    Ok(PlanAnswer::Plan { pod, plan })
}
