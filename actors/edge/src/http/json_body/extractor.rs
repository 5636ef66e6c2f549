//! The extractor of JSON bodies.
//!
//! Written by hand: `web::Json` refuses an empty body, and takes an array for a struct (the tests below).

use std::{any::type_name, fmt, io::ErrorKind, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    body::{BodyStream, to_bytes_limited},
    dev::Payload,
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    web::Bytes,
};
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::http::api_error::ApiError;

/// Maximum size of a request body in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Maximum time for a client to send its body. The server enforces it.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request body that is a JSON object.
///
/// - `Content-Type` is ignored: `curl -d` sends that of a form.
/// - An empty body means `T::default()`.
/// - A body over [`MAX_BODY_BYTES`] is answered with 413. It is not read if `Content-Length`
///   says its size.
/// - A compressed body is answered with 415, and one that does not arrive within 10 s with 408.
/// - A body that is not JSON, or not a `T`, is answered with 400 and with what is wrong and where. Let `T` deny unknown
///   fields, so that a misspelt one is an error.
pub struct JsonBody<T>(pub T);

impl<T> fmt::Debug for JsonBody<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonBody<{}>", type_name::<T>())
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let head = check_head(request);
        let payload = payload.take();
        Box::pin(async move {
            head?;
            parse(&read(payload).await?).map(Self)
        })
    }
}

/// Refuses a body by the request's head alone.
fn check_head(request: &HttpRequest) -> Result<(), ApiError> {
    let header = |name| request.headers().get(name)?.to_str().ok();
    if let Some(encoding) = header(CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(ApiError::unsupported_media_type("the body must not be compressed"));
    }
    let length = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    Ok(())
}

async fn read(payload: Payload) -> Result<Bytes, ApiError> {
    match to_bytes_limited(BodyStream::new(payload), MAX_BODY_BYTES).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_) => Err(too_large()),
    }
}

/// The answer to a request whose body cannot be read: 408 if the server has waited for it for too long, otherwise 400.
pub fn unreadable(error: &PayloadError) -> ApiError {
    match error {
        PayloadError::Incomplete(Some(cause)) if cause.kind() == ErrorKind::TimedOut => {
            let limit = BODY_TIMEOUT.as_secs();
            ApiError::request_timeout(format!("the body did not arrive within {limit} s"))
        }
        _ => ApiError::bad_request(format!("the body could not be read: {error}")),
    }
}

fn too_large() -> ApiError {
    ApiError::payload_too_large(format!("the body is over {MAX_BODY_BYTES} bytes"))
}

fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    // serde would accept an array as a struct's fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(ApiError::bad_request("the body must be a JSON object, but is an array"));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body is not valid: {error}")))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use actix_web::test::TestRequest;
    use futures::{Stream, stream};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        cups: u32,
    }

    #[test]
    fn empty_body_means_the_default() {
        assert_eq!(parse::<Order>(b"").unwrap(), Order { cups: 0 });
    }

    #[test]
    fn the_message_names_the_error_and_its_position() {
        for (body, expected) in [
            ("{\"cups\":", "EOF"),
            ("cups=1", "expected value at line 1 column 1"),
            ("{\"cups\":\"two\"}", "invalid type: string \"two\", expected u32"),
            ("{\"cups\":-1}", "invalid value: integer `-1`, expected u32"),
            ("{\"mugs\":1}", "unknown field `mugs`, expected `cups`"),
            ("{\"cups\":1} x", "trailing characters"),
            ("{\"cups\":1,\"cups\":2}", "duplicate field `cups`"),
            ("null", "invalid type: null"),
            (" [1]", "must be a JSON object"),
            (" ", "EOF"),
        ] {
            let error = parse::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(error.status(), 400, "{body}");
            assert!(error.message().contains(expected), "{body}: {error}");
        }
        let deep = "[".repeat(60_000);
        assert_eq!(parse::<Order>(deep.as_bytes()).unwrap_err().status(), 400);
        assert_eq!(parse::<Order>(b"{\"\xff\":1}").unwrap_err().status(), 400);
    }

    type BoxedPayloadStream = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

    fn payload(parts: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
        let parts: BoxedPayloadStream = Box::pin(parts);
        parts.into()
    }

    #[actix_web::test]
    async fn a_body_announced_above_the_limit_is_refused_without_reading_it() {
        let request =
            TestRequest::default().insert_header((CONTENT_LENGTH, "10000000")).to_http_request();
        let mut never_sent = payload(stream::pending());
        let error = JsonBody::<Order>::from_request(&request, &mut never_sent).await.unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[actix_web::test]
    async fn a_body_that_times_out_is_answered_with_408() {
        let late = PayloadError::Incomplete(Some(ErrorKind::TimedOut.into()));
        let error = read(payload(stream::iter([Ok(Bytes::from("{")), Err(late)]))).await;
        assert_eq!(error.unwrap_err().status(), 408);
    }

    #[actix_web::test]
    async fn body_at_the_limit_is_read_and_one_byte_more_is_not() {
        let read_both = |sizes: [usize; 2]| {
            read(payload(stream::iter(sizes.map(|size| Ok(Bytes::from(vec![b' '; size]))))))
        };
        assert_eq!(read_both([1, MAX_BODY_BYTES - 1]).await.unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(read_both([1, MAX_BODY_BYTES]).await.unwrap_err().status(), 413);
    }

    #[test]
    fn compressed_body_is_refused() {
        let encoded = |encoding| {
            let request = TestRequest::default()
                .insert_header((CONTENT_ENCODING, encoding))
                .to_http_request();
            check_head(&request)
        };
        assert_eq!(encoded("gzip").unwrap_err().status(), 415);
        assert!(encoded("identity").is_ok());
    }
}

#[cfg(test)]
#[path = "props.rs"]
mod props;
