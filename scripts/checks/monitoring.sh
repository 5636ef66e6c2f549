#!/usr/bin/env bash
# Proves deploy/monitoring with a real Prometheus, which scrapes both services while they go through faults, an
# outage, recovery, flapping, the manual modes and overload.
#
# It asserts: that promtool accepts what both services say at /metrics, the rules, their unit tests and the
# configuration; that prometheus.yaml finds the annotated pods, and only these, with the labels that the alerts
# and resilience4j's dashboards ask for; that nothing fires while all is well; that each alert fires in its disaster
# (but ActorMailboxBacklog, which only the unit tests show); that every query and variable of the dashboard, every
# alert expression without its threshold, every recording rule, and what resilience4j's own dashboard asks for
# return data; that the scrapes are as small as deploy/README.md says, and that callers cannot make series.
#
# The rules run twice: as they are, and sixty times as fast. The latter are made from alerts.yaml, whose durations
# are all whole minutes, by taking seconds for minutes; the services get times to match, and Prometheus scrapes each
# 0.5 s. There is no Kubernetes to ask, so Prometheus gets the pods as a list, with the labels that Kubernetes'
# discovery would give them and the annotations of deploy/base; the rest of prometheus.yaml is used as it is.
#
# Usage: scripts/checks/monitoring.sh [--help | --make-rule]
#
#   --make-rule  only print what deploy/monitoring/prometheusrule.yaml has to be: alerts.yaml for the operator
#
# Environment:
#   BIN_DIR  where backend-service and client-service are, instead of building them
#
# Needs: prometheus and promtool 2.42 or later (Debian's package prometheus; its service need not run), jq, curl,
# bash 5. Everything listens on free ports of 127.0.0.1. It takes about two minutes.

# shellcheck disable=SC2317,SC2329  # functions that are called by name
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly monitoring=$repo_root/deploy/monitoring
# What a run need not show: these may stay at zero, or at one value.
readonly may_be_zero='Mailbox'

main() {
  make_rule=false
  read_arguments --make-rule -- "$@"
  if $make_rule; then
    make_rule
    exit
  fi
  need_bash_5
  export LC_ALL=C
  # What is done to the lab needs none.
  unset ADMIN_TOKEN
  need curl
  need jq
  need promtool "install Debian's package prometheus, or https://prometheus.io/download"
  need prometheus "install Debian's package prometheus, or https://prometheus.io/download"
  clean_up_at_exit
  make_work_dir

  read_promises
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
  nobody_calls
  somebody_forces_the_circuit_open
  the_client_is_full
  metrics_are_well_formed
  series_are_bounded
  every_query_of_the_dashboard_returns_data
  every_rule_returns_data
  resilience4j_queries_return_data
  the_client_dies
  say "ok: Prometheus sees it all"
  exit
}

begin() {
  printf '\n--- %s\n' "$*"
}

# await WHAT SECONDS COMMAND...: until the command succeeds.
await() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then
      show_end_of_log "$work_dir/prometheus.log"
      show_end_of_log "$work_dir/client.log"
      die "not in time: $what"
    fi
    sleep 0.1
  done
}

# Sets $max_series and $max_kilobytes to what deploy/README.md says of a client and a backend together.
read_promises() {
  local text
  text=$(tr '\n' ' ' <"$repo_root/deploy/README.md")
  [[ $text =~ at\ most\ ([0-9]+)\ series\ and\ ([0-9]+)\ kB ]] ||
    die "deploy/README.md does not say how large a scrape is"
  max_series=${BASH_REMATCH[1]}
  max_kilobytes=${BASH_REMATCH[2]}
}

# ---- the files -----------------------------------------------------------------------------------

make_rule() {
  cat <<'END'
# alerts.yaml for the Prometheus Operator, made by scripts/checks/monitoring.sh --make-rule.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: resilience-lab
  labels:
    app.kubernetes.io/part-of: lab3-resilience
spec:
END
  sed '/^#/d; s/^\(.\)/  \1/' "$monitoring/alerts.yaml"
}

