//! The endpoints. Handlers forward to the fault actor and play the outcome that it drew.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix::{Addr, MailboxError};
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web};
use serde::Serialize;
use service_edge::{
    ApiError, Describe, Drain, JsonBody, Operation, RequestDeadline, Routes, Trace, endpoint,
    header, retry_after,
};
use tokio::time::timeout;
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{ObjectBuilder, Type},
};

use crate::{
    SERVICE,
    actor::{DrawData, DrawTransient, FaultActor, GetMetrics, GetPlan, Metrics, SetPlan},
    answer::{Answers, Success},
    plan::{FaultPlan, PlanRequest},
    rate::Rate,
};

const FAILURE_RATE_HEADER: &str = "X-Failure-Rate";
const ENDING: &str = "The process is ending, or has too many connections.";
const POD_HEADER: &str = "X-Pod";

type Faults = web::Data<Addr<FaultActor>>;

/// Registers the endpoints of one worker.
pub fn configure(routes: &mut Routes<'_>, faults: Addr<FaultActor>, answers: Answers) {
    routes
        .about(
            SERVICE,
            env!("CARGO_PKG_VERSION"),
            "Answers, fails, stalls and throttles on purpose.",
        )
        .app_data(web::Data::new(faults))
        .app_data(web::Data::new(answers))
        .service(endpoint("/health").get(health, HEALTH))
        // The default path of many load balancers' probes.
        .service(endpoint("/").get(health, HEALTH))
        .service(endpoint("/api/data").get(data, DATA))
        .service(endpoint("/api/transient-failure").get(transient_failure, TRANSIENT))
        .service(endpoint("/api/metrics").get(metrics, METRICS))
        .service(endpoint("/api/faults").get(plan, PLAN).put(set_plan, SET_PLAN));
}

const HEALTH: Describe =
    |it| it.summary("Tells that the process answers.").answers::<Health>(200, "It answers.");

#[derive(Serialize, ToSchema)]
struct Health {
    /// "healthy".
    status: &'static str,
    /// "backend-service".
    service: &'static str,
}

async fn health() -> web::Json<Health> {
    web::Json(Health { status: "healthy", service: SERVICE })
}

const DATA: Describe = |it| {
    let rate = ObjectBuilder::new().schema_type(Type::Number);
    let rate = rate.minimum(Some(0)).maximum(Some(1));
    let it = it.summary("Answers as the fault plan says.");
    plays(it.header(FAILURE_RATE_HEADER, rate, "Replaces the plan's failure rate and sequence."))
};

const TRANSIENT: Describe = |it| plays(it.summary("Answers 429 at the plan's rate."));

/// The outcomes of a plan, but `hang` and `reset`, which are no answers.
fn plays(it: Operation) -> Operation {
    it.has_deadline()
        .answers::<Success>(200, "A good answer, at once or late.")
        .fails(429, "It is throttled.")
        .fails(500, "It fails.")
        .fails(504, "The deadline of the request passed.")
        .refuses(ENDING)
        .with_header(429, "Retry-After", retry_after())
}

async fn data(
    OwnFailureRate(failure_rate): OwnFailureRate,
    RequestDeadline(time_left): RequestDeadline,
    request: HttpRequest,
    trace: Trace,
    faults: Faults,
    answers: web::Data<Answers>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, ApiError> {
    in_time(time_left, async {
        let draw = faults.send(DrawData { failure_rate }).await.map_err(actor_is_gone)?;
        answers.play(draw, &request, trace.context, &drain, "data from the backend").await
    })
    .await
}

async fn transient_failure(
    RequestDeadline(time_left): RequestDeadline,
    request: HttpRequest,
    trace: Trace,
    faults: Faults,
    answers: web::Data<Answers>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, ApiError> {
    in_time(time_left, async {
        let draw = faults.send(DrawTransient).await.map_err(actor_is_gone)?;
        answers.play(draw, &request, trace.context, &drain, "not throttled this time").await
    })
    .await
}

/// Stops the work on a request whose caller has no time left.
async fn in_time(
    time_left: Option<Duration>,
    work: impl Future<Output = Result<HttpResponse, ApiError>>,
) -> Result<HttpResponse, ApiError> {
    let Some(time_left) = time_left else {
        return work.await;
    };
    timeout(time_left, work).await.unwrap_or_else(|_| {
        let seconds = time_left.as_secs_f64();
        Err(ApiError::gateway_timeout(format!("the deadline of the request passed: {seconds} s")))
    })
}

const METRICS: Describe = |it| {
    let it = it.summary("Counts of outcomes, and the rates in force.");
    it.answers::<Metrics>(200, "The counts.").refuses(ENDING)
};

async fn metrics(faults: Faults) -> Result<HttpResponse, ApiError> {
    let metrics = faults.send(GetMetrics).await.map_err(actor_is_gone)?;
    Ok(HttpResponse::Ok().json(metrics))
}

const PLAN: Describe = |it| {
    let it = it.summary("The fault plan of this pod.");
    shows_plan(it.answers::<FaultPlan>(200, "The plan in force."))
};

const SET_PLAN: Describe = |it| {
    let it = it.summary("Replaces the fault plan of this pod.").takes::<PlanRequest>();
    shows_plan(it.answers::<FaultPlan>(200, "The plan in force."))
};

fn shows_plan(it: Operation) -> Operation {
    let pod = header(String::schema(), "The name of this pod.");
    it.with_header(200, POD_HEADER, pod).refuses(ENDING)
}

async fn plan(faults: Faults, answers: web::Data<Answers>) -> Result<HttpResponse, ApiError> {
    let plan = faults.send(GetPlan).await.map_err(actor_is_gone)?;
    Ok(in_force(&plan, &answers))
}

async fn set_plan(
    JsonBody(request): JsonBody<PlanRequest>,
    faults: Faults,
    answers: web::Data<Answers>,
) -> Result<HttpResponse, ApiError> {
    let plan = faults
        .send(SetPlan(request))
        .await
        .map_err(actor_is_gone)?
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(in_force(&plan, &answers))
}

/// The plan of this pod. The pod's name is a header, so that the body is a plan that can be PUT.
fn in_force(plan: &FaultPlan, answers: &Answers) -> HttpResponse {
    HttpResponse::Ok().insert_header((POD_HEADER, answers.pod.as_str())).json(plan)
}

fn actor_is_gone(_: MailboxError) -> ApiError {
    ApiError::unavailable("the fault actor is gone; this process is ending")
}

/// The failure rate of the request's header `X-Failure-Rate`, 0 to 1.
struct OwnFailureRate(Option<Rate>);

impl FromRequest for OwnFailureRate {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(own_failure_rate(request).map(Self))
    }
}

fn own_failure_rate(request: &HttpRequest) -> Result<Option<Rate>, ApiError> {
    let mut values = request.headers().get_all(FAILURE_RATE_HEADER);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str().map(str::parse) {
        Ok(Ok(rate)) if values.next().is_none() => Ok(Some(rate)),
        _ => Err(ApiError::bad_request(format!(
            "{FAILURE_RATE_HEADER} is {value:?}, but must be given once, as a number from 0 to 1"
        ))),
    }
}
