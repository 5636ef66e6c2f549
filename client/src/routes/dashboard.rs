//! The dashboard. Its files are part of the binary and load nothing from other hosts.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
    web,
};
use service_edge::endpoint;

/// Allows only the page's own files and endpoints, and no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! file {
    ($path:literal, $kind:expr, $file:literal) => {
        File { path: $path, kind: $kind, content: include_str!(concat!("../dashboard/", $file)) }
    };
}

const FILES: [File; 8] = [
    file!("/", HTML, "index.html"),
    file!("/dashboard.css", CSS, "style.css"),
    file!("/dashboard.js", JAVASCRIPT, "app.js"),
    file!("/dashboard-model.js", JAVASCRIPT, "dashboard-model.js"),
    file!("/dashboard-connection.js", JAVASCRIPT, "dashboard-connection.js"),
    file!("/dashboard-charts.js", JAVASCRIPT, "dashboard-charts.js"),
    file!("/dashboard-panels.js", JAVASCRIPT, "dashboard-panels.js"),
    file!("/dashboard-controls.js", JAVASCRIPT, "dashboard-controls.js"),
];

/// Adds one endpoint for each file.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    for file in FILES {
        let tag = format!("\"{:016x}\"", fingerprint(file.content));
        routes.service(endpoint(file.path).get(move |request: HttpRequest| {
            let answer = answer(file, &tag, &request);
            async move { answer }
        }));
    }
}

fn answer(file: File, tag: &str, request: &HttpRequest) -> HttpResponse {
    let mut answer =
        if known(request, tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, tag))
        // Browsers may keep the file but must ask for a newer version each time.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if known(request, tag) {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, file.kind)).body(file.content)
}

/// True if the browser has this version (RFC 9110, 13.1.2: a weak comparison).
fn known(request: &HttpRequest, tag: &str) -> bool {
    let values = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// A 64-bit FNV-1a hash, which changes with the content.
fn fingerprint(content: &str) -> u64 {
    content.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
