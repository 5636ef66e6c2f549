#!/usr/bin/env bash
# Runs the lab in containers, as Kubernetes would: builds both images from prebuilt binaries and runs them
# read-only, as user 65532, without capabilities, within the manifests' memory limits. Two backends share the
# name backend-service. The client is published on a port of 127.0.0.1.
#
# It asserts:
#
#   - the size of the images, and the time from a container's start to its first healthy answer, are as in
#     deploy/README.md
#   - scripts/run-tests.sh passes
#   - no call fails if one of two backends dies
#   - if both backends are dead or cut off from the client, calls fail fast, and recover without intervention
#   - SIGTERM loses no call
#   - memory stays within the limits under stress
#
# Usage: scripts/checks/images.sh [--help]
#
# Environment:
#   CLIENT_PORT  port on which the client is published (default 30080)
#   SKIP_BUILD   1: use the existing images
#   BIN_DIR      static binaries for the images, instead of building them
#
# Needs: a Docker engine that runs (DOCKER_HOST and contexts are respected), curl, jq. Containers and
# networks are its own, named resilience-lab-*, and are removed at the end; the images stay.
#
# shellcheck disable=SC2317,SC2329  # functions that are called by name
set -euo pipefail
# shellcheck source=scripts/checks/images/containers.sh
source "$(dirname "${BASH_SOURCE[0]}")/images/containers.sh"
# shellcheck source=scripts/checks/images/calls.sh
source "$repo_root/scripts/checks/images/calls.sh"
# shellcheck source=scripts/checks/images/promises.sh
source "$repo_root/scripts/checks/images/promises.sh"

main() {
  read_arguments -- "$@"
  need_bash_5
  export LC_ALL=C
  CLIENT_PORT=${CLIENT_PORT:-30080}
  check_integer CLIENT_PORT 1 65535
  need curl
  need jq
  need_engine
  port_is_free "$CLIENT_PORT" || die "port $CLIENT_PORT is in use; choose another: CLIENT_PORT=30081 $0"
  base_url=http://127.0.0.1:$CLIENT_PORT

  trap_clean_up
  [ "${SKIP_BUILD:-}" = 1 ] || "$repo_root/scripts/build-images.sh" --prebuilt --no-load
  # The client is published on one network and reaches the backends on the other, which can be cut.
  make_network front
  make_network back
  sizes_are_small
  starts_are_quick
  the_lab_is_green
  one_dead_backend_fails_no_call
  two_dead_backends_fail_fast_and_are_taken_back
  a_cut_network_fails_fast_and_heals
  sigterm_loses_no_call
  memory_stays_within_the_limits
  say "ok: the lab runs in containers"
  exit
}

# ---- containers ----------------------------------------------------------------------------------

run_backend() {
  contain backend "$1" --network "$prefix-back" --network-alias backend-service "${@:2}"
}

run_client() {
  contain client client --network "$prefix-front" --publish "127.0.0.1:$CLIENT_PORT:8000" "$@"
  docker network connect "$prefix-back" "$prefix-client"
  await "the client is healthy" 10 is_healthy
}

# ---- the checks ----------------------------------------------------------------------------------

the_lab_is_green() {
  begin "scripts/run-tests.sh is green against containers"
  local name
  run_backend backend-1
  run_backend backend-2
  run_client --env BREAKER_RESET_TIMEOUT=5
  BASE_URL=$base_url "$repo_root/scripts/run-tests.sh"
  for name in backend-1 backend-2; do
    # Captured, not piped into grep -q, which would exit before docker has written all its output.
    [[ $(docker logs "$prefix-$name" 2>&1) == *" listening on "* ]] || die "$name has no log"
  done
  remove client backend-1 backend-2
}

# Backends without random faults from here on: each failure is caused by the check.
run_calm_lab() {
  run_calm_backend backend-1
  run_calm_backend backend-2
  run_client --env BREAKER_RESET_TIMEOUT=1 --env RETRY_BASE_DELAY=0.05 --env RETRY_MAX_DELAY=0.2 \
    --env ATTEMPT_TIMEOUT=1 --env CONNECT_TIMEOUT=0.5
}

run_calm_backend() {
  run_backend "$1" --env FAILURE_RATE=0 --env SLOW_RESPONSE_RATE=0
}

