# shellcheck shell=bash
# HTTP with curl: calls to the lab, one or many at a time. Sourced by lib.sh.

# No proxy and no ~/.curlrc.
readonly curl_options=(-q --silent --noproxy '*')

plain_curl() {
  curl "${curl_options[@]}" "$@"
}

# get URL: prints the body of the answer, whatever its status. Fails without an answer within two seconds.
get() {
  plain_curl --max-time 2 "$1" 2>/dev/null
}

# get_patiently URL: the same, but waits up to three seconds for something to listen there. curl repeats a refused
# connection from 7.52 on.
get_patiently() {
  plain_curl --retry 3 --retry-delay 1 --retry-connrefused --max-time 5 "$1" 2>/dev/null
}

# Sets $base_url to BASE_URL, and dies unless a client-service answers there.
need_client() {
  local health
  base_url=${BASE_URL:-http://localhost:30080}
  base_url=${base_url%/}
  [[ $base_url =~ ^https?://[][A-Za-z0-9._:-]+(/[A-Za-z0-9._~/-]*)?$ ]] ||
    die "BASE_URL=\"$base_url\" is not valid: expected something like http://localhost:30080"
  health=$(get_patiently "$base_url/health") ||
    die "nothing answers at $base_url/health: start scripts/run-local.sh or scripts/deploy.sh, or set BASE_URL"
  [[ $health == *'"client-service"'* ]] || die "what answers at $base_url/health is not client-service"
}

# One curl makes many calls at a time from 7.66 on.
need_parallel_curl() {
  local version
  need curl
  version=$(curl --version | sed -n '1s/^curl \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  if ! [[ $version =~ ^([0-9]+)\ ([0-9]+)$ ]] || ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 7067)); then
    die "curl is too old: expected 7.67 or later"
  fi
}

# call_many URL CALLS CONCURRENCY MAX_SECONDS RESULTS [BODIES]: GETs by one curl. Each call that ends adds the line
# "STATUS SECONDS" to the file RESULTS; status 000 is a call without an answer. BODIES is where to keep the answers;
# #1 in it becomes the call's number.
call_many() {
  # A fragment numbers the calls, and is not sent.
  plain_curl --no-progress-meter --parallel --parallel-immediate --parallel-max "$3" --max-time "$4" \
    --output "${6:-/dev/null}" --write-out '%{stderr}%{http_code} %{time_total}\n' "$1#[1-$2]" 2>"$5" || true
}

# percentile P RESULTS: in seconds, by nearest rank; P = 0 is the least.
percentile() {
  sort -k 2,2n "$2" | awk -v p="$1" '{ time[NR] = $2 }
    END { rank = int((NR * p + 99) / 100); printf "%.3f", time[rank < 1 ? 1 : rank] }'
}

# statuses_of RESULTS: such as "200 x 938, 500 x 62".
statuses_of() {
  awk '{ count[$1]++ }
    END {
      for (status = 0; status < 1000; status++) {
        key = sprintf("%03d", status)
        if (!(key in count)) continue
        printf "%s%s x %d", separator, (status == 0 ? "no answer" : key), count[key]
        separator = ", "
      }
    }' "$1"
}
