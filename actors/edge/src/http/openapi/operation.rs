//! What the document says about an operation. Path and method are those of the registration.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, Ref, RefOr, Required, Response, Schema,
        header::Header,
        path::{Operation as Described, Parameter, ParameterIn},
        request_body::RequestBody,
        security::SecurityRequirement,
    },
};

use super::answers::{ErrorBody, JSON, UPSTREAM_TOKEN, retry_after};
use crate::http::deadline::REQUEST_DEADLINE;

/// Describes an operation. It runs when the document is asked for, not at each start.
pub type Describe = fn(Operation) -> Operation;

/// The description of an operation. The document adds what all operations of its kind have: parameters of the path, the
/// admin token of changes, and the answers to requests that exceed a limit.
#[derive(Clone)]
pub struct Operation {
    pub(super) described: Described,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    has_body: bool,
}

impl Operation {
    /// `has_body` says whether requests of the method have a body.
    pub(super) fn new(has_body: bool) -> Self {
        Self { described: Described::new(), schemas: Vec::new(), has_body }
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn summary(mut self, text: &str) -> Self {
        self.described.summary = Some(text.to_owned());
        self
    }

    /// More about it, in Markdown.
    #[must_use]
    pub fn details(mut self, text: &str) -> Self {
        self.described.description = Some(text.to_owned());
        self
    }

    /// The body of requests that a [`JsonBody`](crate::JsonBody) reads, with its errors. It may be left out.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self = self.body(JSON, Some(schema));
        self.fails(400, "The body is not valid.")
            .fails(413, "The body is over 64 KiB.")
            .fails(415, "The body is compressed.")
    }

    /// Any body, if the method has one.
    #[must_use]
    pub fn takes_anything(self) -> Self {
        if self.has_body { self.body("*/*", None) } else { self }
    }

    fn body(mut self, content_type: &str, schema: Option<RefOr<Schema>>) -> Self {
        let mut body = RequestBody::new();
        body.content.insert(content_type.to_owned(), Content::new(schema));
        self.described.request_body = Some(body);
        self
    }

    /// Describes a parameter of the path.
    #[must_use]
    pub fn path(self, name: &str, about: &str) -> Self {
        self.parameter(ParameterIn::Path, name, String::schema(), about)
    }

    /// An optional parameter of the query.
    #[must_use]
    pub fn query(self, name: &str, schema: impl Into<RefOr<Schema>>, about: &str) -> Self {
        self.parameter(ParameterIn::Query, name, schema, about)
    }

    /// An optional header of the request.
    #[must_use]
    pub fn header(self, name: &str, schema: impl Into<RefOr<Schema>>, about: &str) -> Self {
        self.parameter(ParameterIn::Header, name, schema, about)
    }

    fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        schema: impl Into<RefOr<Schema>>,
        about: &str,
    ) -> Self {
        let mut parameter = Parameter::new(name);
        let in_path = place == ParameterIn::Path;
        parameter.required = if in_path { Required::True } else { Required::False };
        parameter.parameter_in = place;
        parameter.schema = Some(schema.into());
        parameter.description = Some(about.to_owned());
        self.described.parameters.get_or_insert_default().push(parameter);
        self
    }

    /// The header that a [`RequestDeadline`](crate::RequestDeadline) reads, with its errors.
    #[must_use]
    pub fn has_deadline(self) -> Self {
        let schema = super::answers::seconds();
        self.header(
            REQUEST_DEADLINE.as_str(),
            schema,
            "The seconds that the caller has left: more than 0, at most 2592000.",
        )
        .fails(400, "A header is not valid.")
    }

    /// The token of an upstream, which some need and others do not.
    #[must_use]
    pub fn may_need_upstream_token(mut self) -> Self {
        let token = SecurityRequirement::new::<_, _, &str>(UPSTREAM_TOKEN, []);
        self.described.security = Some(vec![SecurityRequirement::default(), token]);
        self
    }

    /// An answer that is a `T` as JSON.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, about: &str) -> Self {
        let schema = self.refer::<T>();
        self.answer(status.to_string(), about, JSON, Some(schema))
    }

    /// An answer of another type than JSON, or of one that no schema describes.
    #[must_use]
    pub fn answers_with(self, status: u16, content_type: &str, about: &str) -> Self {
        self.answer(status.to_string(), about, content_type, Some(String::schema()))
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, about: &str) -> Self {
        self.insert(status.to_string(), Response::new(about));
        self
    }

    /// Answers with all other statuses, with a `T` as JSON.
    #[must_use]
    pub fn answers_otherwise<T: ToSchema>(mut self, about: &str) -> Self {
        let schema = self.refer::<T>();
        self.answer("default".to_owned(), about, JSON, Some(schema))
    }

    /// Answers with all other statuses, with any body.
    #[must_use]
    pub fn passes_answers_on(self, about: &str) -> Self {
        self.answer("default".to_owned(), about, "*/*", None)
    }

    /// An [`ApiError`](crate::ApiError).
    #[must_use]
    pub fn fails(self, status: u16, about: &str) -> Self {
        self.answers::<ErrorBody>(status, about)
    }

    /// An [`ApiError`](crate::ApiError) with status 503 and `Retry-After`.
    #[must_use]
    pub fn refuses(self, about: &str) -> Self {
        self.fails(503, about).with_header(503, "Retry-After", retry_after())
    }

    /// A header of the answer with this status, which must have been described before.
    #[must_use]
    pub fn with_header(mut self, status: u16, name: &str, header: Header) -> Self {
        let answers = &mut self.described.responses.responses;
        if let Some(RefOr::T(answer)) = answers.get_mut(&status.to_string()) {
            answer.headers.insert(name.to_owned(), header);
        }
        self
    }

    /// A header of all answers that have been described before.
    #[must_use]
    pub fn with_header_on_all(mut self, name: &str, header: &Header) -> Self {
        for answer in self.described.responses.responses.values_mut() {
            if let RefOr::T(answer) = answer {
                answer.headers.insert(name.to_owned(), header.clone());
            }
        }
        self
    }

    fn answer(
        mut self,
        status: String,
        about: &str,
        content_type: &str,
        schema: Option<RefOr<Schema>>,
    ) -> Self {
        let mut answer = Response::new(about);
        answer.content.insert(content_type.to_owned(), Content::new(schema));
        self.insert(status, answer);
        self
    }

    /// An answer that the document has once.
    pub(super) fn refers(mut self, status: u16, name: &str) -> Self {
        let answer = RefOr::Ref(Ref::from_response_name(name));
        self.described.responses.responses.insert(status.to_string(), answer);
        self
    }

    fn insert(&mut self, status: String, answer: Response) {
        self.described.responses.responses.insert(status, RefOr::T(answer));
    }

    /// Keeps the schema of `T`, and refers to it.
    fn refer<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }
}
