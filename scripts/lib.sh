# shellcheck shell=bash
# What the scripts share. Sourced by them, after `set -euo pipefail`; runs nothing by itself.

repo_root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# ---- words ---------------------------------------------------------------------------------------

say() {
  printf '%s\n' "$*"
}

complain() {
  printf '%s\n' "$*" >&2
}

# One line that says why, and the end.
die() {
  complain "error: $*"
  exit 1
}

# Prints the comment at the top of the calling script, which is its help.
print_help() {
  local line
  while IFS= read -r line; do
    case $line in
      '#!'*) ;;
      '#'*) line=${line#'#'} && say "${line# }" ;;
      *) break ;;
    esac
  done <"$0"
}

# ---- jobs and the end ----------------------------------------------------------------------------

# Each job gets a process group of its own: Ctrl-C in a terminal reaches only this script, which
# then ends its jobs in order; and a job's children end with it.
#
# start_job COMMAND [ARGUMENT...]: starts it in the background, and sets $job to its id. What a
# function starts belongs to the function's group.
start_job() {
  set -m
  if [ "$(type -t "$1")" = function ]; then
    (
      set +m
      "$@"
    ) </dev/null &
  else
    "$@" </dev/null &
  fi
  job=$!
  set +m
}

is_running() {
  kill -0 "$1" 2>/dev/null
}

# Sends a signal to a job with all its children: signal_job TERM 1234.
signal_job() {
  kill -s "$1" -- "-$2" 2>/dev/null || true
}

# Waits for a job that is ending, as long as it takes, and sets $status to its exit status.
reap() {
  status=0
  wait "$1" 2>/dev/null || status=$?
}

# Promises that the script's end, however it comes about, ends its jobs and removes its $work_dir.
clean_up_at_exit() {
  work_dir=
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

clean_up() {
  trap '' HUP INT TERM PIPE
  end_jobs
  if [ -n "$work_dir" ]; then
    rm -rf -- "$work_dir"
  fi
}

# Runs a command as a job, so that the end of the script is its end, too; dies if it fails.
run() {
  start_job "$@"
  reap "$job"
  ((status == 0)) || die "that failed (exit status $status); the output is above"
}

# Asks all jobs to end, gives them ten seconds, and kills what is left.
end_jobs() {
  local id round
  for id in $(jobs -rp); do
    signal_job TERM "$id"
  done
  for ((round = 0; round < 100; round++)); do
    [ -n "$(jobs -rp)" ] || return 0
    sleep 0.1
  done
  for id in $(jobs -rp); do
    signal_job KILL "$id"
  done
}

# Makes a directory for the script's own files, and sets $work_dir to it.
make_work_dir() {
  work_dir=$(mktemp -d "${TMPDIR:-/tmp}/resilience-lab.XXXXXX") || die "cannot make a temporary directory"
}

# ---- tools, numbers, ports -----------------------------------------------------------------------

# need TOOL HOW_TO_GET_IT
need() {
  command -v "$1" >/dev/null 2>&1 || die "$1 not found: $2"
}

need_cargo() {
  need cargo "install Rust from https://rustup.rs (after that, open a new shell)"
  cargo --version >/dev/null 2>&1 || die "cargo does not work: $(cargo --version 2>&1 | head -n 1)"
}

need_curl() {
  need curl "install it with your system's package manager"
}

need_jq() {
  need jq "install it with your system's package manager"
}

need_kubectl() {
  need kubectl "see https://kubernetes.io/docs/tasks/tools"
}

# provide_python_tools NAME REQUIREMENTS...: a virtual environment with what the files name comes first in
# the PATH. It is below target/, and is made anew when a file changes.
provide_python_tools() {
  local dir=${CARGO_TARGET_DIR:-$repo_root/target}/tools-$1
  shift
  if ! cat "$@" | cmp --silent - "$dir/installed"; then
    need python3 "install Python 3.11 or later"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      die "$(python3 --version) is too old: expected 3.11 or later"
    say "Installing what ${*#"$repo_root"/} names, from PyPI ..."
    run python3 -m venv --clear "$dir"
    # pip resolves the paths in the files from here.
    cd "$repo_root" || die "cannot enter $repo_root"
    run "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "${@/#/--requirement=}"
    cat "$@" >"$dir/installed"
  fi
  PATH=$dir/bin:$PATH
}

# unpack_package DEBIAN_PACKAGE DIRECTORY: by way of $work_dir, and as a program, not as a service.
unpack_package() {
  (
    cd "$work_dir" || exit
    apt-get download -qq "$1" 2>/dev/null || { apt-get update -qq && apt-get download -qq "$1"; }
    dpkg --extract "$1"_*.deb "$2"
  )
}

# check_integer VARIABLE LOWEST HIGHEST [WHAT_THE_USER_CALLS_IT]
check_integer() {
  local name=$1 value=${!1} low=$2 high=$3
  if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < low || 10#$value > high)); then
    die "${4:-$name}=\"$value\" is not valid: expected a whole number from $low to $high"
  fi
  printf -v "$name" '%d' "$((10#$value))"
}

# Whether nobody listens on a port of 127.0.0.1.
port_is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range that systems choose from by themselves.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 10000))
    port_is_free "$port" && say "$port" && return
  done
  die "no free port found"
}

