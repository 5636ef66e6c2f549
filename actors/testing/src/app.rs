//! Answers of an application without a socket.

use std::time::Instant;

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, to_bytes},
    dev::{Service, ServiceResponse},
};

use crate::Answer;

/// Returns the response with an unread body. Converts an `Err` to its error response, as the server does.
pub async fn open<R>(
    service: &impl Service<R, Response = ServiceResponse<BoxBody>, Error = Error>,
    request: R,
) -> HttpResponse {
    match service.call(request).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    }
}

/// Returns the complete answer.
pub async fn answer<R>(
    service: &impl Service<R, Response = ServiceResponse<BoxBody>, Error = Error>,
    request: R,
) -> Answer {
    let asked = Instant::now();
    let response = open(service, request).await;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = to_bytes(response.into_body()).await.unwrap();
    Answer::new(status, headers, &body, asked.elapsed())
}
