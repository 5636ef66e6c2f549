# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# run-local.sh, with its own ports: the printed lines answer, Ctrl-C stops everything, and a
# failure is one clear line and a non-zero exit status.

load helper

setup() {
  use_stage
  # The script must not depend on the current directory.
  cd "$work_dir" || exit
  backend_port=$(free_port)
  client_port=$(free_port)
  while [ "$client_port" = "$backend_port" ]; do
    client_port=$(free_port)
  done
  processes=''
}

teardown() {
  end_jobs
}

# launch [VARIABLE=VALUE...]: starts run-local.sh, waits for its guide, and sets $lab and $processes.
launch() {
  start_play BIN_DIR="$bin_dir" LOG_DIR="$work_dir/logs" BACKEND_PORT="$backend_port" CLIENT_PORT="$client_port" "$@" \
    run-local.sh
  lab=$job
  expect_soon 'Ctrl-C stops both'
  processes="$(process_of client-service) $(process_of backend-service)"
}

# attempt [VARIABLE=VALUE...]: runs run-local.sh in a case in which it must fail.
attempt() {
  play BIN_DIR="$bin_dir" LOG_DIR="$work_dir/logs" BACKEND_PORT="$backend_port" CLIENT_PORT="$client_port" "$@" \
    run-local.sh
}

process_of() {
  sed -n "s/.*$1 (process \([0-9]*\)).*/\1/p" "$shown" | head -n 1
}

backend_is_healthy() {
  [[ $(get "http://127.0.0.1:$backend_port/health") == *healthy* ]]
}

# expect_end STATUS: the lab ends with this status and leaves no process.
expect_end() {
  local process
  await "run-local.sh ends" 20 has_ended "$lab"
  reap "$lab"
  expect_status "$1"
  for process in $processes; do
    has_ended "$process" || fail "process $process is left"
  done
  expect_nothing_listens
}

expect_nothing_listens() {
  port_is_free "$backend_port" || fail "something still listens on port $backend_port"
  port_is_free "$client_port" || fail "something still listens on port $client_port"
}

# Runs one of the printed lines, in a time limit. Only a call that the backend's fault plan can fail may be an error.
answers_json() {
  local line=$1
  eval "plain_curl --max-time 40 ${line#  curl }" >answer || fail "no answer: $line"
  jq -e 'type == "object" and (has("error") | not)' answer >/dev/null || [[ $line == */api/call-backend* ]] ||
    [[ $line == */api/test-retry* ]] || fail "$line answers: $(<answer)"
}

@test "the printed lines answer, the log shows the circuit opening, and Ctrl-C stops everything" {
  local line
  # Variables of the services, and two that must have no effect.
  launch HOST=not-an-address PORT=1 SLOW_RESPONSE_DELAY=0.1 RETRY_BASE_DELAY=0.1
  grep '^  curl ' "$shown" >lines
  (($(wc -l <lines) == 11)) || fail "expected 11 lines to try"
  while IFS= read -r -u 4 line; do
    answers_json "$line"
  done 4<lines
  expect_soon 'circuit_breaker: closed -> open'
  # To the whole process group, as a terminal does.
  signal_job INT "$lab"
  expect_end 0
  expect 'client-service stopped'
  expect 'backend-service stopped'
}

@test "a port in use is a one-line error that names the port and its variable" {
  local other
  launch
  other=$(free_port)
  attempt CLIENT_PORT="$other"
  expect_refusal "port $backend_port is in use"
  expect 'BACKEND_PORT='
  attempt BACKEND_PORT="$other"
  expect_refusal "port $client_port is in use"
  expect 'CLIENT_PORT='
  [[ $(get "http://127.0.0.1:$client_port/health") == *healthy* ]] || fail "the running lab was disturbed"
}

@test "a backend that dies is restarted, and ends with the lab" {
  launch RESTART_DELAY=1
  kill -s KILL "$(process_of backend-service)"
  expect_soon 'backend-service ended by itself (exit status 137); it is started again in 1 s'
  expect_soon 'Started the backend again'
  await "the backend is healthy" 30 backend_is_healthy
  processes="$processes $(sed -n 's/.*again: backend-service (process \([0-9]*\)).*/\1/p' "$shown")"
  kill -s INT "$lab"
  expect_end 0
}

@test "a client that dies ends the run and the backend" {
  launch
  kill -s KILL "$(process_of client-service)"
  expect_end 1
  expect 'client-service ended by itself'
}

@test "SIGTERM stops everything" {
  launch
  kill -s TERM "$lab"
  expect_end 0
}

@test "an invalid setting is shown, and no process is left" {
  attempt RETRY_JITTER=5
  expect_status 1
  expect 'RETRY_JITTER="5" is not valid'
  expect 'client-service ended at its start (exit status 2)'
  expect_nothing_listens
}

@test "a missing toolchain is a one-line error" {
  attempt BIN_DIR=
  expect_refusal 'cargo not found'
}

@test "a failed build shows cargo's output and an error line" {
  fake cargo <<<'[ "$1" = --version ] || { echo "error: it does not compile" >&2; exit 101; }'
  attempt BIN_DIR=
  expect_status 1
  expect_line 'error: it does not compile'
  expect_last_line 'error: the build failed '
}
