#!/usr/bin/env bash
# Checks deploy/monitoring with a real Prometheus, which scrapes both services during faults, an outage, recovery,
# flapping, the manual modes and overload:
#
#   - promtool accepts the metrics of both services, the rules, their unit tests and the configuration
#   - prometheus.yaml finds the annotated pods, and only these, with the labels that alerts and dashboards need
#   - no alert fires in normal operation, and each fires in its failure (ActorMailboxBacklog: in the unit tests only)
#   - each query and variable of the dashboard, alert expression without its threshold, recording rule, and query of
#     resilience4j's own dashboard returns data
#   - the scrapes are as small as deploy/README.md says, and callers cannot make series
#
# The rules run twice: as they are, and sixty times as fast, with seconds in place of the minutes of alerts.yaml; the
# services have times to match. Prometheus gets the pods as a list, with the labels that Kubernetes' discovery would
# give them and the annotations of deploy/base. All else of prometheus.yaml is used as it is.
#
# Usage: scripts/checks/monitoring.sh [--help | --make-rule]
#
#   --make-rule  prints deploy/monitoring/prometheusrule.yaml, which is alerts.yaml for the operator
#
# Environment:
#   BIN_DIR  use the binaries there, instead of building them
#
# Needs: prometheus and promtool 2.42 or later (Debian's package prometheus; its service need not run), jq, curl,
# bash 5. Everything listens on free ports of 127.0.0.1. It takes about two minutes.

# shellcheck disable=SC2317,SC2329  # functions that are called by name
set -euo pipefail
# shellcheck source=scripts/checks/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/checks/monitoring/files.sh
source "$repo_root/scripts/checks/monitoring/files.sh"
# shellcheck source=scripts/checks/monitoring/lab.sh
source "$repo_root/scripts/checks/monitoring/lab.sh"
# shellcheck source=scripts/checks/monitoring/prometheus.sh
source "$repo_root/scripts/checks/monitoring/prometheus.sh"
# shellcheck source=scripts/checks/monitoring/queries.sh
source "$repo_root/scripts/checks/monitoring/queries.sh"

readonly monitoring=$repo_root/deploy/monitoring

main() {
  make_rule=false
  read_arguments --make-rule -- "$@"
  if $make_rule; then
    make_rule
    exit
  fi
  need_bash_5
  export LC_ALL=C
  # The lab runs without a token.
  unset ADMIN_TOKEN
  need curl
  need jq
  need promtool "install Debian's package prometheus, or https://prometheus.io/download"
  need prometheus "install Debian's package prometheus, or https://prometheus.io/download"
  clean_up_at_exit
  make_work_dir

  rules_are_valid
  configuration_is_valid
  dashboard_is_sound
  provide_services
  start_lab
  start_prometheus
  began=$EPOCHREALTIME
  the_annotated_pods_are_scraped
  nothing_fires_while_all_is_well
  retries_storm
  the_backend_dies
  the_backend_comes_back
  the_circuit_flaps
  calls_stop
  the_circuit_is_forced_open
  the_client_is_full
  metrics_are_well_formed
  series_are_bounded
  every_query_of_the_dashboard_returns_data
  every_rule_returns_data
  resilience4j_queries_return_data
  the_client_dies
  say "ok: monitoring"
  exit
}

nothing_fires_while_all_is_well() {
  begin "nothing fires while all is well"
  local from firing
  everyday_traffic
  sleep 4
  from=$EPOCHREALTIME
  # A few failures, which retries repair.
  set_faults '{"failure_rate": 0.2, "transient_failure_rate": 0.2}'
  sleep 8
  firing=$(ask query_range query='ALERTS{alertstate="firing"}' start="$from" end="$EPOCHREALTIME" step=0.5 |
    jq -r '[.result[].metric.alertname] | unique | join(" ")')
  [ -z "$firing" ] || die "fires without reason: $firing"
  say "nothing, in 8 s that stand for 8 minutes"
  traffic_ends
}

retries_storm() {
  begin "most attempts fail, and retries storm"
  set_faults '{"failure_rate": 0.6, "transient_failure_rate": 0.9}'
  everyday_traffic
  fires RetryStorm 40
  set_faults '{"failure_rate": 0.2, "transient_failure_rate": 0.2}'
}

the_backend_dies() {
  begin "the backend is killed"
  signal_job KILL "$backend"
  reap "$backend"
  await "the circuit opens" 20 state_is open
  fires CircuitBreakerOpenTooLong 40
  fires FastFailShareHigh 40
  fires BackendDown 40
  fires BackendAbsent 40
}

the_backend_comes_back() {
  begin "the backend comes back"
  local alert
  start_calm_backend "${backend_url##*:}"
  await "the circuit closes" 20 state_is closed
  for alert in CircuitBreakerOpenTooLong FastFailShareHigh BackendDown BackendAbsent RetryStorm; do
    await "$alert is over" 40 is_quiet "$alert"
  done
  say "the alerts are over"
}

the_circuit_flaps() {
  begin "the circuit opens, and closes at the next trial, again and again"
  local times=0
  until is_firing CircuitBreakerFlapping; do
    ((++times <= 30)) || die "not in time: CircuitBreakerFlapping fires"
    set_faults '{"failure_rate": 1}'
    await "the circuit opens" 20 is_open_after_stress
    set_faults '{}'
    await "the circuit closes" 20 state_is closed
  done
  fires CircuitBreakerFlapping 20
  traffic_ends
}

# A circuit that is half-open only for lack of calls is no reason for an alert.
calls_stop() {
  begin "the circuit opens, and the calls stop"
  await "the circuit opens" 20 is_open_after_stress
  await "Prometheus sees it half-open" 20 prometheus_sees_state half_open
  # The rule's two and five minutes, and some more.
  sleep 9
  is_quiet CircuitBreakerOpenTooLong || die "CircuitBreakerOpenTooLong fires for a circuit that waits for a call"
  get "$client_url/api/call-backend" >/dev/null
  await "the circuit closes" 20 state_is closed
  say "half-open for 9 s that stand for 9 minutes, and CircuitBreakerOpenTooLong is silent"
}

prometheus_sees_state() {
  [ "$(value "resilience4j_circuitbreaker_state{state=\"$1\"}")" = 1 ]
}

is_open_after_stress() {
  post /api/stress-test '{"num_requests": 10, "failure_rate": 1.0}'
  state_is open
}

the_circuit_is_forced_open() {
  begin "the circuit is disabled, and forced open"
  traffic /api/call-backend /api/call-backend-without-resilience
  post /api/circuit-breaker/disable '{}'
  sleep 2
  post /api/circuit-breaker/force-open '{}'
  fires CircuitBreakerHeldByHand 40
  post /api/circuit-breaker/enable '{}'
  await "the circuit closes" 20 state_is closed
  traffic_ends
}

the_client_is_full() {
  begin "more calls than there is room for"
  set_faults '{"slow_response_rate": 1, "slow_response_delay": 0.3}'
  # Slightly more than MAX_CALLS at a time: with more, most calls would be rejected and the load would end soon.
  start_job call_many "$client_url/api/call-backend" 500000 22 5 "$work_dir/results"
  local crowd=$job
  fires ClientNearCapacity 40
  signal_job TERM "$crowd"
  reap "$crowd"
  set_faults '{}'
}

the_client_dies() {
  begin "the client is killed"
  signal_job KILL "$client"
  reap "$client"
  fires ClientAbsent 40
}

main "$@"
