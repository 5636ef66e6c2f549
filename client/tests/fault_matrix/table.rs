//! Renders the matrix as a page of the documentation.

use std::{env, fs};

use resilience_testing::documents::{in_repository, read};

use super::row::{Effect, Expected};

const DOCUMENT: &str = "docs/data/fault-matrix.md";

const INTRODUCTION: &str = "\
# Fault matrix

How the client handles each fault of a backend on the wire. It makes two attempts, repeats an attempt that did not reach
the backend twice at once (`CONNECT_RETRIES`), and accepts bodies of at most 10000 bytes.
`UPDATE_DOCS=1 cargo test -p client-service --test fault_matrix` writes this page; without the variable, the test
compares it. Rows that need no timeout are also played with TLS, and must have the same result.

- *status*: the status of `/api/call-backend`; *unprotected*: that of `/api/call-backend-without-resilience`.
- *outcome*: how the attempts end; [policies](../policies.md#what-a-result-means) explains the outcomes.
- *breaker*: what the call counts as for the breaker: a success, neutral, or a number of failures.
- *connections*, *requests*: what the backend sees of the call: new connections, and requests on all connections.

";

/// The page without its introduction.
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

/// Compares the page in the documentation with the results. With `UPDATE_DOCS`, writes it.
pub(crate) fn must_be_documented(table: &str) {
    let page = format!("{INTRODUCTION}{table}");
    if env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(in_repository(DOCUMENT), page).unwrap();
    }
    let documented = read(DOCUMENT);
    let differs = page.lines().find(|line| !documented.lines().any(|other| other == *line));
    assert!(
        documented == page,
        "{DOCUMENT} differs from the results, e.g. {differs:?}; UPDATE_DOCS=1 writes it"
    );
}
