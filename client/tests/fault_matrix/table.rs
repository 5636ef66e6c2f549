//! Renders the matrix as a page of the documentation.

use std::{env, fs};

use resilience_testing::documents::{in_repository, read};

use super::{
    received::End,
    row::{CallResult, Effect, Results},
};

const DOCUMENT: &str = "docs/data/fault-matrix.md";

const INTRODUCTION: &str = "\
# Fault matrix

How the client handles each fault of a backend on the wire. It makes two attempts, and repeats an attempt that did not
reach the backend twice at once (`CONNECT_RETRIES`). Its endpoints accept bodies of at most 10000 bytes.
`UPDATE_DOCS=1 cargo test -p client-service --test fault_matrix` writes this page; without the variable, the test
compares it. Rows that need no timeout are also played with TLS, and must have the same result.

- *status*: the status of the answer; *unprotected*: that of `/api/call-backend-without-resilience`.
- *outcome*: how the attempts end; [policies](../policies.md#what-a-result-means) explains the outcomes.
- *breaker*: what the call counts as for the breaker: a success, neutral, or a number of failures.
- *connections*, *requests*: what the backend sees of the call: new connections, and requests on all connections.

## `/api/call-backend`

";

const GATEWAY: &str = "
## Through the gateway

The same faults of an upstream, through [the gateway](../gateway.md): `/upstreams/{name}/{path}`. It passes an answer
that is not retried on as soon as the head has arrived, whatever the body is. *Body* is how the caller's body ends:
*whole*, as its head says; *cut off*, with the caller's connection; or *never* before the caller leaves. A body without
progress is cut off after `body_idle_timeout`.

";

/// The page without its introduction.
pub(crate) fn render<'a>(rows: impl Iterator<Item = (&'a str, &'a Results)> + Clone) -> String {
    let lab = rows.clone().map(|(name, seen)| {
        let [status, outcome, breaker, attempts, connections, requests] = cells(&seen.lab);
        let unprotected = seen.unprotected.to_string();
        [name.to_owned(), status, outcome, breaker, attempts, connections, requests, unprotected]
    });
    let gateway = rows.map(|(name, seen)| {
        let [status, outcome, breaker, attempts, connections, requests] = cells(&seen.gateway);
        let body = match seen.gateway.end {
            End::Whole => "whole",
            End::CutOff => "cut off",
            End::Never => "never",
        };
        let body = body.to_owned();
        [name.to_owned(), status, body, outcome, breaker, attempts, connections, requests]
    });
    let lab_head = [
        "the backend",
        "status",
        "outcome",
        "breaker",
        "attempts",
        "connections",
        "requests",
        "unprotected",
    ];
    let gateway_head = [
        "the upstream",
        "status",
        "body",
        "outcome",
        "breaker",
        "attempts",
        "connections",
        "requests",
    ];
    [&table(lab_head, lab), GATEWAY, &table(gateway_head, gateway)].concat()
}

/// The cells that both tables have.
fn cells(result: &CallResult) -> [String; 6] {
    let breaker = match result.breaker {
        Effect::Success => "success".to_owned(),
        Effect::LateFailure => "success, then 1 failure".to_owned(),
        Effect::Neutral => "neutral".to_owned(),
        Effect::Failures(1) => "1 failure".to_owned(),
        Effect::Failures(number) => format!("{number} failures"),
    };
    let (connections, requests) = result.seen;
    [
        result.status.to_string(),
        result.outcome.replace('_', " "),
        breaker,
        result.attempts.to_string(),
        connections.to_string(),
        requests.to_string(),
    ]
}

fn table(head: [&str; 8], rows: impl Iterator<Item = [String; 8]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows);
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
