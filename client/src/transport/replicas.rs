//! Asks every replica of the backend for its fault plan, or to take one.

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
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use super::{
    PRODUCT, client,
    connections::{ConnectionBudget, Connections},
    connector::watched,
    response::read_body,
    unsent,
};
use crate::config::Config;

/// How many are asked at a time.
const AT_A_TIME: usize = 16;

/// The most connections that there are at a time: one reader and one writer have their turn.
pub const MAX_CONNECTIONS: usize = 2 * AT_A_TIME;

/// The largest answer that is taken: more than any plan has.
const MAX_PLAN_BYTES: usize = 256 * 1024;

/// What is asked of each of them.
#[derive(Debug, Clone)]
pub enum PlanRequest {
    /// Which plan is in force.
    Get,
    /// To put this plan in force.
    Put {
        /// The plan as the caller wrote it.
        plan: Bytes,
        /// The caller's own `Authorization`.
        authorization: Option<HeaderValue>,
    },
}

/// What one of them said.
#[derive(Debug)]
pub enum PlanAnswer {
    /// The plan in force.
    Plan {
        /// The name of its pod.
        pod: Option<String>,
        /// The plan as it wrote it.
        plan: Box<RawValue>,
    },
    /// Its own error.
    Refused {
        /// With what status.
        status: StatusCode,
        /// The body that says why.
        body: Bytes,
    },
    /// There is no usable answer.
    Failed(String),
}

/// Asks all of them, a few at once, and answers in their order. It takes no longer than a call
/// may: those that are not asked by then have failed.
pub async fn ask_all(
    addresses: Vec<SocketAddr>,
    request: &PlanRequest,
    config: &Config,
) -> Vec<(SocketAddr, PlanAnswer)> {
    let max_bytes = config.max_response_bytes.min(MAX_PLAN_BYTES);
    let end = Instant::now() + config.calls.call_deadline;
    stream::iter(addresses)
        .map(|address| async move {
            let began = Instant::now();
            let limit = config.calls.attempt_timeout.min(end - began);
            let client = client(
                config.connect_timeout,
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

/// Over a connection of its own: one that waited in a pool may have been closed meanwhile.
async fn ask(
    client: &Client,
    address: SocketAddr,
    request: &PlanRequest,
    max_bytes: usize,
) -> Result<PlanAnswer, String> {
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
    let (answer, _connection) = watched(sent, &Cell::default()).await;
    let mut answer = answer.map_err(|error| unsent(error).to_string())?;
    let status = answer.status();
    let pod = answer.headers().get("x-pod").and_then(|pod| pod.to_str().ok()).map(str::to_owned);
    let body = read_body(&mut answer, max_bytes).await;
    if status != StatusCode::OK {
        // Whatever becomes of the body: the status says enough.
        return Ok(PlanAnswer::Refused { status, body: body.unwrap_or_default() });
    }
    let body = body?;
    let plan = serde_json::from_slice(&body).map_err(|error| format!("no JSON: {error}"))?;
    Ok(PlanAnswer::Plan { pod, plan })
}
