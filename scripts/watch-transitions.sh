#!/usr/bin/env bash
# Follows the circuit breaker: each transition with its time, its pod and its reason, those of the last
# hour first. On the cluster that kubectl's current context names, if the lab is deployed there; else
# in the logs of a run-local.sh on this machine. Pods may come and go meanwhile. Ctrl-C ends it.
#
# Usage: scripts/watch-transitions.sh [--local | --cluster] [--since DURATION] [--help]
#
#   --local           follows run-local.sh, without looking for a cluster
#   --cluster         follows the cluster, without looking for a run-local.sh
#   --since DURATION  how far to look back on a cluster, such as 10m (default 1h)
#
# Environment:
#   CLIENT_PORT, LOG_DIR  as given to run-local.sh (default 30080, and .run in the repository)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local=false
  cluster=false
  since=1h
  CLIENT_PORT=${CLIENT_PORT:-30080}
  read_arguments --local --cluster --since= -- "$@"
  [[ $since =~ ^[0-9]+[smh]$ ]] || die "--since \"$since\" is not valid: expected something like 90s, 10m or 1h"
  check_integer CLIENT_PORT 1 65535
  local_log=${LOG_DIR:-$repo_root/.run}/client-$CLIENT_PORT.log
  if $local; then
    where=local
  elif $cluster; then
    where=cluster
  else
    find_lab
  fi
  clean_up_at_exit
  trap 'exit 0' INT TERM
  make_work_dir
  "follow_$where"
}

# Sets $where; dies where there is no lab.
find_lab() {
  local why
  find_context
  if [ -z "$context" ]; then
    why="kubectl is not installed, or has no current context"
  elif ! answer=$(in_namespace get deployment client-service --ignore-not-found --output name --request-timeout=5s 2>&1); then
    why="the cluster of context $context does not answer"
  elif [ -z "$answer" ]; then
    why="the lab is not deployed to context $context"
  else
    where=cluster
    return
  fi
  if [ -f "$local_log" ] && ! port_is_free "$CLIENT_PORT"; then
    where=local
  else
    die "no lab found: $why, and no run-local.sh runs with its client on port $CLIENT_PORT"
  fi
}

# ---- on this machine -----------------------------------------------------------------------------

follow_local() {
  [ -f "$local_log" ] || die "there is no $local_log: start scripts/run-local.sh first"
  say "Following $local_log (Ctrl-C ends it)"
  start_job show_transitions_of_log
  reap "$job"
  die "cannot follow $local_log any more"
}

# A new run-local.sh truncates the file; -F notices.
# shellcheck disable=SC2317,SC2329  # called through start_job
show_transitions_of_log() {
  tail -n +1 -F "$local_log" 2>/dev/null | show_transitions
}

# ---- on the cluster ------------------------------------------------------------------------------

# kubectl follows the containers that there are when it begins. So it begins again whenever these are
# others, looking back far enough to miss nothing; what is known already is not shown again.
follow_cluster() {
  local followed containers began last_good=''
  [ -n "${context:-}" ] || need_cluster
  say "Following the clients on context $context (Ctrl-C ends it)"
  mkfifo "$work_dir/lines"
  # Open at both ends in this process: the reader never sees an end of file.
  exec 5<>"$work_dir/lines"
  start_job show_transitions_of_pipe
  while :; do
    followed=$(list_containers)
    began=$SECONDS
    start_job follow_pods
    while is_running "$job"; do
      sleep 1
      # One that cannot reach the cluster ends before that.
      ((SECONDS - began < 5)) || last_good=$SECONDS
      ((SECONDS % 3 == 0)) || continue
      containers=$(list_containers)
      [ "$containers" = "$followed" ] || signal_job TERM "$job"
    done
    reap "$job"
    [ -z "$last_good" ] || since=$((SECONDS - last_good + 30))s
    sleep 1
  done
}

# The clients' pods, and how often each was restarted. A cluster that does not answer changes nothing.
list_containers() {
  in_namespace get pods --selector app=client-service --request-timeout=5s \
    --output 'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[*].restartCount}{"\n"}{end}' \
    2>/dev/null || say "${followed:-}"
}

# shellcheck disable=SC2317,SC2329  # called through start_job
follow_pods() {
  # With a selector, kubectl would show the last ten lines only, and of five pods.
  in_namespace logs --selector app=client-service --follow --prefix --since="$since" --tail=-1 \
    --max-log-requests=100 --ignore-errors >"$work_dir/lines" 2>"$work_dir/errors"
}

# shellcheck disable=SC2317,SC2329  # called through start_job
show_transitions_of_pipe() {
  show_transitions <"$work_dir/lines"
}

# ---- what is shown -------------------------------------------------------------------------------

# Filters the lines of logs, in text or JSON, with kubectl's prefix or without:
#   2026-01-01T00:00:00.000Z INFO  target circuit_breaker: closed -> open (reason)
#   {"level":"INFO","message":"circuit_breaker: closed -> open (reason)","target":"...","timestamp":"..."}
# shellcheck disable=SC2317,SC2329  # called through start_job
show_transitions() {
  local line time message pod seen='' quote='"' escaped_quote='\"'
  local text='([0-9T:.-]+Z) +[A-Z]+ +[^ ]+ +circuit_breaker: (.*)$'
  local json='"message":"circuit_breaker: (([^"\\]|\\.)*)"' json_time='"timestamp":"([^"]*)"'
  grep --line-buffered 'circuit_breaker: ' | while IFS= read -r line; do
    # A line is shown once, however often kubectl begins again; its time makes it the only one.
    [[ $seen != *"$line"$'\n'* ]] || continue
    seen=$line$'\n'${seen:0:65536}
    pod=local
    if [[ $line =~ ^\[pod/([^/]+)/ ]]; then
      pod=${BASH_REMATCH[1]}
    fi
    if [[ $line =~ $json ]]; then
      message=${BASH_REMATCH[1]//"$escaped_quote"/$quote}
      [[ $line =~ $json_time ]] || continue
      time=${BASH_REMATCH[1]}
    elif [[ $line =~ $text ]]; then
      time=${BASH_REMATCH[1]}
      message=${BASH_REMATCH[2]}
    else
      continue
    fi
    show_transition
  done
}

# 00:00:00.000Z  client-service-abc  closed -> open       (reason)
# shellcheck disable=SC2317,SC2329  # called through start_job
show_transition() {
  local change=${message%% (*} reason='' colour
  [ "$change" = "$message" ] || reason=${message#"$change "}
  case $change in
    *'> closed'*) colour=32 ;;
    *'> open'*) colour=31 ;;
    *) colour=33 ;;
  esac
  time=${time#*T}
  if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    printf '%s  %s  \033[%dm%-20s\033[0m %s\n' "$time" "$pod" "$colour" "$change" "$reason"
  else
    printf '%s  %s  %-20s %s\n' "$time" "$pod" "$change" "$reason"
  fi
}

main "$@"
