#!/usr/bin/env bash
# Runs the lab's parts A, B and C against a running lab, shows the observations, and checks that they are
# those of a correct lab:
#
#   A  the baseline fails about half of its calls; breaker and retries make most of them succeed
#   B  consecutive failures open the circuit; it rejects at once, becomes half-open by itself, and
#      closes after a good trial
#   C  throttled calls are repeated after waits that double, each with some jitter, and succeed
#
# Usage: scripts/run-tests.sh [--help]
#
# With default settings it takes about 90 seconds. Expectations follow the client's own settings, as
# /api/stats shows them. What is left to chance is bounded so that a correct lab misses a bound less
# than once in a million runs. It resets the circuit breaker; nothing else should call the lab meanwhile. With
# several clients behind one address, each of which has its own breaker, forward a port to one of them:
#   kubectl port-forward -n lab3-resilience deployment/client-service 30080:8000
#
# Environment:
#   BASE_URL     the client (default http://localhost:30080)
#   PARTS        the parts to run (default "A B C")
#   ADMIN_TOKEN  the client's, if it has one
#   BACKEND_URL  the backend, to read its fault rates from; without it they are the lab's defaults:
#                30 % fail, 20 % are slower than an attempt may take
#   CALLS        calls of each kind in part A, 50 to 300 (default 100)
#
# Exit status: 0 when everything is as expected, 1 when something is not.
#
# Needs: curl 7.67 or later, jq.

# shellcheck disable=SC2016,SC2034  # jq has variables, too; the parts use the variables
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/run-tests/observe.sh
source "$repo_root/scripts/run-tests/observe.sh"
# shellcheck source=scripts/run-tests/baseline.sh
source "$repo_root/scripts/run-tests/baseline.sh"
# shellcheck source=scripts/run-tests/breaker.sh
source "$repo_root/scripts/run-tests/breaker.sh"
# shellcheck source=scripts/run-tests/retries.sh
source "$repo_root/scripts/run-tests/retries.sh"
# All numbers with a point.
export LC_ALL=C

main() {
  local part
  read_arguments -- "$@"
  CALLS=${CALLS:-100}
  check_integer CALLS 50 300
  PARTS=${PARTS:-A B C}
  [[ $PARTS =~ ^(\ *[ABC])+\ *$ ]] || die "PARTS=\"$PARTS\" is not valid: expected some of A B C"
  need_parallel_curl
  need jq
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

# In a file: all users of the machine can read arguments.
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

main "$@"
