# shellcheck shell=bash disable=SC2034,SC2154  # variables of monitoring.sh and its parts
# The files in deploy/monitoring: rules, configuration, dashboard. Sourced by monitoring.sh.

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
  # The checks can only speed up durations in whole minutes.
  durations=$(sed -n 's/.*\[\([^]]*\)\].*/\1/p; s/^ *for: *//p' "$monitoring/alerts.yaml" | sort -u)
  ! grep -vxE '[0-9]+m' <<<"$durations" || die "alerts.yaml has a duration that is not whole minutes"
}

# A promtool without Kubernetes discovery, such as Debian's, cannot check that part. start_prometheus checks the rest.
configuration_is_valid() {
  begin "the scrape configuration"
  local findings
  if findings=$(promtool check config "$monitoring/prometheus.yaml" 2>&1); then
    say "promtool accepts the whole file"
    return
  fi
  findings=$(grep -oE 'field [a-z_]+ not found.*|FAILED: .*[^:]$' <<<"$findings" || say "$findings")
  [ "$findings" = "field kubernetes_sd_configs not found in type config.ScrapeConfig" ] || die "$findings"
  say "this promtool has no Kubernetes discovery; the rest is checked later"
}

# Errors that Grafana would not report.
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
