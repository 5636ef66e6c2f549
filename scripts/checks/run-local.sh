#!/usr/bin/env bash
# Plays run-local.sh as a newcomer does, on ports of its own: the printed lines answer, Ctrl-C stops
# everything, and what can go wrong gives one clear line and a non-zero exit status.
#
# Usage: scripts/checks/run-local.sh [--help]
#
# Environment:
#   BIN_DIR  take the binaries that are there, instead of building them
#
# Needs: curl, jq.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

run_local=$repo_root/scripts/run-local.sh

main() {
  case ${1:-} in
    -h | --help) print_help && exit 0 ;;
    ?*) die "unknown argument \"$1\"; see --help" ;;
  esac
  need_curl
  need_jq
  clean_up_at_exit
  make_work_dir
  # From here on also for run-local.sh.
  provide_services
  export BIN_DIR=$bin_dir LOG_DIR=$work_dir/logs
  # A directory that is not the repository: run-local.sh must not care.
  cd "$work_dir"
  choose_ports

  printed_lines_answer
  port_in_use_is_one_line
  interrupt_stops_everything
  backend_that_dies_is_started_again
  client_that_dies_ends_the_run
  terminate_stops_everything
  bad_setting_is_shown
  missing_cargo_is_one_line
  failed_build_is_told
  say "run-local.sh: all as it should be"
}

# ---- what should happen --------------------------------------------------------------------------

printed_lines_answer() {
  local line count=0
  # Variables that must not get in the way.
  start HOST=not-an-address PORT=1 SLOW_RESPONSE_DELAY=0.1 RETRY_BASE_DELAY=0.1
  while IFS= read -r line; do
    [[ $line == '  curl '* ]] || continue
    # Each line is run as it is printed; it brings JSON.
    eval "$line" >answer || fail "no answer: $line"
    jq -e 'type == "object" and (has("error") | not)' answer >/dev/null || judge_error "$line"
    count=$((count + 1))
  done <output
  ((count == 11)) || fail "expected 11 lines to try, found $count"
  expect_output 'circuit_breaker: closed -> open'
  passed "the $count printed lines answer, and the log shows the circuit opening"
}

# What the printed lines run: no proxy and no ~/.curlrc come between, and it ends.
curl() {
  command curl -q --silent --show-error --noproxy '*' --max-time 40 "$@"
}

# Only what the backend fails at by its fault plan may be an error.
judge_error() {
  [[ $1 == */api/call-backend* || $1 == */api/test-retry* ]] || fail "$1 answers: $(<answer)"
}

port_in_use_is_one_line() {
  local other
  other=$(free_port)
  expect_refusal "port $backend_port is in use.*BACKEND_PORT=" CLIENT_PORT="$other"
  expect_refusal "port $client_port is in use.*CLIENT_PORT=" BACKEND_PORT="$other"
  [[ $(get "http://127.0.0.1:$client_port/health") == *healthy* ]] || fail "the running lab was disturbed"
  passed "a port in use is one line that names it and its variable"
}

interrupt_stops_everything() {
  # As a terminal does it: to the whole group.
  signal_job INT "$lab"
  expect_end 0
  expect_output 'client-service stopped'
  expect_output 'backend-service stopped'
  passed "Ctrl-C stops everything, and is no failure"
}

backend_that_dies_is_started_again() {
  local deadline=$((SECONDS + 30))
  start RESTART_DELAY=1
  kill -s KILL "$(process_of backend-service)"
  until grep -q 'Started the backend again' output && [[ $(get "http://127.0.0.1:$backend_port/health") == *healthy* ]]; do
    ((SECONDS < deadline)) || fail "the backend is not started again"
    sleep 0.1
  done
  expect_output 'backend-service ended by itself (exit status 137); it is started again in 1 s'
  processes="$processes $(sed -n 's/.*again: backend-service (process \([0-9]*\)).*/\1/p' output)"
  kill -s INT "$lab"
  expect_end 0
  passed "a backend that dies is started again, and ends with the lab"
}

client_that_dies_ends_the_run() {
  start
  kill -s KILL "$(process_of client-service)"
  expect_end 1
  expect_output 'client-service ended by itself'
  passed "a client that dies ends the run, and the backend with it"
}

