# shellcheck shell=bash disable=SC2154,SC2317,SC2329  # variables of images.sh; functions that are called by name
# Calls to the client of images.sh, and checks of their results and of the client. Sourced by images.sh.

# Shows the client's log if await fails.
explain_wait() {
  docker logs --tail 20 "$prefix-client" >&2 || true
}

is_healthy() {
  [[ $(get "$base_url/health") == *'"healthy"'* ]]
}

state_is() {
  [[ $(get "$base_url/health") == *"\"circuit_breaker_state\":\"$1\""* ]]
}

# statistic NAME: one of the client's statistics.
statistic() {
  get "$base_url/api/stats" | jq -e ".statistics.$1"
}

statistic_is() {
  [ "$(statistic "$1")" = "$2" ]
}

# Makes one call. Prints its status and its seconds.
call() {
  plain_curl --max-time 40 --output /dev/null --write-out '%{http_code} %{time_total}\n' \
    "$base_url/api/call-backend" || true
}

# A call now and then lets a half-open breaker make its trial.
call_closes() {
  call >/dev/null
  state_is closed
}

# call_until FILE RESULTS: makes calls, one after the other, while FILE exists.
call_until() {
  while [ -e "$1" ]; do
    call >>"$2"
  done
}

# under_load COMMAND...: runs the command while four callers make calls. Their results are in $work_dir/results.
under_load() {
  local jobs=() caller
  : >"$work_dir/load"
  rm -f "$work_dir"/results*
  for caller in 1 2 3 4; do
    start_job call_until "$work_dir/load" "$work_dir/results$caller"
    jobs+=("$job")
  done
  await "load" 10 enough_results 100
  "$@"
  rm "$work_dir/load"
  for caller in "${jobs[@]}"; do
    reap "$caller"
  done
  cat "$work_dir"/results[1-4] >"$work_dir/results"
}

# enough_results N: true if the callers have N results together.
enough_results() {
  (($(cat "$work_dir"/results[1-4] 2>/dev/null | wc -l) >= $1))
}

more_results() {
  local now
  now=$(cat "$work_dir"/results[1-4] | wc -l)
  await "more load" 30 enough_results $((now + $1))
}

# all_results_are STATUS...
all_results_are() {
  local allowed
  allowed=$(
    IFS='|'
    say "$*"
  )
  if grep -qvE "^($allowed) " "$work_dir/results"; then
    die "expected only $*: $(statuses_of "$work_dir/results")"
  fi
}