rules_are_valid() {
  begin "the rules, and when they fire"
  local durations
  promtool check rules "$monitoring/alerts.yaml"
  promtool test rules "$monitoring/alerts_test.yaml"
  make_rule | diff "$monitoring/prometheusrule.yaml" - ||
    die "deploy/monitoring/prometheusrule.yaml (<) is not what alerts.yaml wants (>):" \
      "scripts/checks/monitoring.sh --make-rule >deploy/monitoring/prometheusrule.yaml"
  # What is not in minutes could not be played.
  durations=$(sed -n 's/.*\[\([^]]*\)\].*/\1/p; s/^ *for: *//p' "$monitoring/alerts.yaml" | sort -u)
  ! grep -vxE '[0-9]+m' <<<"$durations" || die "alerts.yaml has a duration that is not whole minutes"
}

# A promtool without Kubernetes, as Debian's is, cannot know the discovery; the rest of the file it can, in
# start_prometheus.
configuration_is_valid() {
  begin "the scrape configuration"
  local findings
  if findings=$(promtool check config "$monitoring/prometheus.yaml" 2>&1); then
    say "promtool accepts it as it is"
    return
  fi
  findings=$(grep -oE 'field [a-z_]+ not found.*|FAILED: .*[^:]$' <<<"$findings" || say "$findings")
  [ "$findings" = "field kubernetes_sd_configs not found in type config.ScrapeConfig" ] || die "$findings"
  say "promtool knows no Kubernetes; the rest follows"
}