terminate_stops_everything() {
  start
  kill -s TERM "$lab"
  expect_end 0
  passed "SIGTERM stops everything"
}

bad_setting_is_shown() {
  expect_failure RETRY_JITTER=5
  expect_output 'RETRY_JITTER="5" is not valid'
  expect_output 'client-service ended at its start (exit status 2)'
  expect_nothing_left
  passed "a bad setting is shown, and nothing keeps running"
}

missing_cargo_is_one_line() {
  local tool
  mkdir no_cargo
  for tool in bash curl dirname; do
    ln -s "$(type -P "$tool")" no_cargo/
  done
  expect_refusal 'cargo not found' BIN_DIR= PATH="$work_dir/no_cargo"
  passed "a missing toolchain is one line"
}

failed_build_is_told() {
  mkdir broken_cargo
  # shellcheck disable=SC2016  # for the script that is written
  printf '%s\n' '#!/usr/bin/env bash' '[ "$1" = --version ] || { echo "error: it does not compile" >&2; exit 101; }' >broken_cargo/cargo
  chmod +x broken_cargo/cargo
  expect_failure BIN_DIR= PATH="$work_dir/broken_cargo:$PATH"
  expect_output '^error: it does not compile'
  [[ $(tail -n 1 output) == 'error: the build failed '* ]] || fail "no closing line"
  passed "a failed build shows cargo's output and a closing line"
}

# ---- how it is seen ------------------------------------------------------------------------------

# run [VARIABLE=VALUE...]: starts run-local.sh in the background.
run() {
  start_job env BACKEND_PORT="$backend_port" CLIENT_PORT="$client_port" "$@" "$run_local"
}

# start [VARIABLE=VALUE...]: the same, waits for its lines to try, and sets $lab to its process.
start() {
  local deadline=$((SECONDS + 30))
  run "$@" >output 2>&1
  lab=$job
  until grep -q 'Ctrl-C stops both' output; do
    is_running "$lab" || fail "run-local.sh ended at its start"
    ((SECONDS < deadline)) || fail "run-local.sh does not come up"
    sleep 0.1
  done
  processes="$(process_of client-service) $(process_of backend-service)"
}

process_of() {
  sed -n "s/.*$1 (process \([0-9]*\)).*/\1/p" output | head -n 1
}

# expect_end STATUS: the lab ends by itself now, and leaves nothing.
expect_end() {
  local deadline=$((SECONDS + 20)) process
  while is_running "$lab"; do
    ((SECONDS < deadline)) || fail "run-local.sh does not end"
    sleep 0.1
  done
  reap "$lab"
  ((status == $1)) || fail "exit status $status, expected $1"
  for process in $processes; do
    ! is_running "$process" || fail "process $process was left behind"
  done
  expect_nothing_left
}

expect_nothing_left() {
  port_is_free "$backend_port" || fail "somebody still listens on port $backend_port"
  port_is_free "$client_port" || fail "somebody still listens on port $client_port"
}

# expect_failure [VARIABLE=VALUE...]: a run that fails by itself.
expect_failure() {
  run "$@" >output 2>&1
  reap "$job"
  ((status == 1)) || fail "exit status $status, expected 1"
}

# expect_refusal PATTERN [VARIABLE=VALUE...]: a run that says one line and fails.
expect_refusal() {
  local pattern=$1
  shift
  run "$@" >refusal 2>&1
  reap "$job"
  ((status == 1)) || fail "exit status $status, expected 1: $(<refusal)"
  (($(wc -l <refusal) == 1)) || fail "expected one line: $(<refusal)"
  grep -q "^error: .*$pattern" refusal || fail "expected $pattern: $(<refusal)"
}

# Logs are shown a little later than they are written.
expect_output() {
  local deadline=$((SECONDS + 5))
  until grep -q -- "$1" output; do
    ((SECONDS < deadline)) || fail "the output has no \"$1\""
    sleep 0.1
  done
}

passed() {
  say "ok: $*"
}

fail() {
  complain "--- the output of run-local.sh:"
  sed 's/^/  | /' output >&2
  die "$*"
}

choose_ports() {
  backend_port=$(free_port)
  client_port=$(free_port)
  while [ "$client_port" = "$backend_port" ]; do
    client_port=$(free_port)
  done
}

main "$@"
