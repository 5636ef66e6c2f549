//! The dashboard. Its files are part of the binary and load nothing from other hosts.

use actix_web::{HttpRequest, HttpResponse};
use service_edge::{ApiError, CSS, Describe, HTML, JAVASCRIPT, Routes, StaticFile, endpoint};

/// One route for all files but the page, so that they share the `path` label of the metrics.
const FOLDER: &str = "/dashboard/{file}*";

macro_rules! file {
    ($path:literal, $kind:expr) => {
        StaticFile::new($path, $kind, include_str!(concat!("..", $path)))
    };
}

static PAGE: StaticFile = StaticFile::new("/", HTML, include_str!("../dashboard/index.html"));

static FILES: [StaticFile; 36] = [
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

pub(super) fn configure(routes: &mut Routes<'_>) {
    routes.service(endpoint("/").get(page, SHOW)).service(endpoint(FOLDER).get(file, SHOW_FILE));
}

const SHOW: Describe = |it| {
    it.summary("The dashboard.")
        .answers_with(200, HTML, "The page.")
        .answers_nothing(304, "The browser has it.")
};

async fn page(request: HttpRequest) -> HttpResponse {
    PAGE.answer(&request)
}

const SHOW_FILE: Describe = |it| {
    it.summary("A file of the dashboard.")
        .answers_with(200, "*/*", "The file.")
        .answers_nothing(304, "The browser has it.")
        .fails(404, "There is no such file.")
};

async fn file(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = request.path();
    let file = FILES.iter().find(|file| file.path() == path);
    let file = file.ok_or_else(|| ApiError::not_found(format!("there is nothing at {path}")))?;
    Ok(file.answer(&request))
}
