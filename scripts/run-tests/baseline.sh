# shellcheck shell=bash disable=SC2016,SC2034,SC2154  # jq has variables, too; variables of run-tests.sh and its parts
# Part A: the baseline. Sourced by run-tests.sh.

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
