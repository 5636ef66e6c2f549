#!/usr/bin/env bash
# Plays the lab's parts A, B and C on a running lab, shows what it sees, and checks that it is what a
# correct lab shows:
#
#   A  the baseline fails about half of its calls; breaker and retries make most of them succeed
#   B  consecutive failures open the circuit; it refuses at once, becomes half-open by itself, and
#      closes after a good trial
#   C  throttled calls are repeated after waits that double, each with some jitter, and succeed
#
# Usage: scripts/run-tests.sh [--help]
#
# With default settings it takes about 90 seconds. Expectations follow the client's own settings, as
# /api/stats shows them. What is left to chance is bounded so that a correct lab misses a bound less
# than once in a million runs. It resets the circuit breaker; others should leave the lab alone meanwhile. With
# several clients behind one address, each of which has its own breaker, forward a port to one of them:
#   kubectl port-forward -n lab3-resilience deployment/client-service 30080:8000
#
# Environment:
#   BASE_URL     the client (default http://localhost:30080)
#   PARTS        the parts to play (default "A B C")
#   ADMIN_TOKEN  the client's, if it has one
#   BACKEND_URL  the backend, to read its fault rates from; without it they are the lab's defaults:
#                30 % fail, 20 % are slower than an attempt may take
#   CALLS        calls of each kind in part A, 50 to 300 (default 100)
#
# Exit status: 0 when everything is as expected, 1 when something is not.
#
# Needs: curl 7.67 or later, jq.

# shellcheck disable=SC2016  # jq has variables, too
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# All numbers with a point.
export LC_ALL=C

main() {
  local part
  case ${1:-} in
    -h | --help) print_help && exit 0 ;;
    ?*) die "unknown argument \"$1\"; see --help" ;;
  esac
  CALLS=${CALLS:-100}
  check_integer CALLS 50 300
  PARTS=${PARTS:-A B C}
  [[ $PARTS =~ ^(\ *[ABC])+\ *$ ]] || die "PARTS=\"$PARTS\" is not valid: expected some of A B C"
  need_parallel_curl
  need_jq
  clean_up_at_exit
  make_work_dir
  cd "$work_dir"
  write_token
  need_client
  read_settings

  failures=0
  for part in A B C; do
    [[ $PARTS != *"$part"* ]] || "part_$part"
  done
  say
  ((failures == 0)) || die "not as expected: $failures of the observations above"
  say "All as expected."
}

# In a file: arguments can be read by everybody on the machine.
write_token() {
  : >token
  [ -z "${ADMIN_TOKEN:-}" ] || printf 'Authorization: Bearer %s\n' "$ADMIN_TOKEN" >token
}

# The client's settings, and the shares of an attempt's outcomes.
read_settings() {
  fetch stats /api/stats
  expect_json stats '.retry.max_attempts and .circuit_breaker.fail_max'
  max_attempts=$(jq .retry.max_attempts stats.json)
  attempt_timeout=$(jq .retry.attempt_timeout stats.json)
  patience=$(jq '.retry.call_deadline + 10 | ceil' stats.json)
  fail_max=$(jq .circuit_breaker.fail_max stats.json)
  reset_timeout=$(jq .circuit_breaker.reset_timeout stats.json)
  error_share=0.3
  timeout_share=0.2
  if [ -n "${BACKEND_URL:-}" ]; then
    get "${BACKEND_URL%/}/api/metrics" >metrics.json || die "nothing answers at BACKEND_URL=\"$BACKEND_URL\""
    expect_json metrics '(.failure_rate | numbers) and (.slow_response_rate | numbers)'
    error_share=$(jq .failure_rate metrics.json)
    timeout_share=$(jq --argjson timeout "$attempt_timeout" \
      'if .slow_response_delay > $timeout then .slow_response_rate else 0 end' metrics.json)
  fi
  failing_share=$(compute "$error_share + $timeout_share")
}

# ---- part A: the baseline ------------------------------------------------------------------------

