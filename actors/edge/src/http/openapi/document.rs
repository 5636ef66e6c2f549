//! Makes the document from the registered operations.

use std::cell::OnceCell;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{self, Bytes},
};
use serde_json::Value;
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        Components, Info, OpenApi, Paths, Server,
        path::{HttpMethod, ParameterIn},
        security::SecurityRequirement,
    },
};

use super::{
    answers::{
        ADMIN_TOKEN, ErrorBody, HEAD_TOO_LARGE, JSON, TOO_MANY_CONNECTIONS, TOO_SLOW, UNAUTHORIZED,
        security_schemes, shared_answers,
    },
    operation::{Describe, Operation},
    path_template::parameters,
    tidy::tidy,
};
use crate::http::api_error::ApiError;

/// What all endpoints do.
const COMMON: &str = "\n\nGET also answers HEAD. OPTIONS is answered with 204 and `Allow`, and a method that a path does \
    not take with 405 and `Allow`. Errors are JSON with `error` and `message`. `traceparent` is continued. Times are in \
    seconds.";

/// A registered operation.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) path: String,
    pub(crate) method: HttpMethod,
    pub(crate) needs_token: bool,
    pub(crate) describe: Describe,
}

/// The document of one worker. It is made when it is asked for first.
pub(crate) struct Document {
    pub(crate) info: Info,
    pub(crate) operations: Vec<Registered>,
    /// True if the service has an admin token.
    pub(crate) has_token: bool,
    pub(crate) rendered: OnceCell<Bytes>,
}

pub(crate) const DESCRIPTION: Describe = |operation| {
    operation.summary("This description, as OpenAPI 3.1.").answers_with(200, JSON, "The document.")
};

/// Answers `/openapi.json`.
pub(crate) async fn get(document: web::Data<Document>) -> Result<HttpResponse, ApiError> {
    let body = match document.rendered.get() {
        Some(body) => body.clone(),
        None => {
            let body = document.render().map_err(|error| {
                ApiError::internal(format!("the document cannot be written: {error}"))
            })?;
            document.rendered.get_or_init(|| body).clone()
        }
    };
    let mut answer = HttpResponse::Ok();
    Ok(answer
        .insert_header((CONTENT_TYPE, JSON))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body))
}

impl Document {
    fn render(&self) -> serde_json::Result<Bytes> {
        let mut document: Value = serde_json::to_value(self.make())?;
        tidy(&mut document);
        serde_json::to_vec(&document).map(Bytes::from)
    }

    fn make(&self) -> OpenApi {
        let mut paths = Paths::new();
        let mut components = Components::new();
        for (name, scheme) in security_schemes() {
            components.add_security_scheme(name, scheme);
        }
        for (name, answer) in shared_answers() {
            components.responses.insert(name.to_owned(), answer.into());
        }
        components.schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
        for registered in &self.operations {
            let operation = self.complete(registered);
            components.schemas.extend(operation.schemas);
            let methods = vec![registered.method.clone()];
            paths.add_path_operation(&registered.path, methods, operation.described);
        }
        let mut info = self.info.clone();
        info.description.get_or_insert_default().push_str(COMMON);
        let mut document = OpenApi::new(info, paths);
        document.components = Some(components);
        document.servers = Some(vec![Server::new("/")]);
        document
    }

    /// The description, with what belongs to path and method.
    fn complete(&self, registered: &Registered) -> Operation {
        let (path, method) = (&registered.path, method_name(&registered.method));
        let has_body = !matches!(method, "get" | "head" | "options");
        let mut operation = (registered.describe)(Operation::new(has_body));
        if registered.needs_token {
            operation = operation.refers(401, UNAUTHORIZED);
            let token = SecurityRequirement::new::<_, _, &str>(ADMIN_TOKEN, []);
            let none = (!self.has_token).then(SecurityRequirement::default);
            operation.described.security = Some(none.into_iter().chain([token]).collect());
        }
        for name in parameters(path) {
            let known = operation.described.parameters.iter().flatten();
            if !known.filter(|it| it.parameter_in == ParameterIn::Path).any(|it| it.name == name) {
                operation = operation.path(name, "Part of the path.");
            }
        }
        operation = operation.refers(408, TOO_SLOW).refers(431, HEAD_TOO_LARGE);
        if !operation.described.responses.responses.contains_key("503") {
            operation = operation.refers(503, TOO_MANY_CONNECTIONS);
        }
        let words =
            path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<_> = std::iter::once(method).chain(words).collect();
        operation.described.operation_id = Some(words.join("_"));
        operation
    }
}

fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        HttpMethod::Options => "options",
        HttpMethod::Head => "head",
        HttpMethod::Patch => "patch",
        HttpMethod::Trace => "trace",
    }
}