# Seconds since 1970; with a fraction where bash knows it (from 5.0 on).
clock() {
  say "${EPOCHREALTIME:-$(date +%s)}"
}

# A line that the next one replaces, on a terminal; nothing elsewhere.
show_live() {
  [ ! -t 1 ] || printf '\r\033[K%s' "$*"
}

# ---- calls to the lab ----------------------------------------------------------------------------

# curl, with no proxy and no ~/.curlrc in between.
plain_curl() {
  curl -q --silent --noproxy '*' "$@"
}

# get URL: the body of whatever answers.
get() {
  plain_curl --max-time 2 "$1" 2>/dev/null
}

# get_patiently URL: the body of what answers within three seconds, if nobody listens there at first. curl
# takes a refused connection for a passing fault from 7.52 on.
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
  need_curl
  version=$(curl --version | sed -n '1s/^curl \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  if ! [[ $version =~ ^([0-9]+)\ ([0-9]+)$ ]] || ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 7067)); then
    die "curl is too old: expected 7.67 or later"
  fi
}

# call_many URL CALLS CONCURRENCY MAX_SECONDS RESULTS [BODIES]: GETs, made by one curl. When a call
# ends, its line goes to the file RESULTS: status, seconds; status 000 is a call without an
# answer. In BODIES, the files to keep the answers in, #1 stands for the call's number.
call_many() {
  # A fragment numbers the calls, and is not sent.
  plain_curl --no-progress-meter --parallel --parallel-immediate --parallel-max "$3" --max-time "$4" \
    --output "${6:-/dev/null}" --write-out '%{stderr}%{http_code} %{time_total}\n' "$1#[1-$2]" 2>"$5" || true
}

# percentile P RESULTS: nearest rank, in seconds; of 0, the least.
percentile() {
  sort -k 2,2n "$2" | awk -v p="$1" '{ time[NR] = $2 }
    END { rank = int((NR * p + 99) / 100); printf "%.3f", time[rank < 1 ? 1 : rank] }'
}

# "200 x 938, 500 x 62" of RESULTS; curl's 000 is a call without an answer.
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

# ---- the cluster ---------------------------------------------------------------------------------

namespace=lab3-resilience

in_namespace() {
  kubectl --namespace "$namespace" "$@"
}

# Sets $context to the name of kubectl's current context; empty if there is none, or no kubectl.
find_context() {
  context=''
  if command -v kubectl >/dev/null 2>&1; then
    context=$(kubectl config current-context 2>/dev/null) || context=''
  fi
}

# Whether the current context's cluster answers; $answer has its answer, or why there is none.
cluster_answers() {
  answer=$(kubectl get --raw /version --request-timeout=10s 2>&1)
}

# Sets $context; dies unless its cluster answers.
need_cluster() {
  need_kubectl
  find_context
  [ -n "$context" ] ||
    die "kubectl has no current context: start a cluster (Docker Desktop, minikube start, kind create cluster)"
  cluster_answers || die "the cluster of context $context does not answer: $(tail -n 1 <<<"$answer")"
}

# ---- Docker --------------------------------------------------------------------------------------

