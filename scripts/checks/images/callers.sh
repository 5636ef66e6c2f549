# shellcheck shell=bash disable=SC2154,SC2317,SC2329  # variables of pod-end.sh; functions that are called by name
# Callers with a new connection for each request, and their verdict. Sourced by pod-end.sh.

# ask CURL_OPTION... URL: one request on a new connection. Says curl's exit status, the HTTP status, and the
# seconds until there was a connection and until the end.
ask() {
  local told status=0
  told=$(in_node curl "${curl_options[@]}" --connect-timeout 5 --max-time 20 --output /dev/null \
    --write-out '%{http_code} %{time_connect} %{time_total}' "$@") || status=$?
  say "$status $told"
}

# ask_until FILE: makes requests while FILE exists.
ask_until() {
  while [ -e "$1" ]; do
    ask "http://$virtual_address:$port/api/data"
  done
}

start_callers() {
  local caller
  : >"$work_dir/load"
  rm -f "$work_dir"/results*
  caller_jobs=()
  for ((caller = 0; caller < callers; caller++)); do
    start_job ask_until "$work_dir/load" >"$work_dir/results$caller"
    caller_jobs+=("$job")
  done
  await "100 answers" 30 has_answers 100
}

has_answers() {
  (($(cat "$work_dir"/results* | wc -l) >= $1))
}

stop_callers() {
  local caller
  rm "$work_dir/load"
  for caller in "${caller_jobs[@]}"; do
    reap "$caller"
  done
  cat "$work_dir"/results* >"$work_dir/all"
}

# judge refused|answered: checks that each request had an allowed result. Dies if not.
judge() {
  local told
  # curl: 7 there is no connection, 28 there is none in time.
  told=$(awk -v at_once="$at_once" '
    { took = $2 == "000" ? $4 : $3; if (took > longest) longest = took }
    took > at_once { silent++; next }
    $1 == 0 && $2 == 200 { answered++; next }
    $1 == 7 { refused++; next }
    { lost++ }
    END {
      printf "answered %d, refused at once %d, silent %d, lost %d; longest connect %.0f ms\n",
        answered, refused, silent, lost, longest * 1000
    }' "$work_dir/all")
  say "$told"
  if [[ $told != *"silent 0, lost 0;"* ]]; then
    say "curl's exit status, HTTP status, seconds to connect, seconds in all:"
    grep -v '^0 200 ' "$work_dir/all"
    die "no request may be lost, or wait for a connection"
  fi
  [ "$1" = refused ] || [[ $told == *"refused at once 0,"* ]] || die "no request may be refused"
}
