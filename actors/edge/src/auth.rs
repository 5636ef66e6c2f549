//! The admin token: who may change something.
//!
//! [`endpoint()`](crate::endpoint()) asks for it itself wherever a method is added that is not for
//! reading, before anything of the request's body is read.

use std::fmt;

use actix_web::{
    Error, HttpRequest,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, WWW_AUTHENTICATE},
    middleware::Next,
};
use subtle::ConstantTimeEq;

use crate::ApiError;

/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 1024;

/// The token that requests which change something must carry. Its `Debug` does not show it.
#[derive(Clone)]
pub struct AdminToken {
    /// Filled up with zeros, so that how long it is cannot be told from the time that a comparison
    /// takes.
    padded: Box<[u8; MAX_TOKEN]>,
    length: u64,
}

impl AdminToken {
    /// Takes the token as it will be sent in the header. One of no bytes, or of more than
    /// [`MAX_TOKEN`], nobody has; the settings refuse it.
    pub fn new(token: &str) -> Self {
        Self {
            padded: Box::new(padded(token).unwrap_or([0; MAX_TOKEN])),
            length: token.len() as u64,
        }
    }

    /// Whether `presented` is the token. The time this takes depends on `presented` alone, so that
    /// neither the token nor its length can be guessed piece by piece.
    pub fn matches(&self, presented: &str) -> bool {
        let Some(bytes) = padded(presented).filter(|_| !presented.is_empty()) else {
            return false;
        };
        let same_length = (presented.len() as u64).ct_eq(&self.length);
        (bytes.ct_eq(&*self.padded) & same_length).into()
    }
}

fn padded(token: &str) -> Option<[u8; MAX_TOKEN]> {
    let mut bytes = [0; MAX_TOKEN];
    bytes.get_mut(..token.len())?.copy_from_slice(token.as_bytes());
    Some(bytes)
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

/// What [`app`](crate::app()) tells [`admit`]: the token, if there is one.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Option<AdminToken>);

/// A middleware for a route that changes something: it is for holders of the admin token; with no
/// token configured it is for everybody.
///
/// Refuses with 401 and `WWW-Authenticate: Bearer`. Outside of [`app`](crate::app()) it refuses
/// with 500, because it cannot know the token.
pub(crate) async fn admit(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    match check(request.request()) {
        Ok(()) => next.call(request).await,
        Err(refusal) => Ok(request.error_response(refusal)),
    }
}

fn check(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(Gate(token)) = request.app_data() else {
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

/// The token of the `Authorization` header; the scheme's name is case-insensitive (RFC 9110, 11.1).
/// Of several such headers none counts: who is in front of us may have looked at another.
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
    fn of_several_headers_none_counts() {
        let two = |first, second| {
            let request = TestRequest::default().app_data(Gate(Some(AdminToken::new("s3cret"))));
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

    #[test]
    fn only_the_token_itself_matches() {
        let longest = "x".repeat(MAX_TOKEN);
        for token in ["s", "s3cret", &longest] {
            let is = AdminToken::new(token);
            assert!(is.matches(token));
            for other in [&token[1..], &format!("{token}x"), &format!("{token}\0"), "", "\0"] {
                assert!(!is.matches(other), "{other:?}");
            }
        }
        for nobodys in [String::new(), "x".repeat(MAX_TOKEN + 1)] {
            assert!(!AdminToken::new(&nobodys).matches(&nobodys), "{}", nobodys.len());
        }
    }

    proptest! {
        #![proptest_config(crate::props::config())]

        #[test]
        fn whatever_is_sent_passes_only_as_the_bearer_of_the_token(
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "(?i)bearer {1,3}[s3crt]{4,7} {0,2}".prop_map(String::into_bytes),
            ]
        ) {
            let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let request = TestRequest::default().app_data(Gate(Some(AdminToken::new("s3cret"))));
            let request = request.insert_header((AUTHORIZATION, header)).to_http_request();
            let text = String::from_utf8_lossy(&value).to_ascii_lowercase();
            let is_it = text.strip_prefix("bearer ").is_some_and(|rest| rest.trim_matches(' ') == "s3cret");
            let is_it = is_it && value.windows(6).any(|part| part == b"s3cret");
            prop_assert_eq!(check(&request).is_ok(), is_it);
        }
    }

    #[test]
    fn outside_of_the_app_nobody_passes() {
        let request = TestRequest::default().to_http_request();
        assert_eq!(check(&request).unwrap_err().status(), 500);
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AdminToken::new("s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
