# shellcheck shell=bats disable=SC2154  # variables of helper.bash
# The command line of run-chaos.sh. chaos.sh runs the experiments.

load helper

setup_file() {
  make_stage
}

@test "--list names the experiments" {
  play run-chaos.sh --list
  expect_status 0
  expect_line pod-failure
  expect_line network-partition
}

@test "an unknown experiment, an unknown option or a missing value is a one-line error" {
  play run-chaos.sh --local pod
  expect_refusal 'there is no experiment "pod"'
  play run-chaos.sh --locally
  expect_refusal 'unknown argument "--locally"'
  play run-chaos.sh --local --journals
  expect_refusal '--journals needs a value'
}

@test "--set needs a service and a variable, and --local" {
  play run-chaos.sh --local --set client-service pod-failure
  expect_refusal '--set "client-service" is not valid'
  play run-chaos.sh --set client-service:BREAKER_FAIL_MAX=1 pod-failure
  expect_refusal '--set is for --local'
}
