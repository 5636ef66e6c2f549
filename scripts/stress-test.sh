#!/usr/bin/env bash
# Puts load on a running lab: a number of calls, with a number of calls at a time. Shows its progress, then
# statuses, latency percentiles and calls per second.
#
# Usage: scripts/stress-test.sh [--requests N] [--concurrency N] [--endpoint PATH] [--help]
#
# Options, or environment variables in their place:
#   --requests N     REQUESTS     calls in all, 1 to 1000000 (default 1000)
#   --concurrency N  CONCURRENCY  calls at a time, 1 to 300 (default 20)
#   --endpoint PATH  ENDPOINT     what is called, with GET (default /api/call-backend)
#
# Environment:
#   BASE_URL    the client, which alone is called (default http://localhost:30080)
#   TIME_LIMIT  seconds after which it ends, finished or not (default 600)
#
# Exit status: 0 when each call was answered, whatever the answer; 1 when one was not, or the time
# was over before the end.
#
# Needs: curl 7.67 or later.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# All numbers with a point.
export LC_ALL=C

# A call may last its CALL_DEADLINE of 30 s and its last attempt.
readonly patience=60

main() {
  requests=${REQUESTS:-1000}
  concurrency=${CONCURRENCY:-20}
  endpoint=${ENDPOINT:-/api/call-backend}
  TIME_LIMIT=${TIME_LIMIT:-600}
  read_arguments --requests= --concurrency= --endpoint= -- "$@"
  check_integer requests 1 1000000 REQUESTS
  check_integer concurrency 1 300 CONCURRENCY
  check_integer TIME_LIMIT 1 86400
  [[ $endpoint =~ ^/[A-Za-z0-9/._~%?=\&-]*$ ]] || die "ENDPOINT=\"$endpoint\" is not valid: expected a path like /health"
  need_parallel_curl
  clean_up_at_exit
  make_work_dir
  need_client

  results=$work_dir/results
  put_load
  print_summary
  judge
}

put_load() {
  say "$requests calls to $base_url$endpoint, $concurrency at a time ..."
  : >"$results"
  begin=$(clock)
  start_job make_calls
  follow "$job"
  reap "$job"
  end=$(cat "$work_dir/end" 2>/dev/null || clock)
  done_calls=$(count_lines)
}

# shellcheck disable=SC2317,SC2329  # called through start_job
make_calls() {
  call_many "$base_url$endpoint" "$requests" "$concurrency" "$patience" "$results"
  clock >"$work_dir/end"
}

# Says how far it is: on a terminal each second in one line, elsewhere every ten seconds in a new one.
follow() {
  local first=$SECONDS next=1 lines=1 elapsed
  timed_out=no
  while is_running "$1"; do
    elapsed=$((SECONDS - first))
    if ((elapsed >= TIME_LIMIT)); then
      timed_out=yes
      signal_job TERM "$1"
      break
    elif ((elapsed >= next)); then
      if [ -t 1 ]; then
        show_live "$(progress)"
        next=$((elapsed + 1))
      elif ((elapsed >= 10 * lines)); then
        progress
        lines=$((lines + 1))
      fi
    fi
    sleep 0.2
  done
  show_live ''
}

progress() {
  local calls
  calls=$(count_lines)
  say "$calls of $requests ($((calls * 100 / requests)) %) after $elapsed s: $(statuses_of <(head -n "$calls" "$results"))"
}

count_lines() {
  # Without the blanks that some wc put before it.
  say "$(($(wc -l <"$results")))"
}

# One line for each status, and one for all.
print_summary() {
  say
  printf '%-10s %9s %8s %10s %10s %10s %10s\n' status calls share p50 p90 p99 max
  sort -k 2,2n "$results" | awk '
    function row(name, key,    n) {
      n = count[key]
      printf "%-10s %9d %6.1f %% %8.3f s %8.3f s %8.3f s %8.3f s\n", name, n, 100 * n / NR,
        rank(key, n, 50), rank(key, n, 90), rank(key, n, 99), time[key, n]
    }
    function rank(key, n, p) { return time[key, int((n * p + 99) / 100)] }
    {
      time[$1, ++count[$1]] = $2
      time["all", ++count["all"]] = $2
    }
    END {
      for (status = 0; status < 1000; status++) {
        key = sprintf("%03d", status)
        if (key in count) row(status == 0 ? "no answer" : key, key)
      }
      if (NR > 0) row("all", "all")
    }'
  awk -v calls="$done_calls" -v begin="$begin" -v end="$end" 'BEGIN {
    # Where the clock has whole seconds only.
    time = end > begin ? end - begin : 1
    printf "\n%d calls in %.1f s: %.0f per second\n", calls, time, calls / time
  }'
}

judge() {
  local unanswered
  if [ $timed_out = yes ]; then
    die "the time of $TIME_LIMIT s was over after $done_calls of $requests calls"
  fi
  ((done_calls == requests)) || die "only $done_calls of $requests calls have a result"
  unanswered=$(grep -c '^000 ' "$results" || true)
  ((unanswered == 0)) || die "$unanswered of $requests calls got no answer"
}

main "$@"
