# shellcheck shell=bash disable=SC2034,SC2154  # variables of monitoring.sh and its parts
# A Prometheus with the configuration and the rules of deploy/monitoring, and queries to it. Sourced by monitoring.sh.

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

# annotation SERVICE KEY: prints an annotation of the pods in deploy/base.
annotation() {
  local file=deploy/base/$1-deployment.yaml value
  value=$(sed -n "s|^ *prometheus.io/$2: *\"\{0,1\}\([^\"]*\)\"\{0,1\}\$|\1|p" "$repo_root/$file")
  [ -n "$value" ] || die "$file has no annotation prometheus.io/$2"
  say "$value"
}

# The annotated port must be the container's. Here it is the port on which the service listens.
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
    pod backend-1 backend-service Running "${backend_url##*:}" "$(annotation backend scrape)" "$(annotation backend path)"
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

# ask PATH [FIELD=VALUE...]: sends a request to Prometheus' API, and prints the data of the answer.
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

# value QUERY: prints the current value of the only series; nothing if there is none.
value() {
  ask query query="$1" | jq -r '.result[0].value[1] // empty'
}

is_firing() {
  [ -n "$(value "ALERTS{alertname=\"Played$1\",alertstate=\"firing\"}")" ]
}

is_quiet() {
  ! is_firing "$1"
}

# fires ALERT SECONDS: checks that the alert fires in time, and that its text has no missing value.
fires() {
  local texts
  await "$1 fires" "$2" is_firing "$1"
  texts=$(ask rules type=alert | jq -r --arg alert "Played$1" '
    [.groups[].rules[] | select(.name == $alert) | .alerts[].annotations] | .[0] | .summary, .description, .runbook')
  [[ $texts != *"<no value>"* && $texts != *"{{"* && $texts != *"error"*"template"* && $texts != *null* ]] ||
    die "$1 says: $texts"
  say "$1 fires: $(head -n 1 <<<"$texts")"
}

explain_wait() {
  show_end_of_log "$work_dir/prometheus.log"
  show_end_of_log "$work_dir/client.log"
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
