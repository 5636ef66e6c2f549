# shellcheck shell=bash disable=SC2016,SC2034,SC2154  # jq has variables, too; variables of run-tests.sh and its parts
# Calls to the client, and observations. Sourced by run-tests.sh.

# fetch NAME PATH [CURL_OPTION...]: the body goes to NAME.json, the headers to NAME.headers; sets $status
# and $seconds.
fetch() {
  local name=$1 path=$2
  shift 2
  status=$(plain_curl --max-time "${patience:-60}" --output "$name.json" --dump-header "$name.headers" \
    --write-out '%{http_code} %{time_total}' "$@" "$base_url$path") || die "no answer from $base_url$path"
  seconds=${status#* }
  status=${status% *}
}

# post NAME PATH JSON
post() {
  fetch "$1" "$2" --request POST --header @token --header 'Content-Type: application/json' --data "$3"
  [ "$status" != 401 ] || die "POST $2 is refused: set ADMIN_TOKEN to the client's"
  ((status == 200)) || die "POST $2 answers $status: $(head -c 300 "$1.json")"
}

reset_breaker() {
  post reset /api/circuit-breaker/reset '{}'
  expect_json reset '.state == "closed"'
  fetch stats /api/stats
  openings_before=$(jq .statistics.circuit_breaker_open_count stats.json)
}

# header NAME HEADER_IN_LOWER_CASE
header() {
  tr -d '\r' <"$1.headers" | tr '[:upper:]' '[:lower:]' | sed -n "s/^$2: *//p"
}

title() {
  say
  say "$1"
  say
}

# expect WHAT COMMAND...: an observation, and what tells whether it is as it should be.
expect() {
  local what=$1
  shift
  if "$@"; then
    say "  ok      $what"
  else
    say "  FAILED  $what"
    failures=$((failures + 1))
  fi
}

# expect_json NAME CONDITION: what cannot go on without it.
expect_json() {
  holds "$1" "$2" || die "not what $1 should look like: $(head -c 300 "$1.json")"
}

# holds NAME CONDITION [JQ_OPTION...]: whether it is true of NAME.json.
holds() {
  local name=$1 condition=$2
  shift 2
  jq -e "$@" "$condition" "$name.json" >/dev/null 2>&1
}

# compute TERM, holds_number CONDITION: in awk's notation.
compute() {
  awk "BEGIN { printf \"%.12g\", $1 }"
}

holds_number() {
  awk "BEGIN { exit !($1) }"
}

# between N LOWEST HIGHEST
between() {
  (($1 >= $2 && $1 <= $3))
}

at_least() {
  (($1 >= $2))
}
