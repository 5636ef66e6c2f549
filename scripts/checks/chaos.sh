#!/usr/bin/env bash
# Checks the chaos experiments, without a cluster: they are valid, each is fulfilled on the lab with its default
# settings, two are not fulfilled by a client whose circuit never opens and report that in a few lines, and Ctrl-C
# leaves nothing behind. Also tests the local cluster.
#
# Usage: scripts/checks/chaos.sh [--help]
#
# Environment:
#   BIN_DIR    use the binaries there, instead of building them
#   JOURNALS   directory in which to keep the results of the runs (default: they are not kept)
#
# Needs what `scripts/run-chaos.sh --local` needs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

run_chaos=$repo_root/scripts/run-chaos.sh
# The number of failures that never opens the circuit.
never_opens=client-service:BREAKER_FAIL_MAX=1000000

main() {
  read_arguments -- "$@"
  clean_up_at_exit
  make_work_dir
  journals=${JOURNALS:-$work_dir/journals}
  mkdir -p "$journals"
  provide_services
  export BIN_DIR=$bin_dir
  # One environment for the experiments, as in run-chaos.sh, and one with pytest for the tests.
  requirements=$repo_root/chaos-experiments/chaostoolkit-requirements.txt
  provide_python_tools chaos "$requirements"
  provide_python_tools report "$requirements" "$repo_root/scripts/lab-report-requirements.txt"

  run_job local_cluster_tests
  # In parallel, each in its own lab: they mostly wait.
  play_all
  run_is_interrupted
  say "ok: chaos experiments"
}

# These tests depend on time. Two at a time: they mostly wait.
local_cluster_tests() {
  cd "$repo_root"
  python3 -m pytest --numprocesses 2 --dist worksteal chaos-experiments/tests/local/test_lab.py
}

play_all() {
  local name wanted
  local -A played=()
  for name in $("$run_chaos" --list); do
    start_job "$run_chaos" --local --journals "$journals/shipped-$name" "$name" >"$work_dir/shipped-$name.out" 2>&1
    played[$job]="fulfilled $name shipped-$name"
  done
  for name in pod-failure network-partition; do
    start_job "$run_chaos" --local --set "$never_opens" --journals "$journals/never-opens-$name" "$name" \
      >"$work_dir/never-opens-$name.out" 2>&1
    played[$job]="unfulfilled $name never-opens-$name"
  done
  for job in "${!played[@]}"; do
    reap "$job"
    read -r wanted name run <<<"${played[$job]}"
    "was_$wanted" "$name" "$run"
  done
}

# was_fulfilled NAME RUN
was_fulfilled() {
  ((status == 0)) || show_and_die "$2" "$1 was not fulfilled"
  say "ok: $1 is fulfilled ($(sed -n '/fulfilled (/s/.*(\(.*\))/\1/p' "$work_dir/$2.out"))"
}

was_unfulfilled() {
  ((status == 1)) || show_and_die "$2" "$1 is fulfilled by a circuit that never opens (exit status $status)"
  # For the expected reason.
  [[ $(<"$work_dir/$2.out") == *'because: probe "the circuit opens within '*'is out of its tolerance'* ]] ||
    show_and_die "$2" "$1 with a circuit that never opens did not fail on that"
  says_little "$2"
  say "ok: $1 is not fulfilled by a circuit that never opens"
}

# says_little RUN: a failed or interrupted run prints its log and its verdict, and nothing else.
says_little() {
  local lines
  lines=$(wc -l <"$work_dir/$1.out")
  if ((lines > 60)) || grep -qE 'Task was destroyed|never retrieved|Traceback' "$work_dir/$1.out"; then
    show_and_die "$1" "$1 says more than its log and its verdict ($lines lines)"
  fi
}

show_and_die() {
  sed 's/^/  | /' "$work_dir/$1.out" >&2
  die "$2"
}

# Ctrl-C at several moments: before the lab is up, in the hypothesis, in the method.
run_is_interrupted() {
  local after marker process
  for after in 0.5 2 4.5; do
    marker=$journals/interrupted-$after
    start_job "$run_chaos" --local --journals "$marker" network-partition >"$work_dir/interrupted.out" 2>&1
    sleep "$after"
    descendants_of "$job" >"$work_dir/descendants"
    kill -s INT "$job"
    reap "$job"
    ((status == 130)) || show_and_die interrupted "an interrupt after $after s gave exit status $status, not 130"
    says_little interrupted
    # A network namespace and its rules live as long as a process in it.
    while IFS= read -r process; do
      ! is_running "$process" || die "an interrupt after $after s left $(ps -o pid=,args= -p "$process")"
    done <"$work_dir/descendants"
    ! pgrep -f -- "$marker" >"$work_dir/left" || die "an interrupt after $after s left processes: $(<"$work_dir/left")"
  done
  (($(wc -l <"$work_dir/descendants") >= 6)) || show_and_die interrupted "there was no lab to leave behind"
  say "ok: Ctrl-C leaves no process and no network namespace behind"
}

# descendants_of PROCESS: the processes that it started, and those that they started.
descendants_of() {
  ps -e -o pid=,ppid= | awk -v root="$1" '
    { parent[$1] = $2 }
    END {
      for (process in parent) {
        for (ancestor = process; ancestor in parent; ancestor = parent[ancestor])
          if (parent[ancestor] == root) { print process; break }
      }
    }'
}

main "$@"
