//! The admin token: who may change something.

use std::{
    fmt,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use subtle::ConstantTimeEq;

use crate::ApiError;

/// The token that requests which change something must carry. Its `Debug` does not show it.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// Takes the token as it will be sent in the header.
    pub fn new(token: String) -> Self {
        Self(token)
    }

    /// Whether `presented` is the token. The time this takes depends on the lengths only, so that
    /// the token cannot be guessed byte by byte.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

/// What [`app`](crate::app()) tells the extractor: the token, if there is one.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Option<AdminToken>);

/// A handler that takes this argument is for holders of the admin token; with no token configured
/// it is for everybody. Put it before a body argument: arguments are extracted in order, and a
/// stranger's body is not worth reading.
///
/// Refuses with 401 and `WWW-Authenticate: Bearer`. Outside of [`app`](crate::app()) it refuses
/// with 500, because it cannot know the token.
#[derive(Debug, Clone, Copy)]
pub struct Admin;

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(check(request))
    }
}

fn check(request: &HttpRequest) -> Result<Admin, ApiError> {
    let Some(Gate(token)) = request.app_data() else {
        return Err(ApiError::internal("the admin token is not configured"));
    };
    match token {
        None => Ok(Admin),
        Some(token) if bearer(request).is_some_and(|presented| token.matches(presented)) => {
            Ok(Admin)
        }
        Some(_) => {
            Err(ApiError::unauthorized("this needs the admin token: Authorization: Bearer <token>")
                .with_header(WWW_AUTHENTICATE, "Bearer"))
        }
    }
}

/// The token of the `Authorization` header; the scheme's name is case-insensitive (RFC 9110, 11.1).
fn bearer(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn refused(token: Option<&str>, authorization: Option<&str>) -> Option<ApiError> {
        let token = token.map(|token| AdminToken::new(token.to_owned()));
        let mut request = TestRequest::default().app_data(Gate(token));
        if let Some(value) = authorization {
            request = request.insert_header((AUTHORIZATION, value));
        }
        check(&request.to_http_request()).err()
    }

    #[test]
    fn without_a_configured_token_everybody_passes() {
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
    fn outside_of_the_app_nobody_passes() {
        let request = TestRequest::default().to_http_request();
        assert_eq!(check(&request).unwrap_err().status(), 500);
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AdminToken::new("s3cret".to_owned());
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