part_A() {
  local few
  title "Part A: $CALLS calls without resilience, then $CALLS calls with it"
  reset_breaker
  call_all baseline /api/call-backend-without-resilience
  call_all resilient /api/call-backend
  row_A endpoint answer calls fastest slowest
  rows_A baseline
  rows_A resilient
  say

  expect "the baseline answers 200, 500 and 504 only" only_statuses baseline 200 500 504
  expect_share 500 "$error_share" "fail at once"
  expect_share 504 "$timeout_share" "run out of time"
  expect "each 504 took the attempt timeout of $attempt_timeout s" slow_enough
  expect_failing
  # Calls that fail for good do so late, and may open the circuit: the last attempt is not counted on.
  few=$(bounds "$(compute "1 - $failing_share ^ ($max_attempts > 1 ? $max_attempts - 1 : 1)")")
  few=${few% *}
  expect "with resilience $(count resilient 200) of $CALLS succeed, at least $few" at_least "$(count resilient 200)" "$few"
  expect_gain
}

# call_all NAME PATH
call_all() {
  show_live "calling $2 ..."
  start_job call_many "$base_url$2" "$CALLS" "$CALLS" "$patience" "$1.results"
  reap "$job"
  show_live ''
  (($(wc -l <"$1.results") == CALLS)) || die "some calls to $2 have no result"
}

row_A() {
  printf '  %-10s %-10s %6s %10s %10s\n' "$@"
}

rows_A() {
  local status
  cut -d ' ' -f 1 "$1.results" | sort -u | while IFS= read -r status; do
    grep "^$status " "$1.results" >selected
    row_A "$1" "${status/000/no answer}" "$(count "$1" "$status")" \
      "$(percentile 0 selected) s" "$(percentile 100 selected) s"
  done
}

# count NAME STATUS
count() {
  grep -c "^$2 " "$1.results" || true
}

# only_statuses NAME STATUS...
only_statuses() {
  local name=$1 pattern
  shift
  pattern=$(printf '|%s' "$@")
  ! grep -Evq "^(${pattern#|}) " "$name.results"
}

# expect_share STATUS SHARE WHAT: of the baseline.
expect_share() {
  local low high seen
  read -r low high <<<"$(bounds "$2")"
  seen=$(count baseline "$1")
  expect "$seen of $CALLS $3 ($1), $low to $high" between "$seen" "$low" "$high"
}

expect_failing() {
  local low high seen
  read -r low high <<<"$(bounds "$failing_share")"
  seen=$((CALLS - $(count baseline 200)))
  expect "$seen of $CALLS fail in all, $low to $high" between "$seen" "$low" "$high"
}

# More than a third of what retries should gain even without their last attempt.
expect_gain() {
  local gain least
  if ((max_attempts < 2)); then
    expect "with resilience more succeed (RETRY_MAX_ATTEMPTS is 1: there are no retries)" false
    return
  fi
  gain=$(($(count resilient 200) - $(count baseline 200)))
  least=$(compute "int($CALLS * ($failing_share - $failing_share ^ ($max_attempts > 2 ? $max_attempts - 1 : 2)) / 3)")
  expect "that are $gain more than without it, at least $least" at_least "$gain" "$least"
}

slow_enough() {
  awk -v least="$attempt_timeout" '$1 == "504" && $2 < least { exit 1 }' baseline.results
}

# bounds SHARE: how many of CALLS there may be, "LOWEST HIGHEST": the binomial distribution has less
# than 1e-7 on either side.
bounds() {
  awk -v n="$CALLS" -v p="$1" 'BEGIN {
    if (p <= 0) { print 0, 0; exit }
    if (p >= 1) { print n, n; exit }
    # The logarithm of the probability of k, from one k to the next.
    log_of[0] = n * log(1 - p)
    for (k = 0; k < n; k++) log_of[k + 1] = log_of[k] + log((n - k) / (k + 1)) + log(p / (1 - p))
    for (low = 0; (below += exp(log_of[low])) < 1e-7; low++);
    for (high = n; (above += exp(log_of[high])) < 1e-7; high--);
    print low, high
  }'
}

# ---- part B: the circuit breaker -----------------------------------------------------------------