# shellcheck disable=SC2034  # for the scripts
#
# find_docker any|buildkit: sets $docker to the first docker on the PATH whose daemon answers, and that
# can do BuildKit, where that is asked for (through buildx, or built in, as before 23.0).
find_docker() {
  local candidate wanted=$1 why='''' incapable='' found=no
  while IFS= read -r candidate; do
    found=yes
    if [ "$wanted" = buildkit ] && ! can_buildkit "$candidate"; then
      incapable=$candidate
    elif why=$("$candidate" version --format '{{.Server.Version}}' 2>&1); then
      docker=$candidate
      return
    fi
  done < <(type -ap docker)
  [ $found = yes ] || die "docker not found: install Docker Desktop, or your system's docker package"
  [ -z "$why" ] || die "no Docker daemon answers; is it started? docker says: $(grep . <<<"$why" | tail -n 1)"
  die "$incapable cannot do BuildKit: install its buildx plugin"
}

can_buildkit() {
  local version
  "$1" buildx version >/dev/null 2>&1 && return
  version=$("$1" --version 2>/dev/null) || return 1
  [[ $version =~ ^Docker\ version\ ([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 19 && BASH_REMATCH[1] < 23))
}

# ---- the services --------------------------------------------------------------------------------

# Builds both release binaries, and sets $bin_dir to where they are. With BIN_DIR in the
# environment, the binaries there are taken as they are.
provide_services() {
  local name
  if [ -n "${BIN_DIR:-}" ]; then
    [ -d "$BIN_DIR" ] || die "BIN_DIR=\"$BIN_DIR\" is not a directory"
    bin_dir=$(CDPATH='' cd -- "$BIN_DIR" && pwd)
  else
    build_services
  fi
  for name in backend-service client-service; do
    [ -x "$bin_dir/$name" ] || die "$bin_dir/$name is missing"
  done
}

# The same, statically linked: as the images have them. Linux only.
build_static_services() {
  local host
  need_cargo
  cd "$repo_root" || die "cannot enter $repo_root"
  host=$(rustc -vV | sed -n 's/^host: //p')
  say "Compiling static binaries for $host ..."
  # With --target, the flags reach the services only, not what runs while they are compiled.
  run env RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --target "$host" -p backend-service -p client-service
  bin_dir=$(target_dir)/$host/release
}

build_services() {
  need_cargo
  cd "$repo_root" || die "cannot enter $repo_root"
  start_job cargo build --release --locked -p backend-service -p client-service
  reap "$job"
  ((status == 0)) || die "the build failed (cargo's exit status $status); its output is above"
  bin_dir=$(target_dir)/release
}

# Where cargo puts what it builds, whatever the environment or a cargo configuration says about it.
target_dir() {
  local metadata
  metadata=$(cargo metadata --format-version 1 --no-deps --locked) || die "cargo metadata failed"
  metadata=${metadata##*'"target_directory":"'}
  say "${metadata%%'"'*}"
}

# start_service NAME PORT LOG [VARIABLE=VALUE...]: starts a service on 127.0.0.1 with its log in a
# file, and sets $job to its process. Port 0 lets the system choose.
start_service() {
  local name=$1 port=$2 log=$3
  shift 3
  start_job env HOST=127.0.0.1 PORT="$port" "$@" "$bin_dir/$name" >>"$log" 2>&1
}

# await_service NAME PROCESS LOG [PORT]: waits until a service says that it is healthy, and sets $port to
# where it listens. If it ends, or takes too long, shows the end of its log and dies.
await_service() {
  local name=$1 process=$2 log=$3 requested=${4:-} deadline
  deadline=$((SECONDS + ${STARTUP_TIMEOUT:-30}))
  while :; do
    port=${requested:-$(port_in_log "$log")}
    if [ -n "$port" ] && [[ $(get "http://127.0.0.1:$port/health") == *"\"$name\""* ]]; then
      # Somebody else's healthy service may have taken the port in between.
      is_running "$process" && return 0
    fi
    if ! is_running "$process"; then
      reap "$process"
      show_end_of_log "$log"
      die "$name ended at its start (exit status $status); the end of its log is above"
    fi
    if ((SECONDS >= deadline)); then
      show_end_of_log "$log"
      die "$name is not healthy after ${STARTUP_TIMEOUT:-30} s; the end of its log is above"
    fi
    sleep 0.1
  done
}

# The port in a service's "listening on ADDRESS:PORT" line.
port_in_log() {
  sed -n 's/.* listening on [^ ]*:\([0-9][0-9]*\) .*/\1/p' "$1" | head -n 1
}

show_end_of_log() {
  tail -n 20 "$1" | sed 's/^/  | /' >&2
}
