//! Request bodies: bounded in size and time, optional, strictly typed.

use std::{any::type_name, cell::Cell, fmt, pin::pin, task::Poll, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    web::{Bytes, BytesMut},
};
use futures::{Stream, StreamExt, future::LocalBoxFuture};
use serde::de::DeserializeOwned;
use tokio::{task::yield_now, time::timeout};

use crate::{ApiError, connections::request_body::BodyReading};

/// The largest request body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a client may take to send its body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON request body, an object.
///
/// - Any `Content-Type` will do, and none: `curl -d` sends that of a form.
/// - An empty body means `T::default()`.
/// - Over [`MAX_BODY_BYTES`]: 413, unread if `Content-Length` tells it in advance.
/// - Compressed: 415. Not there within [`BODY_TIMEOUT`]: 408.
/// - Not JSON, or not a `T`: 400, with what is wrong and where. Let `T` deny unknown fields, so
///   that a misspelt one is not silently ignored.
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
        let wanted = BodyReading::begin(request);
        Box::pin(async move {
            head?;
            let body = read_in_time(payload).await?;
            if let Some(wanted) = wanted {
                wanted.complete();
            }
            parse(&body).map(Self)
        })
    }
}

/// What the head alone says against the body.
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

async fn read_in_time<S>(payload: S) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let arrived = Cell::new(0);
    let mut reading = pin!(read(payload, &arrived));
    if let Ok(body) = timeout(BODY_TIMEOUT, reading.as_mut()).await {
        return body;
    }
    // Time may have stood still for the process (SIGSTOP): what waits in the socket is taken before the limit counts.
    // The runtime looks there when the task has yielded.
    loop {
        let before = arrived.get();
        yield_now().await;
        match futures::poll!(reading.as_mut()) {
            Poll::Ready(body) => return body,
            Poll::Pending if arrived.get() > before => {}
            Poll::Pending => break,
        }
    }
    let limit = BODY_TIMEOUT.as_secs();
    Err(ApiError::request_timeout(format!("the body did not arrive within {limit} s")))
}

/// Reads the whole body. `arrived` is the number of bytes so far.
async fn read<S>(payload: S, arrived: &Cell<usize>) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let mut payload = pin!(payload);
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            ApiError::bad_request(format!("the body could not be read: {error}"))
        })?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        arrived.set(body.len());
    }
    Ok(body.freeze())
}

fn parse<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Ok(T::default());
    }
    // serde would take an array for a struct's fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(ApiError::bad_request("the body must be a JSON object, but is an array"));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body is not valid: {error}")))
}

fn too_large() -> ApiError {
    ApiError::payload_too_large(format!("the body is over {MAX_BODY_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures::stream;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        cups: u32,
    }

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, PayloadError>> + use<> {
        let sizes = sizes.to_vec();
        stream::iter(sizes.into_iter().map(|size| Ok(Bytes::from(vec![b' '; size]))))
    }

    #[test]
    fn empty_body_means_the_default() {
        assert_eq!(parse::<Order>(b"").unwrap(), Order { cups: 0 });
    }

    #[test]
    fn message_says_what_is_wrong_and_where() {
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

    #[actix_web::test]
    async fn body_at_the_limit_is_read_and_one_byte_more_is_not() {
        let read_in_full = read_in_time(chunks(&[1, MAX_BODY_BYTES - 1])).await.unwrap();
        assert_eq!(read_in_full.len(), MAX_BODY_BYTES);
        let error = read_in_time(chunks(&[1, MAX_BODY_BYTES])).await.unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[actix_web::test]
    async fn announced_over_large_body_is_refused_unread() {
        let request =
            TestRequest::default().insert_header((CONTENT_LENGTH, "10000000")).to_http_request();
        let never_sent = stream::pending::<Result<Bytes, PayloadError>>();
        let mut payload = Payload::from(Box::pin(never_sent)
            as std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>);
        let error = JsonBody::<Order>::from_request(&request, &mut payload).await.unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_never_arrives_is_given_up() {
        let request = TestRequest::default().to_http_request();
        let never_sent = stream::pending::<Result<Bytes, PayloadError>>();
        let mut payload = Payload::from(Box::pin(never_sent)
            as std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>);
        let error = JsonBody::<Order>::from_request(&request, &mut payload).await.unwrap_err();
        assert_eq!(error.status(), 408);
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
#[path = "json_props.rs"]
mod props;