part_B() {
  title "Part B: the circuit breaker opens, refuses, tries and closes"
  reset_breaker
  open_circuit
  if ! holds health '.circuit_breaker_state == "open"'; then
    say "  Without an open circuit there is nothing more to see."
    return
  fi
  calls_are_refused
  half_opens_by_itself "$opened"
  closes_after_good_trial
}

readonly stress_calls=20

open_circuit() {
  local json='{"num_requests": '$stress_calls'}'
  post stress /api/stress-test "$json"
  opened=$(clock)
  fetch health /health
  expect_json stress '.results | type == "array"'
  say "  The stress test, $stress_calls calls one after the other, in $seconds s:"
  say
  printf '  %-10s %-8s %s\n' calls answer 'circuit after it'
  # One row for each run of equal results.
  jq -r 'reduce .results[] as $r ([];
      if length > 0 and .[-1].status == $r.status_code and .[-1].state == $r.circuit_breaker_state
      then .[-1].to = $r.request_num
      else . + [{from: $r.request_num, to: $r.request_num, status: $r.status_code, state: $r.circuit_breaker_state}] end)
    | .[] | [if .from == .to then "\(.from)" else "\(.from) to \(.to)" end, .status, .state] | @tsv' stress.json |
    while IFS=$'\t' read -r calls status state; do
      printf '  %-10s %-8s %s\n' "$calls" "$status" "$state"
    done
  say

  if ((fail_max == 0 || fail_max >= stress_calls)); then
    expect "$stress_calls failures open the circuit (BREAKER_FAIL_MAX is $fail_max: they cannot)" false
    return
  fi
  expect "$fail_max calls reach the backend and fail with 500, the other $((stress_calls - fail_max)) are refused with 503" \
    holds stress '[.results[].status_code] == [range($n) | if . < $max then 500 else 503 end]' \
    --argjson n "$stress_calls" --argjson max "$fail_max"
  expect "the circuit opens on failure $fail_max, not before" \
    holds stress '[.results[].circuit_breaker_state] == [range($n) | if . < $max - 1 then "closed" else "open" end]' \
    --argjson n "$stress_calls" --argjson max "$fail_max"
  expect "all of it takes less than a second" holds_number "$seconds < 1"
  expect "/health says open" holds health '.circuit_breaker_state == "open"'
}

readonly refused_calls=10

calls_are_refused() {
  local call wait_for all_503=true all_wait=true all_fallback=true all_fast=true
  say
  say "  Calls through the open circuit:"
  say
  printf '  %-10s %-8s %-12s %-9s %s\n' call answer Retry-After fallback time
  for ((call = 1; call <= refused_calls; call++)); do
    fetch refused /api/call-backend
    wait_for=$(header refused retry-after)
    fallback=$(jq -r '.backend_response.fallback // false' refused.json 2>/dev/null) || fallback=false
    printf '  %-10s %-8s %-12s %-9s %s\n' "$call" "$status" "${wait_for:-none}" "$fallback" "$seconds s"
    [ "$status" = 503 ] || all_503=false
    [[ $wait_for =~ ^[1-9][0-9]*$ ]] || all_wait=false
    [ "$fallback" = true ] || all_fallback=false
    holds_number "$seconds < 0.1" || all_fast=false
  done
  say
  expect "each is refused with 503" $all_503
  expect "each says when to come back" $all_wait
  expect "each has the fallback" $all_fallback
  expect "each is answered within 100 ms" $all_fast
}

# half_opens_by_itself OPENED: when it did, or a moment later.
half_opens_by_itself() {
  local seen limit after slack=0.25
  say
  say "  Left alone for the reset timeout of $reset_timeout s ..."
  # On a clock without fractions.
  [ -n "${EPOCHREALTIME:-}" ] || slack=1.25
  limit=$(compute "$reset_timeout + 3")
  while :; do
    fetch stats /api/stats
    seen=$(clock)
    [ "$(jq -r .circuit_breaker.state stats.json)" = open ] || break
    holds_number "$seen - $1 < $limit" || break
    show_live "  open; half-open in $(jq '.circuit_breaker.half_open_in * 10 | ceil / 10' stats.json) s"
    sleep 0.2
  done
  show_live ''
  after=$(awk "BEGIN { printf \"%.1f\", $seen - $1 }")
  fetch health /health
  expect "the circuit became half-open by itself, without a call ($after s after it opened)" \
    holds health '.circuit_breaker_state == "half-open"'
  expect "that was not before the reset timeout" holds_number "$seen - $1 > $reset_timeout - $slack"
  say
}

