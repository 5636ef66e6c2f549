//! Parts that the descriptions of many operations share.

use utoipa::{
    ToSchema,
    openapi::{
        Content, Ref, RefOr, Response, Schema, Type,
        header::{Header, HeaderBuilder},
        schema::ObjectBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

pub(super) const JSON: &str = "application/json";

/// Names of security schemes.
pub(super) const ADMIN_TOKEN: &str = "admin_token";
pub(super) const UPSTREAM_TOKEN: &str = "upstream_token";

/// The body of an [`ApiError`](crate::ApiError).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of what `ApiError` writes")]
pub(super) struct ErrorBody {
    /// The reason phrase of the status.
    error: String,
    /// What happened.
    message: String,
}

/// A header of answers.
pub fn header(schema: impl Into<RefOr<Schema>>, about: &str) -> Header {
    HeaderBuilder::new().schema(schema.into()).description(Some(about)).build()
}

/// The header `Retry-After`.
pub fn retry_after() -> Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    header(seconds, "Seconds until another try makes sense.")
}

/// A time in the header [`REQUEST_DEADLINE`](crate::REQUEST_DEADLINE). A JSON number could have an exponent.
pub(super) fn seconds() -> ObjectBuilder {
    let decimal = r"^(0\.[0-9]{0,8}[1-9]|[1-9][0-9]{0,5}(\.[0-9]{1,9})?)$";
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(decimal))
}

/// Answers that the document has once: the admin token is missing, and limits of the server are exceeded.
pub(super) const UNAUTHORIZED: &str = "AdminTokenNeeded";
pub(super) const TOO_SLOW: &str = "TooSlow";
pub(super) const HEAD_TOO_LARGE: &str = "HeadTooLarge";
pub(super) const TOO_MANY_CONNECTIONS: &str = "TooManyConnections";

pub(super) fn shared_answers() -> [(&'static str, Response); 4] {
    let error = |about: &str| {
        let mut answer = Response::new(about);
        let body = Content::new(Some(Ref::from_schema_name(ErrorBody::name())));
        answer.content.insert(JSON.to_owned(), body);
        answer
    };
    let mut unauthorized = error("The admin token is missing or wrong.");
    let challenge = header(ObjectBuilder::new().schema_type(Type::String), "`Bearer`");
    unauthorized.headers.insert("WWW-Authenticate".to_owned(), challenge);
    let mut connections = error("The process has too many connections.");
    connections.headers.insert("Retry-After".to_owned(), retry_after());
    [
        (UNAUTHORIZED, unauthorized),
        (TOO_SLOW, error("The head or the body of the request did not arrive in time.")),
        (HEAD_TOO_LARGE, error("The head is over 16 KiB, or has more than 96 headers.")),
        (TOO_MANY_CONNECTIONS, connections),
    ]
}

pub(super) fn security_schemes() -> [(&'static str, SecurityScheme); 2] {
    let admin = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The value of `ADMIN_TOKEN`, if the process has one."))
        .build();
    let about = "The `token` of the upstream, if it has one.";
    let upstream = ApiKeyValue::with_description("X-Upstream-Token", about);
    [
        (ADMIN_TOKEN, SecurityScheme::Http(admin)),
        (UPSTREAM_TOKEN, SecurityScheme::ApiKey(ApiKey::Header(upstream))),
    ]
}
