//! The fault plan of all replicas of the backend, which only the client can reach.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    web::{self, Bytes},
};
use serde::Deserialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use service_edge::{ApiError, Describe, JsonBody, Operation, retry_after};

use super::turns::{Busy, Turns};
use crate::{
    Config,
    transport::replicas::{PlanAnswer, PlanRequest, ask_all},
    wire::{Replica, ReplicaPlan, ReplicasBody, ReplicasError},
};

/// A fault plan as the caller sent it. The backend checks it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Plan(Box<RawValue>);

impl Default for Plan {
    /// The plan at the backend's start. It is used for an empty body; the backend refuses `null`.
    fn default() -> Self {
        Self(to_raw_value(&json!({})).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

pub(super) const GET: Describe = |it| {
    let it = it.summary("The fault plans of all replicas of the backend.");
    asks_replicas(it.answers::<ReplicasBody>(200, "Each replica with its plan, or an error."))
        .fails(502, "The replicas cannot be found.")
};

pub(super) const PUT: Describe = |it| {
    let it = it.summary("Gives all replicas of the backend a fault plan.");
    let it = it.takes::<ReplicaPlan>();
    asks_replicas(it.answers::<ReplicasBody>(200, "All replicas took it."))
        .answers::<ReplicasError>(502, "The replicas cannot be found, or one did not take it.")
        .fails(400, "The body is not valid, or all replicas say that the plan is not.")
};

fn asks_replicas(it: Operation) -> Operation {
    it.fails(503, "Others are talking to the replicas, or the process has too many connections.")
        .with_header(503, "Retry-After", retry_after())
}

/// `GET /api/backend/faults`.
pub(super) async fn get(
    config: web::Data<Config>,
    turns: web::Data<Turns>,
) -> Result<HttpResponse, ApiError> {
    let ask = async || {
        let replicas = Replicas::ask(&PlanRequest::Get, &config).await?;
        let body = serde_json::to_vec(&ReplicasBody { replicas: replicas.entries() });
        body.map(Bytes::from).map_err(|error| ApiError::internal(error.to_string()))
    };
    let limit = config.policies.load().calls.call_deadline;
    let body = turns.read(limit, ask).await.unwrap_or_else(busy)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(body))
}

/// `PUT /api/backend/faults`.
pub(super) async fn put(
    JsonBody(plan): JsonBody<Plan>,
    request: HttpRequest,
    config: web::Data<Config>,
    turns: web::Data<Turns>,
) -> Result<HttpResponse, ApiError> {
    let authorization = request.headers().get(AUTHORIZATION).cloned();
    let plan = Bytes::copy_from_slice(plan.0.get().as_bytes());
    let asked = PlanRequest::Put { plan, authorization };
    let limit = config.policies.load().calls.call_deadline;
    let ask = async move || Replicas::ask(&asked, &config).await;
    let replicas = turns.write(limit, ask).await.unwrap_or_else(busy)?;
    let took = replicas.0.iter().filter(|(_, answer)| took(answer)).count();
    let entries = replicas.entries();
    if took == entries.len() {
        return Ok(HttpResponse::Ok().json(ReplicasBody { replicas: entries }));
    }
    if let Some(body) = replicas.all_call_it_bad() {
        return Ok(HttpResponse::BadRequest()
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(body));
    }
    let status = StatusCode::BAD_GATEWAY;
    let message =
        format!("{} of {} replicas did not take the plan", entries.len() - took, entries.len());
    let error = ApiError::reason(status);
    Ok(HttpResponse::build(status).json(ReplicasError { error, message, replicas: Some(entries) }))
}

fn busy<T>(_: Busy) -> Result<T, ApiError> {
    let message = "others are talking to the backend's replicas: try again";
    Err(ApiError::unavailable(message).retry_after(Duration::from_secs(1)))
}

fn took(answer: &PlanAnswer) -> bool {
    matches!(answer, PlanAnswer::Plan { .. })
}

struct Replicas(Vec<(std::net::SocketAddr, PlanAnswer)>);

impl Replicas {
    async fn ask(request: &PlanRequest, config: &Config) -> Result<Self, ApiError> {
        let addresses = config.replicas.resolve(config.connections.connect_timeout).await;
        let addresses = addresses.map_err(|error| {
            let message = format!("the backend's replicas cannot be found: {error}");
            ApiError::new(StatusCode::BAD_GATEWAY, message)
        })?;
        Ok(Self(ask_all(addresses, request, config).await))
    }

    fn entries(&self) -> Vec<Replica<'_>> {
        self.0
            .iter()
            .map(|(address, answer)| match answer {
                PlanAnswer::Plan { pod, plan } => {
                    Replica::Plan { address: *address, pod: pod.as_deref(), plan }
                }
                PlanAnswer::Refused { status, body } => {
                    let error = format!("status {}{}", status.as_u16(), said(body));
                    Replica::Failed { address: *address, error }
                }
                PlanAnswer::Failed(error) => {
                    Replica::Failed { address: *address, error: error.to_string() }
                }
            })
            .collect()
    }

    /// The first replica's answer, if all replicas refused the plan as invalid.
    fn all_call_it_bad(&self) -> Option<Bytes> {
        let refusal = |answer: &PlanAnswer| match answer {
            PlanAnswer::Refused { status: StatusCode::BAD_REQUEST, body } if !body.is_empty() => {
                Some(body.clone())
            }
            _ => None,
        };
        let mut refusals = self.0.iter().map(|(_, answer)| refusal(answer));
        let first = refusals.next()??;
        refusals.all(|refusal| refusal.is_some()).then_some(first)
    }
}

/// The message of an error's body, if it has one.
fn said(body: &Bytes) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["message"].as_str().map_or_else(String::new, |message| format!(": {message}"))
}