one_dead_backend_fails_no_call() {
  begin "one of two backends is killed, and later terminated, under load: no call fails"
  run_calm_lab
  kill_one() {
    docker kill "$prefix-backend-1" >/dev/null
    more_results 200
    docker start "$prefix-backend-1" >/dev/null
    more_results 100
    docker stop --time 40 "$prefix-backend-2" >/dev/null
    more_results 100
    docker start "$prefix-backend-2" >/dev/null
    more_results 50
  }
  under_load kill_one
  say "$(statuses_of "$work_dir/results")"
  all_results_are 200
  state_is closed || die "the circuit is not closed"
  statistic_is circuit_breaker_open_count 0 || die "the circuit has opened"
}

two_dead_backends_fail_fast_and_are_taken_back() {
  begin "both backends are killed under load: 503s at once, and recovery by itself"
  kill_both() {
    docker kill "$prefix-backend-1" "$prefix-backend-2" >/dev/null
    await "the circuit opens" 10 state_is open
    more_results 100
    docker start "$prefix-backend-1" "$prefix-backend-2" >/dev/null
    await "the circuit closes" 10 state_is closed
    more_results 100
  }
  under_load kill_both
  say "$(statuses_of "$work_dir/results")"
  all_results_are 200 502 503 504
  local median
  median=$(grep '^503 ' "$work_dir/results" | cut -d ' ' -f 2 | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')
  say "a 503 takes $median s (median)"
  awk -v median="$median" 'BEGIN { exit !(median < 0.05) }' || die "expected less than 0.05 s"
}

a_cut_network_fails_fast_and_heals() {
  begin "the network between client and backends is cut, and healed"
  call_closes || die "the circuit is not closed"
  docker network disconnect "$prefix-back" "$prefix-client"
  cut_off() {
    call >>"$work_dir/cut"
    state_is open
  }
  rm -f "$work_dir/cut"
  await "the circuit opens" 30 cut_off
  call >"$work_dir/results"
  all_results_are 503
  docker network connect "$prefix-back" "$prefix-client"
  await "the circuit closes" 10 call_closes
  say "opened after $(wc -l <"$work_dir/cut") calls; closed again after the network was healed"
}

sigterm_loses_no_call() {
  begin "SIGTERM: every call that the client has is answered, those that wait for a retry included"
  remove client
  remove backend-1 backend-2
  # Every first attempt is throttled, so that calls wait when the signal comes.
  run_backend backend-1 --env TRANSIENT_FAILURE_RATE=1
  run_client --env RETRY_BASE_DELAY=1.5 --env RETRY_MAX_ATTEMPTS=2
  local callers=() caller
  rm -f "$work_dir"/results*
  for caller in {1..20}; do
    start_job plain_curl --max-time 40 --output /dev/null --write-out '%{http_code} \n' \
      "$base_url/api/test-retry" >"$work_dir/results$caller"
    callers+=("$job")
  done
  await "20 calls wait" 10 statistic_is calls_waiting 20
  docker stop --time 40 "$prefix-client" >/dev/null
  for caller in "${callers[@]}"; do
    reap "$caller"
  done
  cat "$work_dir"/results* >"$work_dir/all" && mv "$work_dir/all" "$work_dir/results"
  say "$(statuses_of "$work_dir/results")"
  (($(wc -l <"$work_dir/results") == 20)) || die "expected 20 answers"
  all_results_are 429
  [ "$(docker inspect --format '{{.State.ExitCode}}' "$prefix-client")" = 0 ] || die "the client did not end well"
  remove client backend-1
}

memory_stays_within_the_limits() {
  begin "memory stays within the manifests' limits under stress"
  run_calm_lab
  REQUESTS=5000 CONCURRENCY=50 BASE_URL=$base_url "$repo_root/scripts/stress-test.sh"
  local name
  for name in client backend-1 backend-2; do
    say "$name: $(docker stats --no-stream --format '{{.MemUsage}}' "$prefix-$name")"
    [ "$(docker inspect --format '{{.State.OOMKilled}} {{.State.Running}}' "$prefix-$name")" = "false true" ] ||
      die "$name did not survive"
  done
}

main "$@"
