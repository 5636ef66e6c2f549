#!/usr/bin/env bash
# Runs the whole lab on this machine: builds both services, starts them, shows their logs, and stops both on
# Ctrl-C.
#
# Usage: scripts/run-local.sh [--help]
#
# The client answers on http://localhost:30080, where it also is on a cluster; the backend on
# http://localhost:5000. Both listen on 127.0.0.1 only.
#
# Environment:
#   BACKEND_PORT     the backend's port (default 5000)
#   CLIENT_PORT      the client's port (default 30080)
#   BACKEND_URL      URL of the backend for the client (default: the backend that this starts)
#   BIN_DIR          use the binaries there, instead of building them
#   LOG_DIR          directory of the logs (default: .run in the repository)
#   STARTUP_TIMEOUT  seconds that a service may take until it is healthy (default 30)
#   RESTART_DELAY    seconds after which a backend that died is started again (default 10)
#
# All other variables reach both services, so that each of their settings can be given here:
#   FAILURE_RATE=0.5 RUST_LOG=debug scripts/run-local.sh
# HOST and PORT are the exception: two services cannot share them, so they are ignored.
#
# The backend is there to be broken: kill it, and it comes back after RESTART_DELAY, as its pod would.
# Should the client end by itself, so does the lab.
#
# Exit status: 0 when stopped by Ctrl-C or SIGTERM, 1 when something went wrong. A second Ctrl-C cuts
# off what is still in flight.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/run-local/output.sh
source "$repo_root/scripts/run-local/output.sh"

main() {
  read_arguments -- "$@"
  BACKEND_PORT=${BACKEND_PORT:-5000}
  CLIENT_PORT=${CLIENT_PORT:-30080}
  STARTUP_TIMEOUT=${STARTUP_TIMEOUT:-30}
  check_integer BACKEND_PORT 1 65535
  check_integer CLIENT_PORT 1 65535
  RESTART_DELAY=${RESTART_DELAY:-10}
  check_integer STARTUP_TIMEOUT 1 3600
  check_integer RESTART_DELAY 0 3600
  ((BACKEND_PORT != CLIENT_PORT)) || die "BACKEND_PORT and CLIENT_PORT are both $CLIENT_PORT: change one"
  need curl
  [ -n "${BIN_DIR:-}" ] || need_cargo
  check_port BACKEND_PORT
  check_port CLIENT_PORT

  clean_up_at_exit
  [ -n "${BIN_DIR:-}" ] || say "Building both services (the first time takes a few minutes) ..."
  provide_services
  open_logs
  start_both
  stop_asked=0
  backend_dead_since=''
  trap 'stop_asked=$((stop_asked + 1))' HUP INT TERM
  show_logs
  print_guide
  watch_both
}

check_port() {
  port_is_free "${!1}" ||
    die "port ${!1} is in use; stop what listens there, or choose another port: $1=$((${!1} % 65535 + 1)) $0"
}

# The services write into files, so that a terminal that is held never holds a service; this script
# reads along, on descriptors 3 (backend) and 4 (client).
open_logs() {
  log_dir=${LOG_DIR:-$repo_root/.run}
  mkdir -p "$log_dir" 2>/dev/null || die "cannot make LOG_DIR=\"$log_dir\""
  backend_log=$log_dir/backend-$BACKEND_PORT.log
  client_log=$log_dir/client-$CLIENT_PORT.log
  { : >"$backend_log" && : >"$client_log"; } 2>/dev/null || die "cannot write into LOG_DIR=\"$log_dir\""
}

start_both() {
  start_backend
  start_service client-service "$CLIENT_PORT" "$client_log" \
    BACKEND_URL="${BACKEND_URL:-http://127.0.0.1:$BACKEND_PORT}"
  client=$job
  exec 3<"$backend_log" 4<"$client_log"
  partial=([3]='' [4]='')
  await_service backend-service "$backend" "$backend_log" "$BACKEND_PORT"
  await_service client-service "$client" "$client_log" "$CLIENT_PORT"
}

start_backend() {
  start_service backend-service "$BACKEND_PORT" "$backend_log"
  backend=$job
}

# Shows the logs until a signal asks for the end, or the client ends by itself.
watch_both() {
  while ((stop_asked == 0)); do
    show_logs
    is_running "$client" || died client-service "$client"
    bring_backend_back
    pause 0.2
  done
  say "Stopping: the client first, then the backend; what is in flight is finished (Ctrl-C again: cut it off)"
  exit_status=0
  stop client-service "$client"
  [ -n "$backend_dead_since" ] || stop backend-service "$backend"
  exit "$exit_status"
}

# Restarts a backend that has been dead for RESTART_DELAY seconds.
bring_backend_back() {
  if [ -n "$backend_dead_since" ]; then
    ((SECONDS - backend_dead_since >= RESTART_DELAY)) || return 0
    backend_dead_since=''
    port_is_free "$BACKEND_PORT" || die "port $BACKEND_PORT is in use now: the backend cannot be started again"
    start_backend
    say "Started the backend again: backend-service (process $backend)"
  elif ! is_running "$backend"; then
    reap "$backend"
    show_logs
    backend_dead_since=$SECONDS
    say "backend-service ended by itself (exit status $status); it is started again in $RESTART_DELAY s"
  fi
}

# died NAME PROCESS
died() {
  reap "$2"
  show_logs
  die "$1 ended by itself (exit status $status); stopping the other"
}

# stop NAME PROCESS: a second signal cuts off what is in flight, as a second Ctrl-C asks for.
stop() {
  local name=$1 process=$2 cutting_off=no deadline=$((SECONDS + $(drain_time) + 5))
  signal_job TERM "$process"
  while is_running "$process"; do
    show_logs
    if ((stop_asked > 1)) && [ $cutting_off = no ]; then
      signal_job TERM "$process"
      cutting_off=yes
    elif ((SECONDS >= deadline)); then
      complain "$name does not end; killing it"
      signal_job KILL "$process"
    fi
    pause 0.1
  done
  reap "$process"
  show_logs
  if ((status == 0)); then
    say "$name stopped"
  else
    complain "error: $name stopped with exit status $status"
    exit_status=1
  fi
}

# Whole seconds that the services take at most to finish what is in flight.
drain_time() {
  if [[ ${SHUTDOWN_TIMEOUT:-35} =~ ^0*([0-9]{1,4}) ]]; then
    say "$((10#${BASH_REMATCH[1]} + 1))"
  else
    say 60
  fi
}

# Ctrl-C reaches the sleep, too; that is no failure.
pause() {
  sleep "$1" || true
}

main "$@"
