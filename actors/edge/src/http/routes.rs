//! The routes of one worker.

use actix_web::web;
use utoipa::openapi::Info;

use super::{endpoint::Endpoint, openapi::document::Registered};

/// Registers the endpoints of a worker, and what its handlers need. Each endpoint is in the OpenAPI document.
pub struct Routes<'a> {
    config: &'a mut web::ServiceConfig,
    info: Info,
    operations: Vec<Registered>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(config: &'a mut web::ServiceConfig) -> Self {
        Self { config, info: Info::new("service", ""), operations: Vec::new() }
    }

    /// Sets the title of the document, the version of the service, and what the service does, in Markdown.
    pub fn about(&mut self, title: &str, version: &str, description: &str) -> &mut Self {
        self.info = Info::new(title, version);
        self.info.description = Some(description.to_owned());
        self
    }

    /// Registers an endpoint.
    pub fn service(&mut self, endpoint: Endpoint) -> &mut Self {
        let (service, registered) = endpoint.into_parts();
        self.operations.extend(registered);
        self.config.service(service);
        self
    }

    /// Gives the handlers a value, as `ServiceConfig::app_data` does.
    pub fn app_data<T: 'static>(&mut self, data: T) -> &mut Self {
        self.config.app_data(data);
        self
    }

    /// Registers what `configure` registers.
    pub fn configure(&mut self, configure: impl FnOnce(&mut Self)) -> &mut Self {
        configure(self);
        self
    }

    pub(super) fn into_parts(self) -> (&'a mut web::ServiceConfig, Info, Vec<Registered>) {
        (self.config, self.info, self.operations)
    }
}
