//! The priority that a request asks for in the header `PRIORITY_HEADER`.

use std::{
    future::{Ready, ready},
    str::FromStr as _,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName},
    web::Data,
};
use resilience_actors::Priority;
use service_edge::ApiError;

use crate::config::Config;

/// The priority of a request. The default without `PRIORITY_HEADER`, or without this header in the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestPriority(pub(crate) Priority);

impl FromRequest for RequestPriority {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let policies = request.app_data::<Data<Config>>().map(|config| config.policies.load());
        let header = policies.as_ref().and_then(|policies| policies.calls.priority_header.as_ref());
        ready(read(request.headers(), header).map(Self))
    }
}

/// The priority that `header` says. [`Priority::Normal`] if there is no such setting, or the request does not have it.
pub(crate) fn read(headers: &HeaderMap, header: Option<&HeaderName>) -> Result<Priority, ApiError> {
    let Some(header) = header else { return Ok(Priority::default()) };
    let mut values = headers.get_all(header);
    let (Some(value), further) = (values.next(), values.next()) else {
        return Ok(Priority::default());
    };
    let level = value.to_str().ok().filter(|text| text.len() == 1 && further.is_none());
    let level = level.and_then(|text| u8::from_str(text).ok());
    level.and_then(Priority::from_level).ok_or_else(|| {
        let (low, high) = Priority::LEVELS.into_inner();
        ApiError::bad_request(format!(
            "the header {header} must be one whole number from {low} to {high}, the most important"
        ))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::{ResponseError as _, test::TestRequest};

    use super::*;

    fn priority(values: &[&str]) -> Result<Priority, u16> {
        let header = HeaderName::from_static("x-request-priority");
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((header.clone(), *value));
        }
        let request = request.to_http_request();
        read(request.headers(), Some(&header)).map_err(|error| error.status_code().as_u16())
    }

    #[test]
    fn a_header_names_one_of_four_levels() {
        assert_eq!(priority(&[]), Ok(Priority::Normal));
        for (level, expected) in ["0", "1", "2", "3"].iter().zip(Priority::ALL) {
            assert_eq!(priority(&[level]), Ok(expected));
        }
    }

    #[test]
    fn other_values_are_bad_requests() {
        for values in
            [&["4"][..], &[""], &["-1"], &["+1"], &["1.5"], &["01"], &["high"], &["1", "1"]]
        {
            assert_eq!(priority(values), Err(400), "{values:?}");
        }
    }
}
