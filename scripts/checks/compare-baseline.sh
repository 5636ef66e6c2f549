#!/usr/bin/env bash
# Compares calls through circuit breaker and retries with calls without them: the same number of
# calls, at a constant rate, through /api/call-backend and through
# /api/call-backend-without-resilience. Prints a table; fails unless the first succeed at 90 % or
# better, and the second between 40 % and 60 %.
#
# Usage: scripts/checks/compare-baseline.sh [--help]
#
# It starts both services on free ports, with the lab's fault rates (FAILURE_RATE 0.3, SLOW_RESPONSE_RATE
# 0.2) and all times a tenth of the defaults. One attempt then succeeds with a probability of 50 % (slow
# answers exceed the attempt timeout), and a call of up to four attempts with 1 - 0.5^4 = 93.75 %.
#
# Environment:
#   CALLS       calls through each endpoint (default 1000)
#   RATE        calls that begin per second (default 50)
#   BASE_URL    compare on a running client, such as http://localhost:30080, with its own settings
#   BIN_DIR     use the binaries there, instead of building them
#   FAULT_SEED  seed of the backend's random draws
#
# The client's settings (BREAKER_SCOPE, RETRY_MAX_ATTEMPTS, ...) can be set too, to see their effect.
set -euo pipefail
# shellcheck source=scripts/checks/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  read_arguments -- "$@"
  need_bash_5
  # EPOCHREALTIME and all numbers with a point.
  export LC_ALL=C
  CALLS=${CALLS:-1000}
  RATE=${RATE:-50}
  check_integer CALLS 1 1000000
  check_integer RATE 1 1000
  need curl

  clean_up_at_exit
  make_work_dir
  if [ -n "${BASE_URL:-}" ]; then
    base_url=${BASE_URL%/}
    # Above the default of CALL_DEADLINE.
    patience=40
  else
    start_both
    patience=10
  fi
  check_circuit

  compare /api/call-backend resilient
  compare /api/call-backend-without-resilience baseline
  print_table
  judge
}

# Settings of the client in the environment take precedence.
start_both() {
  local name
  local -a given=()
  for name in ATTEMPT_TIMEOUT CONNECT_TIMEOUT CALL_DEADLINE RETRY_BASE_DELAY RETRY_MAX_DELAY BREAKER_TRIAL_LEASE \
    BREAKER_RESET_TIMEOUT; do
    [ -z "${!name:-}" ] || given+=("$name=${!name}")
  done
  provide_services
  RUST_LOG=info start_fast_lab BREAKER_RESET_TIMEOUT=3 "${given[@]}"
  base_url=$client_url
}

# A circuit that is open at the start would distort the comparison.
check_circuit() {
  local health
  health=$(get "$base_url/health") || die "nothing answers at $base_url/health"
  [[ $health == *'"circuit_breaker_state":"closed"'* ]] ||
    die "the circuit is not closed at $base_url; reset it: curl -X POST $base_url/api/circuit-breaker/reset"
}

# compare PATH NAME: makes the calls; one line for each, status and seconds, goes to $work_dir/NAME.
compare() {
  say "$CALLS calls to $1, $RATE per second ..."
  : >"$work_dir/$2"
  start_job make_calls "$base_url$1" "$work_dir/$2"
  reap "$job"
  ((status == 0)) || die "making the calls failed (exit status $status)"
}

# make_calls URL RESULTS: each call begins at its own time, however long those before it take; their
# number at a time is bounded by curl's patience.
#
# shellcheck disable=SC2317,SC2329  # called through start_job
make_calls() {
  local begin call due now wait_for behind=0
  mkfifo "$2.clock"
  # A pipe without data: `read` with a timeout sleeps without starting a process.
  exec 5<>"$2.clock"
  begin=${EPOCHREALTIME/./}
  for ((call = 0; call < CALLS; call++)); do
    due=$((begin + call * 1000000 / RATE))
    now=${EPOCHREALTIME/./}
    if ((now < due)); then
      printf -v wait_for '%d.%06d' $(((due - now) / 1000000)) $(((due - now) % 1000000))
      read -r -t "$wait_for" -u 5 || true
    elif ((now - due > behind)); then
      behind=$((now - due))
    fi
    curl "${curl_options[@]}" --max-time "$patience" --output /dev/null \
      --write-out '%{http_code} %{time_total}\n' "$1" >>"$2" 5<&- &
  done
  if ((behind > 1000000)); then
    complain "note: this machine fell behind by up to $((behind / 1000)) ms; a lower RATE gives even arrivals"
  fi
  wait
}

print_table() {
  say
  row endpoint calls 200s success p50 p99 answers
  measured_row /api/call-backend resilient
  measured_row /api/call-backend-without-resilience baseline
  say
}

row() {
  printf '%-37s %6s %6s %8s %9s %9s  %s\n' "$@"
}

measured_row() {
  local path=$1 results=$work_dir/$2
  (($(wc -l <"$results") == CALLS)) || die "some calls to $path have no result"
  row "$path" "$CALLS" "$(successes "$2")" "$(percent "$2") %" \
    "$(percentile 50 "$results") s" "$(percentile 99 "$results") s" "$(statuses_of "$results")"
}

successes() {
  grep -c '^200 ' "$work_dir/$1" || true
}

# A percentage with one decimal.
percent() {
  local permille=$((1000 * $(successes "$1") / CALLS))
  say "$((permille / 10)).$((permille % 10))"
}

judge() {
  local failed=0
  expect resilient 90 100 || failed=1
  expect baseline 40 60 || failed=1
  exit "$failed"
}

# expect NAME LOWEST HIGHEST, in per cent.
expect() {
  local hundredfold verdict
  hundredfold=$((100 * $(successes "$1")))
  verdict="$1: $(percent "$1") % succeeded, expected $2 to $3 %"
  if ((hundredfold >= $2 * CALLS && hundredfold <= $3 * CALLS)); then
    say "ok: $verdict"
  else
    complain "error: $verdict"
    return 1
  fi
}

main "$@"
