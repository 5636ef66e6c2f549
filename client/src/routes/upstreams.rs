//! `/api/upstreams`: all upstreams, to see and to control. The endpoints of one are those of the lab's circuit breaker,
//! with the name of the upstream in their path.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode, web};
use service_edge::{ApiError, Describe, Operation, Routes, endpoint};

use super::{circuit, settings};
use crate::{
    calls::Calls,
    config::Config,
    controlled::ControlledUpstream,
    gateway::{endpoints::EndpointPool, reload::FileStatus, table::GatewayUpstreams},
    wire,
};

/// Adds the endpoints.
pub(super) fn configure(routes: &mut Routes<'_>) {
    routes
        .service(endpoint("/api/upstreams").get(list, LIST))
        .service(endpoint("/api/upstreams/{name}").get(get, GET))
        .service(
            endpoint("/api/upstreams/{name}/settings")
                .get(settings::get, |it| named(settings::GET(it)))
                .patch(settings::patch, |it| named(settings::PATCH(it))),
        )
        .service(
            endpoint("/api/upstreams/{name}/reset")
                .post(circuit::reset, |it| named(circuit::RESET(it))),
        )
        .service(
            endpoint("/api/upstreams/{name}/force-open")
                .post(circuit::force_open, |it| named(circuit::FORCE_OPEN(it))),
        )
        .service(
            endpoint("/api/upstreams/{name}/disable")
                .post(circuit::disable, |it| named(circuit::DISABLE(it))),
        )
        .service(
            endpoint("/api/upstreams/{name}/enable")
                .post(circuit::enable, |it| named(circuit::ENABLE(it))),
        );
}

/// Adds what the endpoints of one upstream share.
fn named(it: Operation) -> Operation {
    it.path("name", "The name of the upstream.").fails(404, "No upstream has this name.")
}

const LIST: Describe = |it| {
    it.summary("All upstreams: the lab's backend, then those of the file.")
        .answers::<wire::UpstreamsBody>(200, "Each with its state and its counts.")
};

const GET: Describe = |it| {
    let it = it.summary("An upstream, with all that its circuit breaker knows.");
    circuit::refusing(named(it.answers::<wire::UpstreamBody>(200, "The upstream.")))
};

/// The upstream that the path names, or the lab's backend if the path names none. An unknown name is answered with 404.
impl FromRequest for ControlledUpstream {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(find(request, request.match_info().get("name")))
    }
}

/// The upstream of this name, or the lab's backend.
///
/// # Errors
/// 404 for an unknown name.
pub(super) fn find(
    request: &HttpRequest,
    name: Option<&str>,
) -> Result<ControlledUpstream, ApiError> {
    let named = |upstream: &ControlledUpstream| name.is_none_or(|name| upstream.name() == name);
    let found = all(request).and_then(|mut all| all.find(named));
    found.ok_or_else(|| {
        let message = "no upstream has this name: GET /api/upstreams lists them";
        ApiError::new(StatusCode::NOT_FOUND, message)
    })
}

/// All upstreams, the lab's backend first. `None` if the service has none.
fn all(request: &HttpRequest) -> Option<impl Iterator<Item = ControlledUpstream>> {
    let lab = request.app_data::<web::Data<Calls>>()?.upstreams();
    let config = request.app_data::<web::Data<Config>>()?.clone().into_inner();
    let gateway = request.app_data::<web::Data<GatewayUpstreams>>()?;
    Some(ControlledUpstream::all(lab, config, gateway))
}

async fn list(
    request: HttpRequest,
    file: web::Data<Option<FileStatus>>,
) -> web::Json<wire::UpstreamsBody> {
    let upstreams = all(&request).into_iter().flatten().map(|one| listed(&one)).collect();
    web::Json(wire::UpstreamsBody { config: file.as_ref().as_ref().map(config), upstreams })
}

fn config(file: &FileStatus) -> wire::ConfigFileBody {
    let outcome = file.outcome();
    wire::ConfigFileBody {
        path: file.path().display().to_string(),
        loaded_at: jiff::Timestamp::try_from(outcome.loaded_at).unwrap_or_default().to_string(),
        error: outcome.error,
    }
}

fn listed(upstream: &ControlledUpstream) -> wire::ListedUpstream {
    let (state, mode) = upstream.breaker().state_and_mode();
    wire::ListedUpstream {
        about: about(upstream),
        state,
        mode,
        counts: upstream.breaker().counts(),
    }
}

async fn get(upstream: ControlledUpstream) -> Result<web::Json<wire::UpstreamBody>, ApiError> {
    let circuit = circuit::body(upstream.breaker()).await?;
    Ok(web::Json(wire::UpstreamBody { about: about(&upstream), circuit }))
}

fn about(upstream: &ControlledUpstream) -> wire::AboutUpstream {
    let (tally, fallback) = (upstream.tally(), upstream.stale());
    wire::AboutUpstream {
        name: upstream.name().to_owned(),
        url: upstream.url().to_string(),
        calls: wire::UpstreamCalls {
            counts: tally.counts(),
            stale_responses: fallback.map(|_| tally.stale()),
            calls_in_flight: tally.in_flight(),
        },
        endpoints: upstream.endpoints().map(EndpointPool::snapshot).unwrap_or_default(),
        policies: wire::Policies {
            upstream: upstream.upstream().snapshot(),
            fallback,
            coalesce: upstream.coalesced(),
        },
    }
}
