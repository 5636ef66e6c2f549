//! The stderr of a separate process: this test binary, started again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    panic::catch_unwind,
    process::{Command, Output},
};

use service_edge::{CommonSettings, Settings, logging};

const ROLE: &str = "LOGGING_TEST_ROLE";

/// The separate process. Does nothing without a role.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut settings = Settings::from_env();
    logging::init(&CommonSettings::read(&mut settings, 0).unwrap());
    log::info!("before");
    if role == "panics" {
        let _ = catch_unwind(|| panic!("at its end"));
        std::process::abort();
    }
    service_edge::exit_code(Ok(()));
}

fn run(role: &str, variables: &[(&str, &str)]) -> (Output, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env_clear()
        .env(ROLE, role)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, log)
}

#[test]
fn the_panic_line_is_written_before_the_process_aborts() {
    let (output, log) = run("panics", &[]);
    assert!(!output.status.success());
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0].ends_with(" before"), "{log}");
    assert!(lines[1].contains("ERROR") && lines[1].ends_with(": at its end"), "{log}");
}

#[test]
fn levels_are_coloured_on_a_terminal_and_never_in_json() {
    for (variables, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1"), ("LOG_FORMAT", "json")], false),
    ] {
        let (output, log) = run("ends", variables);
        assert!(output.status.success() && log.contains("before"), "{log}");
        assert_eq!(log.contains('\u{1b}'), coloured, "{variables:?}: {log}");
    }
}
