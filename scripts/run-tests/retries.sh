# shellcheck shell=bash disable=SC2016,SC2034,SC2154  # jq has variables, too; variables of run-tests.sh and its parts
# Part C: retries. Sourced by run-tests.sh.

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
