# shellcheck shell=bash disable=SC2016,SC2034,SC2154  # jq has variables, too; variables of run-tests.sh and its parts
# Part B: the circuit breaker. Sourced by run-tests.sh.

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
    while IFS=$'\t' read -r calls answer state; do
      printf '  %-10s %-8s %s\n' "$calls" "$answer" "$state"
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
  local call wait_for fallback all_503=true all_wait=true all_fallback=true all_fast=true
  local -a statuses times
  # All before the first look: what is done with an answer takes longer than the answer.
  for ((call = 1; call <= refused_calls; call++)); do
    fetch "refused-$call" /api/call-backend
    statuses[call]=$status
    times[call]=$seconds
  done
  say
  say "  Calls through the open circuit:"
  say
  printf '  %-10s %-8s %-12s %-9s %s\n' call answer Retry-After fallback time
  for ((call = 1; call <= refused_calls; call++)); do
    wait_for=$(header "refused-$call" retry-after)
    fallback=$(jq -r '.backend_response.fallback // false' "refused-$call.json" 2>/dev/null) || fallback=false
    printf '  %-10s %-8s %-12s %-9s %s\n' "$call" "${statuses[call]}" "${wait_for:-none}" "$fallback" "${times[call]} s"
    [ "${statuses[call]}" = 503 ] || all_503=false
    [[ $wait_for =~ ^[1-9][0-9]*$ ]] || all_wait=false
    [ "$fallback" = true ] || all_fallback=false
    holds_number "${times[call]} < 0.1" || all_fast=false
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
