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

# check_integer VARIABLE LOWEST HIGHEST
check_integer() {
  local name=$1 value=${!1} low=$2 high=$3
  if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < low || 10#$value > high)); then
    die "$name=\"$value\" is not valid: expected a whole number from $low to $high"
  fi
  printf -v "$name" '%d' "$((10#$value))"
}

# Whether nobody listens on a port of 127.0.0.1.
port_is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# get URL: the body of whatever answers; no proxy and no ~/.curlrc come between.
get() {
  curl -q --silent --noproxy '*' --max-time 2 "$1" 2>/dev/null
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
  start_job env HOST=127.0.0.1 PORT="$port" "$@" "$bin_dir/$name" >"$log" 2>&1
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
