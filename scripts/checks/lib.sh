# shellcheck shell=bash disable=SC2034  # the checks use the variables
# Functions that the checks share: starting the lab, and finding promises in the documents. A check sources this file
# instead of ../lib.sh. Sourcing it runs nothing.

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# begin WHAT: prints the headline of a part of the check.
begin() {
  printf '\n--- %s\n' "$*"
}

# find_promise PATTERN WHAT: searches deploy/README.md, as one line, for the regular expression, and sets BASH_REMATCH.
find_promise() {
  [[ $(tr '\n' ' ' <"$repo_root/deploy/README.md") =~ $1 ]] || die "deploy/README.md does not say $2"
}

# start_backend PORT [VARIABLE=VALUE...]: starts a healthy backend; sets $backend to its process, and $backend_url. Port
# 0 lets the system choose.
start_backend() {
  local log=$work_dir/backend.log
  start_service backend-service "$1" "$log" "${@:2}"
  backend=$job
  await_service backend-service "$backend" "$log" "${1#0}"
  backend_url=http://127.0.0.1:$port
}

# start_client PORT [VARIABLE=VALUE...]: the same for a client of that backend; sets $client, $client_port and
# $client_url.
start_client() {
  local log=$work_dir/client.log
  start_service client-service "$1" "$log" BACKEND_URL="$backend_url" "${@:2}"
  client=$job
  await_service client-service "$client" "$log" "${1#0}"
  client_port=$port
  client_url=http://127.0.0.1:$client_port
}

# start_fast_lab [VARIABLE=VALUE...]: both services on free ports, with the lab's fault rates, and with all times a
# tenth of the defaults. The variables are for the client.
start_fast_lab() {
  start_backend 0 FAILURE_RATE=0.3 SLOW_RESPONSE_RATE=0.2 SLOW_RESPONSE_DELAY=0.5
  start_client 0 ATTEMPT_TIMEOUT=0.3 CONNECT_TIMEOUT=0.3 CALL_DEADLINE=3 RETRY_BASE_DELAY=0.1 RETRY_MAX_DELAY=1 \
    BREAKER_TRIAL_LEASE=1 BREAKER_RESET_TIMEOUT=2 "$@"
}

# set_faults JSON: replaces the backend's fault plan.
set_faults() {
  plain_curl --fail --output /dev/null --request PUT --data "$1" "$backend_url/api/faults" ||
    die "the backend does not accept the faults $1"
}
