//! The middleware that requires the admin token.
//!
//! [`endpoint()`](crate::endpoint()) adds it to each method that is not for reading. It runs before the request's body
//! is read.
//!
//! Written by hand: `actix-web-httpauth` takes the first of several `Authorization` headers
//! (`several_authorization_headers_are_refused`).

use crate::{config::admin_token::AdminToken, http::api_error::ApiError};
use actix_web::{
    Error, HttpRequest,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, WWW_AUTHENTICATE},
    middleware::Next,
};

/// The configured token, which [`app`](crate::app()) passes to [`require_admin_token`]. `None` lets every client pass.
#[derive(Clone)]
pub(crate) struct RequiredToken(pub(crate) Option<AdminToken>);

/// The middleware. Refuses requests without the admin token with 401 and `WWW-Authenticate: Bearer`. Outside of
/// [`app`](crate::app()) it does not know the token, and refuses with 500.
pub(crate) async fn require_admin_token(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    match check(request.request()) {
        Ok(()) => next.call(request).await,
        Err(refusal) => Ok(request.error_response(refusal)),
    }
}

fn check(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(RequiredToken(token)) = request.app_data() else {
        return Err(ApiError::internal("the admin token is not configured"));
    };
    match token {
        None => Ok(()),
        Some(token) if bearer(request).is_some_and(|presented| token.matches(presented)) => Ok(()),
        Some(_) => {
            Err(ApiError::unauthorized("this needs the admin token: Authorization: Bearer <token>")
                .with_header(WWW_AUTHENTICATE, "Bearer"))
        }
    }
}

/// The token of the `Authorization` header. The scheme's name is case-insensitive (RFC 9110, 11.1). With several such
/// headers there is no token: a proxy in front may have checked another one.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?.to_str().ok()?;
    if headers.next().is_some() {
        return None;
    }
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::HeaderValue, test::TestRequest};
    use proptest::prelude::*;

    use super::*;

    fn refused(token: Option<&str>, authorization: Option<&str>) -> Option<ApiError> {
        let token = token.map(AdminToken::new);
        let mut request = TestRequest::default().app_data(RequiredToken(token));
        if let Some(value) = authorization {
            request = request.insert_header((AUTHORIZATION, value));
        }
        check(&request.to_http_request()).err()
    }

    #[test]
    fn without_a_configured_token_every_request_passes() {
        assert!(refused(None, None).is_none());
        assert!(refused(None, Some("Bearer anything")).is_none());
    }

    #[test]
    fn right_token_passes_and_the_scheme_ignores_case() {
        assert!(refused(Some("s3cret"), Some("Bearer s3cret")).is_none());
        assert!(refused(Some("s3cret"), Some("bearer s3cret")).is_none());
    }

    #[test]
    fn missing_or_wrong_token_is_refused_with_a_challenge() {
        for authorization in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Bearer s3cre"),
            Some("Bearer s3cret0"),
            Some("Basic s3cret"),
            Some("s3cret"),
        ] {
            let error = refused(Some("s3cret"), authorization).expect("refused");
            assert_eq!(error.status(), 401, "{authorization:?}");
            let challenge = error.headers().get(WWW_AUTHENTICATE).unwrap();
            assert_eq!(challenge, "Bearer");
        }
    }

    #[test]
    fn several_authorization_headers_are_refused() {
        let two = |first, second| {
            let request =
                TestRequest::default().app_data(RequiredToken(Some(AdminToken::new("s3cret"))));
            let request = request.append_header((AUTHORIZATION, first));
            check(&request.append_header((AUTHORIZATION, second)).to_http_request())
        };
        for (first, second) in [
            ("Bearer s3cret", "Bearer x"),
            ("x", "Bearer s3cret"),
            ("Bearer s3cret", "Bearer s3cret"),
        ] {
            assert_eq!(two(first, second).unwrap_err().status(), 401);
        }
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn only_a_bearer_header_with_the_token_passes(
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "(?i)bearer {1,3}[s3crt]{4,7} {0,2}".prop_map(String::into_bytes),
            ]
        ) {
            let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let request = TestRequest::default().app_data(RequiredToken(Some(AdminToken::new("s3cret"))));
            let request = request.insert_header((AUTHORIZATION, header)).to_http_request();
            let text = String::from_utf8_lossy(&value).to_ascii_lowercase();
            let is_it = text.strip_prefix("bearer ").is_some_and(|rest| rest.trim_matches(' ') == "s3cret");
            let is_it = is_it && value.windows(6).any(|part| part == b"s3cret");
            prop_assert_eq!(check(&request).is_ok(), is_it);
        }
    }

    #[test]
    fn a_request_outside_the_app_is_refused() {
        let request = TestRequest::default().to_http_request();
        assert_eq!(check(&request).unwrap_err().status(), 500);
    }
}
