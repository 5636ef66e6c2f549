# shellcheck shell=bash disable=SC2154  # variables of run-local.sh
# What run-local.sh prints: the guide, and both logs. Sourced by run-local.sh.

print_guide() {
  local client_url=http://localhost:$CLIENT_PORT backend_url=http://localhost:$BACKEND_PORT admin=''
  # The variable's name, never its value.
  [ -z "${ADMIN_TOKEN:-}" ] || admin=" -H \"Authorization: Bearer \$ADMIN_TOKEN\""
  cat <<END

Both services are healthy: client-service (process $client) and backend-service (process $backend).
Try, in another terminal:

  curl $client_url/health
  curl $client_url/api/call-backend
  curl $client_url/api/call-backend-without-resilience
  curl $client_url/api/test-retry
  curl $client_url/api/stats

Open the circuit with consecutive failures, watch it (half-open after BREAKER_RESET_TIMEOUT), close it by hand:

  curl -X POST$admin $client_url/api/stress-test -H 'Content-Type: application/json' -d '{"num_requests": 20}'
  curl $client_url/health
  curl -X POST$admin $client_url/api/circuit-breaker/reset

See the backend's fault plan, let every request fail, go back to the default rates:

  curl $backend_url/api/faults
  curl -X PUT$admin $backend_url/api/faults -H 'Content-Type: application/json' -d '{"failure_rate": 1, "slow_response_rate": 0}'
  curl -X PUT$admin $backend_url/api/faults -H 'Content-Type: application/json' -d '{"failure_rate": 0.3, "slow_response_rate": 0.2}'

Kill the backend, and see the circuit open; it is started again after $RESTART_DELAY s:

  kill -9 $backend

Logs: $client_log
      $backend_log
The logs follow here, the circuit breaker's transitions among them. Ctrl-C stops both services.

END
}

# Prints the new lines of both logs.
show_logs() {
  show_log 3 'backend | ' 36
  show_log 4 'client  | ' 35
}

# show_log DESCRIPTOR PREFIX COLOUR. The end of a file may be half a line: it is kept for the next time.
show_log() {
  local line
  while IFS= read -r -u "$1" line; do
    line=${partial[$1]}$line
    partial[$1]=''
    if ! $colours; then
      printf '%s%s\n' "$2" "$line"
    elif [[ $line == *'circuit_breaker: '* ]]; then
      printf '\033[%dm%s\033[0;1m%s\033[0m\n' "$3" "$2" "$line"
    else
      printf '\033[%dm%s\033[0m%s\n' "$3" "$2" "$line"
    fi
  done
  partial[$1]=${partial[$1]}$line
}

colours=false
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  colours=true
fi