# The first trial is the lab's: a call to the backend, which may fail. Then the circuit must have
# opened again. Further trials are calls that the backend only throttles: a 429 decides nothing, so that
# the circuit stays half-open until one is good.
closes_after_good_trial() {
  local trial
  fetch trial /api/call-backend
  say_trial
  if ((status / 100 != 2)); then
    expect "a failed trial opens the circuit again" holds trial '.circuit_breaker_state == "open"'
    half_opens_by_itself "$(clock)"
  fi
  for ((trial = 0; trial < 60; trial++)); do
    fetch health /health
    [ "$(jq -r .circuit_breaker_state health.json)" = half-open ] || break
    fetch trial /api/test-retry
    say_trial
  done
  expect "a good trial closes the circuit" holds health '.circuit_breaker_state == "closed"'
  fetch after /api/stats
  expect "the statistics count the opening" \
    holds after '.statistics.circuit_breaker_open_count > $before' --argjson before "$openings_before"
}

say_trial() {
  say "  A trial: $status after $seconds s, the circuit is $(jq -r .circuit_breaker_state trial.json)"
}

# ---- part C: retries -----------------------------------------------------------------------------

readonly retry_calls=20 retry_rounds=3

part_C() {
  local round
  title "Part C: retries with exponential backoff and jitter"
  reset_breaker
  echo '[]' >retries.json
  # In one of 300 000 rounds, no call is throttled first and good then.
  for ((round = 1; round <= retry_rounds; round++)); do
    make_retry_calls
    ! holds retries "any(.[]; $repaired)" || break
  done
  print_retries

  if ((max_attempts < 2)); then
    expect "throttled calls are repeated (RETRY_MAX_ATTEMPTS is 1: there are no retries)" false
    return
  fi
  expect "calls meet the backend's 429" holds retries 'any(.[].attempt_log[]; .status_code == 429)'
  expect "calls succeed after a retry" holds retries "any(.[]; $repaired)"
  expect "no call makes more than $max_attempts attempts, and each attempt is in its log" \
    holds retries 'all(.[]; .attempts >= 1 and .attempts <= $max and .attempts == (.attempt_log | length))' \
    --argjson max "$max_attempts"
  expect "each throttled attempt but the last is followed by a wait, the last by none" \
    holds retries 'all(.[].attempt_log; .[-1].wait_seconds == null and all(.[:-1][]; .wait_seconds != null and .status_code != 200))'
  # Waits are measured: a late timer is no fault.
  expect "waits are $(backoff_text), each longer by at most $(jq '.retry.jitter * 100' stats.json) % (and 0.1 s)" \
    holds retries 'all(.[].attempt_log[] | select(.wait_seconds != null);
        ([$r.base_delay * pow($r.multiplier; .attempt - 1), $r.max_delay] | min) as $wait
        | .wait_seconds >= $wait - 1e-3 and .wait_seconds <= $wait * (1 + $r.jitter) + 0.1)' \
    --argjson r "$(jq .retry stats.json)"
  expect "waits are not all alike" \
    holds retries '[.[].attempt_log[] | select(.attempt == 1) | .wait_seconds | numbers] | length < 2 or $jitter == 0 or (unique | length > 1)' \
    --argjson jitter "$(jq .retry.jitter stats.json)"
  expect "calls last as long as their waits say" \
    holds retries 'all(.[]; .elapsed_time_seconds >= ([.attempt_log[].wait_seconds // 0] | add) - 0.01)'
  fetch health /health
  expect "the circuit is still closed: a 429 is no failure" holds health '.circuit_breaker_state == "closed"'
}

# Whether a call succeeded after having been throttled.
# shellcheck disable=SC2016  # for jq
readonly repaired='.attempts > 1 and .attempt_log[0].status_code == 429 and .attempt_log[-1].status_code == 200'

