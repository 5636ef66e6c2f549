//! The harness, with a shell that prints the log lines of a service.

use std::time::Duration;

use resilience_testing::{
    PATIENCE,
    process::{Process, command, run_to_end},
    until,
};

const LISTENS: &str = "echo 'INFO a-service listening on 127.0.0.1:1 (2 workers)' >&2";

fn shell(script: &str) -> std::process::Command {
    let mut command = command("sh", &[("NAME", "value")]);
    command.args(["-c", script]);
    command
}

#[test]
fn the_log_is_read_line_by_line_and_whole_after_the_end() {
    let script =
        format!("{LISTENS}; echo one $NAME >&2; echo told; echo one more >&2; exec sleep 60");
    let mut process = Process::start(shell(&script));
    assert_eq!(process.address().port(), 1);
    assert_eq!(process.wait_for_log("one"), "one value");
    assert_eq!(process.wait_for_log("one"), "one more");
    assert_eq!((process.logged("one"), process.output().as_str()), (2, "told\n"));
    assert!(!process.terminate().success());
    assert!(process.log().ends_with("(2 workers)\none value\none more\n"), "{}", process.log());
}

#[test]
fn an_unread_log_can_be_read_later() {
    let script = format!("{LISTENS}; echo later >&2; exec sleep 60");
    let (mut process, pipe) = Process::start_unread(shell(&script));
    assert!(process.log().ends_with("(2 workers)\n"), "{}", process.log());
    process.read_log(pipe);
    process.wait_for_log("later");
    process.kill();
}

#[test]
fn a_process_that_ends_has_a_status_and_its_output() {
    let output = run_to_end(shell("echo out; echo err >&2; exit 3"));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
}

#[test]
#[should_panic(expected = "bad setting")]
fn a_service_that_does_not_listen_panics_with_its_log() {
    Process::start(shell("echo bad setting >&2; exit 2"));
}

#[test]
fn a_process_does_not_outlive_its_test() {
    let process = Process::start(shell(&format!("{LISTENS}; exec sleep 60")));
    let entry = format!("/proc/{}", process.pid());
    drop(process);
    until("it is gone", PATIENCE, || !std::path::Path::new(&entry).exists());
}

#[test]
#[should_panic(expected = "what never is: not within 20ms")]
fn until_panics_after_its_time_limit() {
    until("what never is", Duration::from_millis(20), || false);
}
