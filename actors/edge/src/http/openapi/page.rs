//! `/docs`: a page that shows the document.

use std::future::{Ready, ready};

use actix_web::{HttpRequest, HttpResponse};

use super::operation::Describe;
use crate::http::{
    endpoint::endpoint,
    routes::Routes,
    static_file::{CSS, HTML, JAVASCRIPT, StaticFile},
};

static PAGE: StaticFile = StaticFile::new("/docs", HTML, include_str!("page/index.html"));
static STYLE: StaticFile = StaticFile::new("/docs/page.css", CSS, include_str!("page/page.css"));
static SCRIPT: StaticFile =
    StaticFile::new("/docs/page.js", JAVASCRIPT, include_str!("page/page.js"));

const SHOW: Describe = |it| {
    it.summary("A page that shows this description.")
        .answers_with(200, HTML, "The page.")
        .answers_nothing(304, "The browser has it.")
};
const SHOW_STYLE: Describe = |it| {
    it.summary("A file of that page.")
        .answers_with(200, CSS, "The file.")
        .answers_nothing(304, "The browser has it.")
};
const SHOW_SCRIPT: Describe = |it| {
    it.summary("A file of that page.")
        .answers_with(200, JAVASCRIPT, "The file.")
        .answers_nothing(304, "The browser has it.")
};

pub(crate) fn configure(routes: &mut Routes<'_>) {
    routes
        .service(endpoint("/docs").get(file(&PAGE), SHOW))
        .service(endpoint("/docs/page.css").get(file(&STYLE), SHOW_STYLE))
        .service(endpoint("/docs/page.js").get(file(&SCRIPT), SHOW_SCRIPT));
}

fn file(file: &'static StaticFile) -> impl Fn(HttpRequest) -> Ready<HttpResponse> + Clone {
    move |request| ready(file.answer(&request))
}