# What Grafana would not say, or only by showing something odd.
dashboard_is_sound() {
  begin "the dashboard"
  jq -e '
    def all_panels: .panels + [.panels[] | .panels? // [] | .[]];
    (if .id != null then "id is not null" else empty end),
    (if .uid != "resilience-lab" then "uid is not resilience-lab" else empty end),
    (if ([all_panels[].id] | length != (unique | length)) then "panel ids repeat" else empty end),
    (all_panels[] | select(.type != "row") | . as $p |
      (if ([.datasource, .targets[].datasource] | any(. != {type: "prometheus", uid: "${datasource}"}))
        then "\($p.title): not the data source of the variable" else empty end),
      (if ([.targets[].refId] | length != (unique | length)) then "\($p.title): refIds repeat" else empty end),
      (if (.description // "") == "" then "\($p.title): no description" else empty end),
      (if .gridPos.x + .gridPos.w > 24 then "\($p.title): too far right" else empty end)),
    ([.templating.list[].name] | if . != ["datasource", "namespace", "name"] then "variables are \(.)" else empty end)
  ' "$monitoring/dashboard.json" >"$work_dir/findings" || (($? == 4)) || die "dashboard.json is not JSON"
  [ ! -s "$work_dir/findings" ] || die "dashboard.json: $(<"$work_dir/findings")"
  say "$(jq '[.panels[] | select(.type != "row")] | length' "$monitoring/dashboard.json") panels"
}

# ---- the lab and its Prometheus ------------------------------------------------------------------

start_lab() {
  begin "the lab"
  backend_port=$(free_port)
  start_backend
  client_port=$(free_port)
  # The lab's times, sixty times as fast: a reset timeout of 30 s is 0.5 s.
  start_service client-service "$client_port" "$work_dir/client.log" BACKEND_URL="http://127.0.0.1:$backend_port" \
    WORKERS=2 MAX_CALLS=20 SHUTDOWN_TIMEOUT=1 BREAKER_RESET_TIMEOUT=0.5 BREAKER_TRIAL_LEASE=1 ATTEMPT_TIMEOUT=1 \
    CONNECT_TIMEOUT=0.5 CONNECT_RETRIES=0 CALL_DEADLINE=3 RETRY_BASE_DELAY=0.02 RETRY_MAX_DELAY=0.1
  client=$job
  await_service client-service "$client" "$work_dir/client.log" "$client_port"
  client_url=http://127.0.0.1:$client_port
  # So that there is an event stream to count.
  start_job plain_curl --no-buffer --output /dev/null "$client_url/api/events"
}

# Without faults, but for those that it is told.
start_backend() {
  start_service backend-service "$backend_port" "$work_dir/backend.log" WORKERS=2 SHUTDOWN_TIMEOUT=1 FAULT_SEED=5 \
    FAILURE_RATE=0 SLOW_RESPONSE_RATE=0 TRANSIENT_FAILURE_RATE=0
  backend=$job
  await_service backend-service "$backend" "$work_dir/backend.log" "$backend_port"
}

# A pod as Kubernetes' discovery describes it: pod NAME SERVICE PHASE PORT SCRAPE PATH
pod() {
  cat <<END
      - targets:
          - 127.0.0.1
        labels:
          __meta_kubernetes_namespace: $namespace
          __meta_kubernetes_pod_name: $1
          __meta_kubernetes_pod_label_app_kubernetes_io_name: $2
          __meta_kubernetes_pod_phase: $3
          __meta_kubernetes_pod_annotation_prometheus_io_port: "$4"
          __meta_kubernetes_pod_annotation_prometheus_io_scrape: "$5"
          __meta_kubernetes_pod_annotation_prometheus_io_path: "$6"
END
}

# annotation SERVICE KEY: of the pods in deploy/base.
annotation() {
  local file=deploy/base/$1-deployment.yaml value
  value=$(sed -n "s|^ *prometheus.io/$2: *\"\{0,1\}\([^\"]*\)\"\{0,1\}\$|\1|p" "$repo_root/$file")
  [ -n "$value" ] || die "$file has no annotation prometheus.io/$2"
  say "$value"
}

# The annotated port has to be the container's; here, it is where the service listens.
check_annotated_port() {
  grep -qE "^ +(- )?containerPort: $(annotation "$1" port)\$" "$repo_root/deploy/base/$1-deployment.yaml" ||
    die "prometheus.io/port in deploy/base/$1-deployment.yaml is not a port of the container"
}

start_prometheus() {
  begin "Prometheus"
  check_annotated_port backend
  check_annotated_port client
  {
    say "    static_configs:"
    pod backend-1 backend-service Running "$backend_port" "$(annotation backend scrape)" "$(annotation backend path)"
    pod client-1 client-service Running "$client_port" "$(annotation client scrape)" "$(annotation client path)"
    pod client-0 client-service Succeeded "$client_port" true /metrics
    pod other other Running "$client_port" "" ""
  } >"$work_dir/pods.yaml"
  sed 's/: 15s$/: 500ms/; s/^  - alerts.yaml$/&\n  - played.yaml/' "$monitoring/prometheus.yaml" |
    awk -v pods="$work_dir/pods.yaml" '
      /^    kubernetes_sd_configs:/ { skipping = 1; while ((getline line < pods) > 0) print line; next }
      skipping && /^    [^ ]/ { skipping = 0 }
      !skipping' >"$work_dir/prometheus.yaml"
  cp "$monitoring/alerts.yaml" "$work_dir/alerts.yaml"
  sed 's/\[\([0-9]*\)m\]/[\1s]/g; s/^\( *for: *[0-9]*\)m$/\1s/; s/alert: /&Played/; s/resilience:/played:/g
    s/- name: resilience/- name: played/' "$monitoring/alerts.yaml" >"$work_dir/played.yaml"
  promtool check config "$work_dir/prometheus.yaml"
  local port
  port=$(free_port)
  prometheus_url=http://127.0.0.1:$port
  mkdir "$work_dir/data"
  start_job prometheus --config.file="$work_dir/prometheus.yaml" --storage.tsdb.path="$work_dir/data" \
    --web.listen-address="127.0.0.1:$port" --log.level=warn >"$work_dir/prometheus.log" 2>&1
  await "Prometheus is ready" 30 prometheus_is_ready
}

prometheus_is_ready() {
  is_running "$job" || die "Prometheus ended at its start: $(tail -n 3 "$work_dir/prometheus.log")"
  [[ $(get "$prometheus_url/-/ready") == *Ready* ]]
}

# ask PATH [FIELD=VALUE...]: a question to Prometheus' API; its answer's data.
ask() {
  local path=$1 field answer
  local -a fields=()
  shift
  for field in "$@"; do
    fields+=(--data-urlencode "$field")
  done
  answer=$(plain_curl --max-time 20 --get "${fields[@]}" "$prometheus_url/api/v1/$path") ||
    die "Prometheus does not answer"
  jq -ce 'select(.status == "success") | .data' <<<"$answer" || die "$*: $(jq -r .error <<<"$answer")"
}

# value QUERY: of its one series, now; nothing if there is none.
value() {
  ask query query="$1" | jq -r '.result[0].value[1] // empty'
}

# ---- what is done to the lab ---------------------------------------------------------------------

# call_until_gone PATH: calls, one after the other, for as long as there is a file "traffic".
call_until_gone() {
  while [ -e "$work_dir/traffic" ]; do
    plain_curl --max-time 5 --output /dev/null "$client_url$1#[1-10]" || true
    sleep 0.1
  done
}

# traffic PATH...: a caller for each, until traffic_ends.
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

# The lab's everyday: both kinds of calls.
everyday_traffic() {
  traffic /api/call-backend /api/call-backend /api/call-backend-without-resilience /api/test-retry
}

# faults PLAN: what the backend does from now on.
faults() {
  plain_curl --fail --output /dev/null --request PUT --data "$1" "http://127.0.0.1:$backend_port/api/faults" ||
    die "the backend does not take $1"
}

# post PATH BODY: to the client.
post() {
  plain_curl --fail --max-time 20 --output /dev/null --header 'Content-Type: application/json' --data "$2" \
    "$client_url$1" || die "POST $1 failed"
}

state_is() {
  [[ $(get "$client_url/health") == *"\"circuit_breaker_state\":\"$1\""* ]]
}

# ---- what Prometheus has to see ------------------------------------------------------------------

is_firing() {
  [ -n "$(value "ALERTS{alertname=\"Played$1\",alertstate=\"firing\"}")" ]
}

is_quiet() {
  ! is_firing "$1"
}

# fires ALERT SECONDS: in time, and with a text whose numbers and names are there.
fires() {
  local texts
  await "$1 fires" "$2" is_firing "$1"
  texts=$(ask rules type=alert | jq -r --arg alert "Played$1" '
    [.groups[].rules[] | select(.name == $alert) | .alerts[].annotations] | .[0] | .summary, .description, .runbook')
  [[ $texts != *"<no value>"* && $texts != *"{{"* && $texts != *"error"*"template"* && $texts != *null* ]] ||
    die "$1 says: $texts"
  say "$1 fires: $(head -n 1 <<<"$texts")"
}

the_annotated_pods_are_scraped() {
  begin "the annotated pods are scraped, and no others"
  await "both are up" 15 both_are_up
  ask targets state=active | jq -r '.activeTargets[].labels | "\(.job) \(.application) \(.namespace) \(.pod)"' |
    sort >"$work_dir/targets"
  diff "$work_dir/targets" - <<END || die "these are the targets (<), these are expected (>)"
backend-service backend-service $namespace backend-1
client-service client-service $namespace client-1
END
  ask targets state=any | jq -r '"\(.activeTargets | length) targets are scraped, \(.droppedTargets | length) are not"'
}

both_are_up() {
  [ "$(value 'sum(up)')" = 2 ]
}

nothing_fires_while_all_is_well() {
  begin "nothing fires while all is well"
  local from firing
  everyday_traffic
  sleep 4
  from=$EPOCHREALTIME
  # A few failures, which retries repair.
  faults '{"failure_rate": 0.2, "transient_failure_rate": 0.2}'
  sleep 8
  firing=$(ask query_range query='ALERTS{alertstate="firing"}' start="$from" end="$EPOCHREALTIME" step=0.5 |
    jq -r '[.result[].metric.alertname] | unique | join(" ")')
  [ -z "$firing" ] || die "fires without reason: $firing"
  say "nothing, in 8 s that stand for 8 minutes"
  traffic_ends
}

retries_storm() {
  begin "most attempts fail, and retries storm"
  faults '{"failure_rate": 0.6, "transient_failure_rate": 0.9}'
  everyday_traffic
  fires RetryStorm 40
  faults '{"failure_rate": 0.2, "transient_failure_rate": 0.2}'
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
  start_backend
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
    faults '{"failure_rate": 1}'
    await "the circuit opens" 20 is_open_after_stress
    faults '{}'
    await "the circuit closes" 20 state_is closed
  done
  fires CircuitBreakerFlapping 20
  traffic_ends
}

# A circuit that is half-open because there is no call to try with keeps nobody waiting.
nobody_calls() {
  begin "the circuit opens, and nobody calls any more"
  await "the circuit opens" 20 is_open_after_stress
  await "Prometheus sees it half-open" 20 prometheus_sees_state half_open
  # Two minutes and five, as the rule has them, and some more.
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

somebody_forces_the_circuit_open() {
  begin "somebody forces the circuit open, and disables it"
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
  faults '{"slow_response_rate": 1, "slow_response_delay": 0.3}'
  # Hardly more at a time than MAX_CALLS: those past it are refused at once, and soon all would be over.
  start_job call_many "$client_url/api/call-backend" 500000 22 5 "$work_dir/results"
  local crowd=$job
  fires ClientNearCapacity 40
  signal_job TERM "$crowd"
  reap "$crowd"
  faults '{}'
}

metrics_are_well_formed() {
  begin "promtool check metrics"
  local service bytes=0
  for service in "backend:$backend_port" "client:$client_port"; do
    plain_curl --fail "http://127.0.0.1:${service#*:}/metrics" >"$work_dir/metrics" || die "no metrics"
    promtool check metrics <"$work_dir/metrics" || die "promtool does not like ${service%:*}-service's metrics"
    say "${service%:*}-service: $(grep -c '^# TYPE' "$work_dir/metrics") metrics," \
      "$(grep -vc '^#' "$work_dir/metrics") series, $(wc -c <"$work_dir/metrics") bytes"
    bytes=$((bytes + $(wc -c <"$work_dir/metrics")))
  done
  ((bytes <= max_kilobytes * 1000)) || die "expected at most $max_kilobytes kB of both, as deploy/README.md says"
}

# Whatever callers make up, it makes no new series, once the first unknown path and method have got theirs.
series_are_bounded() {
  begin "the number of series is bounded"
  local before after
  make_up first
  before=$(value 'sum(scrape_samples_scraped)')
  make_up second
  after=$(value 'sum(scrape_samples_scraped)')
  say "$after series"
  [ "$before" = "$after" ] || die "made-up requests have made $((after - before)) series"
  ((after <= max_series)) || die "expected at most $max_series series, as deploy/README.md says"
}

# make_up WORD: requests that nobody makes, and the scrape after them.
make_up() {
  local url
  for url in "$client_url" "http://127.0.0.1:$backend_port"; do
    plain_curl "$url/$1/[1-50]?$1=1" "$url/api/$1-[1-50]" || true
    plain_curl --request "${1^^}" "$url/health#[1-3]" "$url/$1-[1-50]" || true
    plain_curl --header "traceparent: $1" --user-agent "$1" "$url/health?$1=[1-50]" || true
  done >/dev/null
  sleep 1.5
}

# shows_data WHAT QUERY KIND: that the query returns numbers over the run (KIND range), or now (instant); not only
# zeros, unless it may.
shows_data() {
  local what=$1 query=$2 kind=$3 data summary
  if [ "$kind" = instant ]; then
    data=$(ask query query="$query") || die "$what: $query"
  else
    data=$(ask query_range query="$query" start="$began" end="$EPOCHREALTIME" step=0.5) || die "$what: $query"
  fi
  summary=$(jq -r '[.result[] | (.values? // [.value])[][1] | select(test("^[-0-9.e+]+$"))] as $numbers |
    "\(.result | length) \($numbers | length) \([$numbers[] | select(. != "0")] | length)"' <<<"$data")
  # shellcheck disable=SC2086  # three numbers
  set -- $summary
  (($2 > 0)) || die "$what: no data from $query"
  (($3 > 0)) || [[ "|$may_be_zero|" == *"|$what|"* ]] || die "$what: nothing but zeros from $query"
  printf '%-42s %3d series %6d values\n' "$what" "$1" "$2"
}

every_query_of_the_dashboard_returns_data() {
  begin "every query of the dashboard returns data"
  local line what query kind count=0 range variable
  local -A values
  range=$(awk -v began="$began" -v now="$EPOCHREALTIME" 'BEGIN { printf "%d", now - began }')
  while IFS=$'\t' read -r variable query; do
    query=$(substitute "$query")
    [[ $query =~ ^label_values\((.+),\ ([a-z_]+)\)$ ]] || die "variable $variable: cannot read $query"
    values[$variable]=$(ask "label/${BASH_REMATCH[2]}/values" "match[]=${BASH_REMATCH[1]}" | jq -r 'join("|")')
    [ -n "${values[$variable]}" ] || die "variable $variable has no values"
    say "variable $variable: ${values[$variable]}"
  done < <(jq -r '.templating.list[] | select(.type == "query") | [.name, .query.query] | @tsv' \
    "$monitoring/dashboard.json")
  [ "${values[namespace]}" = "$namespace" ] || die "expected namespace $namespace"
  while IFS= read -r line; do
    what=$(jq -r .what <<<"$line")
    query=$(substitute "$(jq -r .query <<<"$line")")
    kind=$(jq -r .kind <<<"$line")
    [[ $query != *'$'* ]] || die "$what: there is a variable left in $query"
    shows_data "$what" "$query" "$kind"
    count=$((count + 1))
  done < <(jq -c '(.panels + [.panels[] | .panels? // [] | .[]])[] | select(.targets) | .title as $title | .targets[] |
    {what: $title, query: .expr, kind: (if .instant then "instant" else "range" end)}' "$monitoring/dashboard.json"
    jq -c '.annotations.list[] | select(.target.expr) | {what: .name, query: .target.expr, kind: "range"}' \
      "$monitoring/dashboard.json")
  say "$count queries"
}

# What Grafana does before it asks. Four scrapes are the least that it takes for a rate.
substitute() {
  local query=$1
  query=${query//\$__rate_interval/2s}
  query=${query//\$__range/"${range}s"}
  query=${query//\$namespace/"${values[namespace]:-}"}
  query=${query//\$name/"${values[name]:-}"}
  printf '%s\n' "$query"
}

every_rule_returns_data() {
  begin "every recording rule, and every alert expression without its threshold, returns data"
  local line name type query measure
  ask rules | jq -r '.groups[].rules[] | select(.health != "ok") | "\(.name): \(.lastError)"' >"$work_dir/findings"
  [ ! -s "$work_dir/findings" ] || die "$(<"$work_dir/findings")"
  while IFS=$'\t' read -r type name query; do
    if [ "$type" = recording ]; then
      shows_rule "$name" "$name"
      continue
    fi
    measure=$(sed -E 's/ (==|!=|>=|<=|>|<) -?[0-9.]+$//' <<<"$query")
    [ "$measure" != "$query" ] || die "$name: \"$query\" does not end in a comparison with a number"
    shows_rule "$name" "$measure"
  done < <(ask rules | jq -r '.groups[] | select(.name == "resilience-lab") | .rules[] |
    [.type, .name, .query] | @tsv')
}

# Zero is what most of them should be.
shows_rule() {
  local count
  count=$(ask query_range query="$2" start="$began" end="$EPOCHREALTIME" step=0.5 |
    jq '[.result[].values[][1] | select(test("^[-0-9.e+]+$"))] | length')
  ((count > 0)) || die "$1: no data from $2"
  printf '%-42s %6d values\n' "$1" "$count"
}

# By the series and labels that its dashboard asks for (grafana_dashboard.json in its repository), as far as there is
# something to say: this breaker has no window of calls with a greatest size.
resilience4j_queries_return_data() {
  begin "what resilience4j's dashboard asks for is there"
  local query
  while IFS= read -r query; do
    shows_data "$query" "$query" range
  done <<'END'
sum(resilience4j_circuitbreaker_state{state="closed"})
sum(resilience4j_circuitbreaker_state{state=~"open|forced_open"})
sum(resilience4j_circuitbreaker_state{state="half_open"})
resilience4j_circuitbreaker_state{instance=~".+",name="backend"}
resilience4j_circuitbreaker_failure_rate{instance=~".+",name="backend"}
resilience4j_circuitbreaker_buffered_calls{instance=~".+",name="backend",kind="failed"}
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="successful"}[1m])
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="failed"}[1m])
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="ignored"}[1m])
rate(resilience4j_circuitbreaker_not_permitted_calls_total{name="backend",kind="not_permitted"}[1m])
increase(resilience4j_circuitbreaker_calls_seconds_sum{name="backend",kind="successful"}[1m])
histogram_quantile(0.95, sum(rate(resilience4j_circuitbreaker_calls_seconds_bucket{name="backend"}[1m])) by (le))
rate(resilience4j_retry_calls_total{application="client-service",kind="successful_without_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="successful_with_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="failed_without_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="failed_with_retry"}[1m])
END
}

the_client_dies() {
  begin "the client is killed"
  signal_job KILL "$client"
  reap "$client"
  fires ClientAbsent 40
}

main "$@"
