# shellcheck shell=bash
# Background jobs, waiting, and cleaning up when a script exits. Sourced by lib.sh.

# start_job COMMAND [ARGUMENT...]: starts it in the background and sets $job to its process ID, which is also the ID
# of its process group.
#
# Each job has a process group of its own. Ctrl-C in a terminal then reaches only the script, which ends its jobs at its
# own end (see clean_up_at_exit). The processes that a function starts belong to the function's group. A job does not
# get descriptor 3: it is a log in run-local.sh, and bats waits until every process has closed it.
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

# signal_job SIGNAL PROCESS: signals every process in the job's process group.
signal_job() {
  kill -s "$1" -- "-$2" 2>/dev/null || true
}

# reap PROCESS: waits until a job ends, without a time limit, and sets $status to its exit status.
reap() {
  status=0
  wait "$1" 2>/dev/null || status=$?
}

# run_job COMMAND [ARGUMENT...]: runs it as a job, so that the end of the script also ends it. Dies if it fails.
run_job() {
  start_job "$@"
  reap "$job"
  ((status == 0)) || die "that failed (exit status $status); the output is above"
}

# await WHAT LIMIT COMMAND...: repeats the command until it succeeds. After LIMIT to LIMIT + 1 seconds it calls the
# script's function explain_wait, if there is one, and dies.
await() {
  local what=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@"; do
    if ((SECONDS > deadline)); then
      [ "$(type -t explain_wait)" != function ] || explain_wait
      die "not in time: $what"
    fi
    sleep 0.1
  done
}

# ---- the end of a script -------------------------------------------------------------------------

# On exit, HUP, INT or TERM, ends the script's jobs and removes $work_dir. Call it before make_work_dir.
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

# Asks all running jobs to end, and kills those that still run after ten seconds.
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
