# shellcheck shell=bash disable=SC2034,SC2154  # variables of monitoring.sh and its parts
# Checks the size of the scrapes, and that each query returns data. Sourced by monitoring.sh.

# For a client and a backend together.
readonly promised_size='at most ([0-9]+) series and ([0-9]+) kB'

metrics_are_well_formed() {
  begin "promtool check metrics"
  local service bytes=0
  for service in "backend:${backend_url##*:}" "client:$client_port"; do
    plain_curl --fail "http://127.0.0.1:${service#*:}/metrics" >"$work_dir/metrics" || die "no metrics"
    promtool check metrics <"$work_dir/metrics" || die "promtool does not like ${service%:*}-service's metrics"
    say "${service%:*}-service: $(grep -c '^# TYPE' "$work_dir/metrics") metrics," \
      "$(grep -vc '^#' "$work_dir/metrics") series, $(wc -c <"$work_dir/metrics") bytes"
    bytes=$((bytes + $(wc -c <"$work_dir/metrics")))
  done
  find_promise "$promised_size" "how large a scrape is"
  ((bytes <= BASH_REMATCH[2] * 1000)) || die "expected at most ${BASH_REMATCH[2]} kB of both, as deploy/README.md says"
}

# Requests with unknown paths and methods make no series beyond those of the first such request.
series_are_bounded() {
  begin "the number of series is bounded"
  local before after
  make_up first
  before=$(value 'sum(scrape_samples_scraped)')
  make_up second
  after=$(value 'sum(scrape_samples_scraped)')
  say "$after series"
  [ "$before" = "$after" ] || die "made-up requests have made $((after - before)) series"
  find_promise "$promised_size" "how large a scrape is"
  ((after <= BASH_REMATCH[1])) || die "expected at most ${BASH_REMATCH[1]} series, as deploy/README.md says"
}

# make_up WORD: makes requests with unknown paths, methods and headers, and waits for the next scrape.
make_up() {
  local url
  for url in "$client_url" "$backend_url"; do
    plain_curl "$url/$1/[1-50]?$1=1" "$url/api/$1-[1-50]" || true
    plain_curl --request "${1^^}" "$url/health#[1-3]" "$url/$1-[1-50]" || true
    plain_curl --header "traceparent: $1" --user-agent "$1" "$url/health?$1=[1-50]" || true
  done >/dev/null
  sleep 1.5
}

# ---- queries -------------------------------------------------------------------------------------

# Queries of the dashboard that may return only zeros.
readonly may_be_zero='Mailbox'

# shows_data WHAT QUERY KIND: checks that the query returns numbers over the run (KIND range) or now (instant), and not
# only zeros, unless that is allowed.
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

# Replaces variables as Grafana does. Grafana's minimum interval for a rate is four scrapes.
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

# Most of them should be zero.
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
