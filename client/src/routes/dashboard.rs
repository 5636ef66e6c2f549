//! The dashboard. Its files are part of the binary and load nothing from other hosts.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
    web,
};
use service_edge::{ApiError, endpoint};

/// Allows only the page's own files and endpoints, and no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// One route for all files but the page, so that they share the `path` label of the metrics.
const FOLDER: &str = "/dashboard/{file}*";

struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
    fingerprint: u64,
}

impl File {
    const fn new(path: &'static str, kind: &'static str, content: &'static str) -> Self {
        Self { path, kind, content, fingerprint: fingerprint(content) }
    }
}

macro_rules! file {
    ($path:literal, $kind:expr) => {
        File::new($path, $kind, include_str!(concat!("..", $path)))
    };
}

static PAGE: File = File::new("/", HTML, include_str!("../dashboard/index.html"));

static FILES: [File; 36] = [
    file!("/dashboard/styles/base.css", CSS),
    file!("/dashboard/styles/layout.css", CSS),
    file!("/dashboard/styles/charts.css", CSS),
    file!("/dashboard/styles/panels.css", CSS),
    file!("/dashboard/styles/controls.css", CSS),
    file!("/dashboard/styles/responsive.css", CSS),
    file!("/dashboard/styles/upstreams.css", CSS),
    file!("/dashboard/app.js", JAVASCRIPT),
    file!("/dashboard/dom.js", JAVASCRIPT),
    file!("/dashboard/theme.js", JAVASCRIPT),
    file!("/dashboard/charts/comparison.js", JAVASCRIPT),
    file!("/dashboard/charts/markers.js", JAVASCRIPT),
    file!("/dashboard/charts/scale.js", JAVASCRIPT),
    file!("/dashboard/charts/timeline.js", JAVASCRIPT),
    file!("/dashboard/charts/timeline-description.js", JAVASCRIPT),
    file!("/dashboard/charts/timeline-layout.js", JAVASCRIPT),
    file!("/dashboard/charts/waterfall.js", JAVASCRIPT),
    file!("/dashboard/controls/controls.js", JAVASCRIPT),
    file!("/dashboard/controls/faults.js", JAVASCRIPT),
    file!("/dashboard/controls/steady-traffic.js", JAVASCRIPT),
    file!("/dashboard/controls/stress-test.js", JAVASCRIPT),
    file!("/dashboard/data/api.js", JAVASCRIPT),
    file!("/dashboard/data/clock.js", JAVASCRIPT),
    file!("/dashboard/data/model.js", JAVASCRIPT),
    file!("/dashboard/data/stream.js", JAVASCRIPT),
    file!("/dashboard/data/upstreams.js", JAVASCRIPT),
    file!("/dashboard/panels/announcer.js", JAVASCRIPT),
    file!("/dashboard/panels/counters.js", JAVASCRIPT),
    file!("/dashboard/panels/event-log.js", JAVASCRIPT),
    file!("/dashboard/panels/lamp.js", JAVASCRIPT),
    file!("/dashboard/panels/policies.js", JAVASCRIPT),
    file!("/dashboard/text/format.js", JAVASCRIPT),
    file!("/dashboard/text/policies.js", JAVASCRIPT),
    file!("/dashboard/text/words.js", JAVASCRIPT),
    file!("/dashboard/views/list.js", JAVASCRIPT),
    file!("/dashboard/views/one.js", JAVASCRIPT),
];

pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes.service(endpoint("/").get(page)).service(endpoint(FOLDER).get(file));
}

async fn page(request: HttpRequest) -> HttpResponse {
    answer(&PAGE, &request)
}

async fn file(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = request.path();
    let file = FILES.iter().find(|file| file.path == path);
    let file = file.ok_or_else(|| ApiError::not_found(format!("there is nothing at {path}")))?;
    Ok(answer(file, &request))
}

fn answer(file: &File, request: &HttpRequest) -> HttpResponse {
    let tag = format!("\"{:016x}\"", file.fingerprint);
    let known = is_known(request, &tag);
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((ETAG, tag))
        // Browsers may keep the file but must ask for a newer version each time.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if known {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, file.kind)).body(file.content)
}

/// True if the browser has this version (RFC 9110, 13.1.2: a weak comparison).
fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let values = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// A 64-bit FNV-1a hash, which changes with the content. The compiler evaluates it.
const fn fingerprint(content: &str) -> u64 {
    let bytes = content.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
