# shellcheck shell=bash
# Background jobs, waiting, and cleaning up when a script exits. Sourced by lib.sh.

# start_job COMMAND [ARGUMENT...]: starts it in the background and sets $job to its process.
#
# Each job has a process group of its own. Ctrl-C in a terminal then reaches only the script, which ends its jobs
# in order, each with its children. The processes that a function starts belong to the function's group. Descriptor 3
# is the caller's own: a log in run-local.sh, the report of tests in bats.
start_job() {
  set -m
  if [ "$(type -t "$1")" = function ]; then
    (
      set +m
      "$@"
    ) </dev/null 3>&- &
  else
    "$@" </dev/null 3>&- &
  fi
  job=$!
  set +m
}

is_running() {
  kill -0 "$1" 2>/dev/null
}

# signal_job SIGNAL PROCESS: signals a job and all its children.
signal_job() {
  kill -s "$1" -- "-$2" 2>/dev/null || true
}

# Waits until a job ends, without a limit, and sets $status to its exit status.
reap() {
  status=0
  wait "$1" 2>/dev/null || status=$?
}

# Runs a command as a job, so that the end of the script also ends the command. Dies if it fails.
run_job() {
  start_job "$@"
  reap "$job"
  ((status == 0)) || die "that failed (exit status $status); the output is above"
}

# await WHAT SECONDS COMMAND...: repeats the command until it succeeds. After so many seconds it calls the script's
# function explain_wait, if there is one, and dies.
await() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then
      [ "$(type -t explain_wait)" != function ] || explain_wait
      die "not in time: $what"
    fi
    sleep 0.05
  done
}

# ---- the end of a script -------------------------------------------------------------------------

# However the script ends: ends its jobs and removes $work_dir.
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

# Asks all jobs to end, and kills those that still run after ten seconds.
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