make_retry_calls() {
  rm -f answer-*.json
  show_live "making $retry_calls calls ..."
  start_job call_many "$base_url/api/test-retry" "$retry_calls" "$retry_calls" "$patience" retry.results 'answer-#1.json'
  reap "$job"
  show_live ''
  cat answer-*.json 2>/dev/null | jq -s . >round.json 2>/dev/null || die "/api/test-retry does not answer with JSON"
  holds round 'length == $n and all(.[]; .attempt_log | type == "array" and length > 0)' --argjson n "$retry_calls" ||
    die "/api/test-retry has no attempt_log: $(head -c 300 answer-1.json)"
  jq -s add retries.json round.json >sum.json && mv sum.json retries.json
}

print_retries() {
  local answers attempts elapsed
  printf '  %-9s %9s   %s\n' attempts 'seconds' 'answers, and the waits between them'
  jq -r 'sort_by(.attempts, .elapsed_time_seconds)[] | [.attempts, .elapsed_time_seconds,
      ([.attempt_log[] | "\(.status_code)", (.wait_seconds | numbers | "-- \(. * 100 | round / 100) s -->")] | join(" "))]
    | @tsv' retries.json |
    while IFS=$'\t' read -r attempts elapsed answers; do
      printf '  %-9s %9.3f   %s\n' "$attempts" "$elapsed" "$answers"
    done
  say
}

backoff_text() {
  jq -r '.retry | . as $r | [range([.max_attempts - 1, 4] | min) | [$r.base_delay * pow($r.multiplier; .), $r.max_delay] | min | tostring]
    | if length == 0 then "none" else join(", ") + " s" end' stats.json
}

# ---- calls ---------------------------------------------------------------------------------------

# fetch NAME PATH [CURL_OPTION...]: the body goes to NAME.json, the headers to NAME.headers; sets $status
# and $seconds.
fetch() {
  local name=$1 path=$2
  shift 2
  status=$(plain_curl --max-time "${patience:-60}" --output "$name.json" --dump-header "$name.headers" \
    --write-out '%{http_code} %{time_total}' "$@" "$base_url$path") || die "no answer from $base_url$path"
  seconds=${status#* }
  status=${status% *}
}

# post NAME PATH JSON
post() {
  fetch "$1" "$2" --request POST --header @token --header 'Content-Type: application/json' --data "$3"
  [ "$status" != 401 ] || die "POST $2 is refused: set ADMIN_TOKEN to the client's"
  ((status == 200)) || die "POST $2 answers $status: $(head -c 300 "$1.json")"
}

reset_breaker() {
  post reset /api/circuit-breaker/reset '{}'
  expect_json reset '.state == "closed"'
  fetch stats /api/stats
  openings_before=$(jq .statistics.circuit_breaker_open_count stats.json)
}

# header NAME HEADER_IN_LOWER_CASE
header() {
  tr -d '\r' <"$1.headers" | tr '[:upper:]' '[:lower:]' | sed -n "s/^$2: *//p"
}

# ---- what is seen, and what it should be ---------------------------------------------------------

title() {
  say
  say "$1"
  say
}

# expect WHAT COMMAND...: an observation, and what tells whether it is as it should be.
expect() {
  local what=$1
  shift
  if "$@"; then
    say "  ok      $what"
  else
    say "  FAILED  $what"
    failures=$((failures + 1))
  fi
}

# expect_json NAME CONDITION: what cannot go on without it.
expect_json() {
  holds "$1" "$2" || die "not what $1 should look like: $(head -c 300 "$1.json")"
}

# holds NAME CONDITION [JQ_OPTION...]: whether it is true of NAME.json.
holds() {
  local name=$1 condition=$2
  shift 2
  jq -e "$@" "$condition" "$name.json" >/dev/null 2>&1
}

# compute TERM, holds_number CONDITION: in awk's notation.
compute() {
  awk "BEGIN { printf \"%.12g\", $1 }"
}

holds_number() {
  awk "BEGIN { exit !($1) }"
}

# between N LOWEST HIGHEST
between() {
  (($1 >= $2 && $1 <= $3))
}

at_least() {
  (($1 >= $2))
}

main "$@"
