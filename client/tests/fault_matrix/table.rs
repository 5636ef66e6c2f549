//! The matrix as a page, which the documentation shows.

use std::{env, fs, path::PathBuf};

use super::row::{Effect, Expected};

const INTRODUCTION: &str = "\
# Fault matrix

What the client makes of a backend that misbehaves on the wire: two attempts, two repeats at once of an attempt
that did not reach the backend (`CONNECT_RETRIES`), at most 10000 bytes of body. Written and kept true by
`cargo test -p client-service --test fault_matrix`; written anew with `FAULT_MATRIX_WRITE=1`.

- *status*: what the caller of `/api/call-backend` gets; *unprotected*: of `/api/call-backend-without-resilience`.
- *outcome*: how the attempts end, by the table in `actors/runtime/src/outcome.rs`.
- *breaker*: what the call is to the breaker: a success, neutral, or so many failures.
- *connections*, *requests*: what the backend sees of the call: new connections, and requests on any.

";

/// The page, without what introduces it.
pub(crate) fn render<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Expected)>) -> String {
    let head = [
        "the backend",
        "status",
        "outcome",
        "breaker",
        "attempts",
        "connections",
        "requests",
        "unprotected",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|(name, seen)| {
        let breaker = match seen.breaker {
            Effect::Success => "success".to_owned(),
            Effect::Neutral => "neutral".to_owned(),
            Effect::Failures(1) => "1 failure".to_owned(),
            Effect::Failures(number) => format!("{number} failures"),
        };
        let (connections, requests) = seen.seen;
        [
            name.to_owned(),
            seen.status.to_string(),
            seen.outcome.replace('_', " "),
            breaker,
            seen.attempts.to_string(),
            connections.to_string(),
            requests.to_string(),
            seen.unprotected.to_string(),
        ]
    }));
    let widths: [usize; 8] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap());
    lines.insert(1, widths.map(|width| "-".repeat(width)));
    lines.iter().fold(String::new(), |mut page, line| {
        for (cell, width) in line.iter().zip(widths) {
            page += &format!("| {cell:width$} ");
        }
        page + "|\n"
    })
}

/// Compares with the page in the documentation, or writes that.
pub(crate) fn must_be_documented(table: &str) {
    let page = format!("{INTRODUCTION}{table}");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/data/fault-matrix.md");
    if env::var_os("FAULT_MATRIX_WRITE").is_some() {
        return fs::write(&path, page).unwrap();
    }
    let documented = fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().find(|line| !documented.lines().any(|other| other == *line));
    assert!(
        documented == page,
        "docs/data/fault-matrix.md is not what was seen, e.g. {differs:?}; FAULT_MATRIX_WRITE=1 writes it anew"
    );
}
