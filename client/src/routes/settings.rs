//! The settings of the policies of an upstream: which are in force, and their change at run time.

use actix_web::web;
use resilience_actors::ReconfigureError;
use serde_json::{Map, Value};
use service_edge::{ApiError, Describe, JsonBody, UNSET};

use crate::{
    controlled::ControlledUpstream,
    policy_settings::{ChangeError, Policies},
    wire::PolicySettings,
};

type Settings = web::Json<Map<String, Value>>;

pub(super) const GET: Describe = |it| {
    it.summary("The settings of the policies in force.")
        .answers::<PolicySettings>(200, "All settings.")
};

/// `GET /api/circuit-breaker/settings`.
pub(super) async fn get(upstream: ControlledUpstream) -> Settings {
    web::Json(shown(&upstream.policies().load()))
}

pub(super) const PATCH: Describe = |it| {
    let it = it.summary(
        "Changes settings of the policies until the next start: all that are given, or none.",
    );
    super::circuit::refusing(it.takes::<PolicySettings>())
        .answers::<PolicySettings>(200, "All settings, as they are now.")
        .fails(400, "A setting is unknown, not valid, or contradicts another one.")
};

/// `PATCH /api/circuit-breaker/settings`.
pub(super) async fn patch(
    JsonBody(asked): JsonBody<Map<String, Value>>,
    upstream: ControlledUpstream,
) -> Result<Settings, ApiError> {
    // In a task of its own, because the caller may leave halfway.
    let changing =
        actix_rt::spawn(
            async move { upstream.change(asked).await.map(|in_force| shown(&in_force)) },
        );
    let changed = changing.await.map_err(|_| ApiError::unavailable("the service is ending"))?;
    changed.map(web::Json).map_err(|error| match error {
        ChangeError::NotTaken(ReconfigureError::Stopped(_)) => {
            ApiError::unavailable(error.to_string())
        }
        ChangeError::Gone => ApiError::not_found(error.to_string()),
        _ => ApiError::bad_request(error.to_string()),
    })
}

/// Each setting by the name that a change takes, with its value as JSON.
fn shown(policies: &Policies) -> Map<String, Value> {
    let settings = policies.effective.iter();
    settings.map(|(name, value)| (name.to_lowercase(), json(value))).collect()
}

/// A number if it is one, `false` for a variable that is not set, or a text.
fn json(value: &str) -> Value {
    match value {
        UNSET => Value::Bool(false),
        text => match serde_json::from_str(text) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::from(text),
        },
    }
}
