//! The file of upstreams: the commands `check` and `schema`, and `CONFIG` at the start.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use std::{fs, path::PathBuf, process::Output};

use resilience_testing::process::{Process, command, run_to_end};
use serde_json::Value;

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");

/// A file of upstreams with this text.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = command(CLIENT, variables);
    command.args(arguments);
    run_to_end(command)
}

fn lines(bytes: &[u8]) -> Vec<&str> {
    str::from_utf8(bytes).unwrap().lines().collect()
}

#[test]
fn check_prints_the_effective_settings_without_the_secrets() {
    fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check.token"), "s3cret\n").unwrap();
    let text = "[upstreams.p]\nurl = \"http://p\"\nretry_max_attempts = 7\ntoken = { file = \"check.token\" }\n\
                headers = { X-Key = { env = \"KEY\" } }";
    let path = file("check.toml", text);
    let output = run(&["check", &path], &[("KEY", "hunter2")]);
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), vec![]));
    let shown = lines(&output.stdout);
    let expected = [
        "[upstreams.p]",
        "url = \"http://p\"",
        "retry_max_attempts = 7",
        "breaker_fail_max = 5",
        "rate_limit = false",
        "token = \"(hidden)\"",
        "\"x-key\" = \"(hidden)\"",
    ];
    for line in expected {
        assert!(shown.contains(&line), "{line}: {shown:#?}");
    }
    assert!(
        !shown.concat().contains("hunter2") && !shown.concat().contains("s3cret"),
        "{shown:#?}"
    );
}

#[test]
fn check_writes_a_line_for_each_error_and_ends_with_code_2() {
    let path =
        file("wrong.toml", "[upstreams.p]\nurl = \"http://p\"\nretry_jitter = 2\n[upstreams.q]\n");
    let output = run(&["check", &path], &[]);
    assert_eq!((output.status.code(), lines(&output.stdout)), (Some(2), vec![]));
    let expected = [
        format!(
            "{path}:3:16: upstreams.p.retry_jitter=\"2\" is not valid: expected a number from 0 to 1"
        ),
        format!(
            "{path}:4:1: upstreams.q has no url: expected http:// or https:// with host or host:port, \
             without user, path or query"
        ),
    ];
    assert_eq!(lines(&output.stderr), expected);

    let none = run(&["check", "/none"], &[]);
    assert_eq!(none.status.code(), Some(2));
    let says = "/none: cannot be read: No such file or directory (os error 2)";
    assert_eq!(lines(&none.stderr), [says]);
    assert_eq!(run(&["check"], &[]).status.code(), Some(2));
}

#[test]
fn the_files_of_the_overlays_have_no_error() {
    let overlays = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/overlays");
    for overlay in ["gateway", "sidecar"] {
        let path = overlays.join(overlay).join("upstreams.toml");
        let output = run(&["check", path.to_str().unwrap()], &[]);
        assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), vec![]), "{overlay}");
        assert!(lines(&output.stdout).contains(&"[upstreams.shop]"), "{overlay}");
    }
}

#[test]
fn schema_prints_the_schema() {
    let output = run(&["schema"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema, client_service::gateway::file::schema());
}

#[test]
fn a_wrong_file_stops_the_start_with_one_line() {
    let path = file("stops.toml", "[upstreams.p]\nurl = 1\ncolour = 1\ntoken = 1\n");
    let says = format!(
        "CONFIG=\"{path}\" is not valid: expected a file without errors: {path}:2:7: upstreams.p.url is an integer: \
         expected a string or a list of strings (2 more: client-service check {path})"
    );
    let output = run(&[], &[("CONFIG", &path)]);
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(2), vec![says.as_str()]));

    let none = run(&[], &[("CONFIG", "/none")]);
    let says = "CONFIG=\"/none\" is not valid: expected a file without errors: /none: cannot be read: No such file or \
                directory (os error 2)";
    assert_eq!((none.status.code(), lines(&none.stderr)), (Some(2), vec![says]));
}

#[test]
fn a_client_with_a_file_serves() {
    let path = file("serves.toml", "[upstreams.p]\nurl = \"http://p\"\n");
    let mut client = Process::start(command(CLIENT, &[("CONFIG", &path), ("PORT", "0")]));
    assert_eq!(client.get("/health").status, 200);
    assert!(client.log().contains(&format!("CONFIG={path}")), "{}", client.log());
    assert_eq!(client.ask("POST /api/upstreams/p/force-open").status, 200);
    let line = client.wait_for_log("upstream p: circuit_breaker: closed -> open (");
    assert!(line.contains("forced"), "{line}");
    assert!(client.terminate().success());
}
