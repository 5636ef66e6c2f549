#!/usr/bin/env bash
# Compares calls through circuit breaker and retries with calls without them, at the same time and at a constant rate:
# /api/call-backend and /api/call-backend-without-resilience. Prints a table; fails unless the first succeed at 90 % or
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
#   RATE        calls of each kind that begin per second (default 50)
#   BASE_URL    compare on a running client, such as http://localhost:30080, with its own settings
#   BIN_DIR     use the binaries there, instead of building them
#   FAULT_SEED  seed of the backend's random draws
#
# The client's settings (BREAKER_SCOPE, RETRY_MAX_ATTEMPTS, ...) can be set too, to see their effect.
#
# Needs Python 3.11 or later. Packages go into a virtual environment below target/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

main() {
  read_arguments -- "$@"
  CALLS=${CALLS:-1000}
  RATE=${RATE:-50}
  check_integer CALLS 1 1000000
  check_integer RATE 1 1000
  clean_up_at_exit
  make_work_dir
  [ -n "${BASE_URL:-}" ] || provide_services
  provide_python_tools report \
    "$repo_root/chaos-experiments/chaostoolkit-requirements.txt" "$repo_root/scripts/lab-report-requirements.txt"
  export PYTHONPATH=$repo_root/scripts:$repo_root/chaos-experiments
  run_job python3 "$repo_root/scripts/checks/compare_baseline.py" --calls "$CALLS" --rate "$RATE" \
    --bin-dir "${bin_dir:-}" --logs "$work_dir" ${BASE_URL:+--url "$BASE_URL"}
}

main "$@"
