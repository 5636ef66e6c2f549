# shellcheck shell=bash disable=SC2034,SC2154,SC2317,SC2329  # variables of monitoring.sh; start_job calls functions
# The lab that Prometheus scrapes, and its callers. Sourced by monitoring.sh.

start_lab() {
  begin "the lab"
  start_calm_backend "$(free_port)"
  # The lab's times, sixty times as fast: a reset timeout of 30 s is 0.5 s.
  start_client "$(free_port)" WORKERS=2 MAX_CALLS=20 SHUTDOWN_TIMEOUT=1 BREAKER_RESET_TIMEOUT=0.5 \
    BREAKER_TRIAL_LEASE=1 ATTEMPT_TIMEOUT=1 CONNECT_TIMEOUT=0.5 CONNECT_RETRIES=0 CALL_DEADLINE=3 RETRY_BASE_DELAY=0.02 RETRY_MAX_DELAY=0.1
  # Opens an event stream, for the metric that counts them.
  start_job plain_curl --no-buffer --output /dev/null "$client_url/api/events"
}

# start_calm_backend PORT: starts a backend without faults.
start_calm_backend() {
  start_backend "$1" WORKERS=2 SHUTDOWN_TIMEOUT=1 FAULT_SEED=5 FAILURE_RATE=0 SLOW_RESPONSE_RATE=0 \
    TRANSIENT_FAILURE_RATE=0
}

# call_until_gone PATH: makes calls, one after the other, while the file "traffic" exists.
call_until_gone() {
  while [ -e "$work_dir/traffic" ]; do
    plain_curl --max-time 5 --output /dev/null "$client_url$1#[1-10]" || true
    sleep 0.1
  done
}

# traffic PATH...: starts a caller for each path, until traffic_ends.
traffic() {
  local path
  callers=()
  : >"$work_dir/traffic"
  for path in "$@"; do
    start_job call_until_gone "$path"
    callers+=("$job")
  done
}

traffic_ends() {
  local caller
  rm "$work_dir/traffic"
  for caller in "${callers[@]}"; do
    reap "$caller"
  done
}

# Calls of each kind.
everyday_traffic() {
  traffic /api/call-backend /api/call-backend /api/call-backend-without-resilience /api/test-retry
}

# post PATH BODY: sends a POST to the client.
post() {
  plain_curl --fail --max-time 20 --output /dev/null --header 'Content-Type: application/json' --data "$2" \
    "$client_url$1" || die "POST $1 failed"
}

state_is() {
  [[ $(get "$client_url/health") == *"\"circuit_breaker_state\":\"$1\""* ]]
}
