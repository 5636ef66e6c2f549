#!/usr/bin/env bash
# Checks the project in named stages.
#
# Usage: scripts/check.sh [--help | --list | STAGE...]
#
# With STAGEs, runs these, one after the other. Without, runs all of them, in three lanes side by side: stages that
# depend on time, stages that mostly wait, and with low priority the rest. A stage that fails does not stop the
# others. At the end there is one line for each stage with its result, its seconds, and the CPU seconds of its
# processes. The exit status is 1 if a stage failed.
#
# A stage installs the tools that the machine lacks, if it can (Debian packages as root, components of rustup,
# packages of PyPI). A stage that still lacks a tool is SKIPPED and says why; with CI=true that is a failure.
#
# Needs: bash 4 or later, cargo. Builds into cargo's target directory.

# shellcheck disable=SC2317,SC2329  # stages are called by name
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# One line for each stage: its name, and what it checks. The function stage_NAME runs it.
stages='
fmt         the code is formatted as rustfmt does it
services    both services compile as the images have them: optimized and static
shellcheck  no warning in any script; each can be executed and has --help
python      ruff: no finding in any Python file, and each is formatted; unit tests of bench.sh and soak.sh
report      unit tests of the chaos experiments and of the lab report; its documents are what their data say
manifests   deploy/: yamllint, the schemas of Kubernetes; its objects fit each other, the services and the documents
policies    deploy/: no finding of checkov but the named exceptions, each of which is needed
dockerfiles no finding of hadolint
test        unit, integration and documentation tests
bench       each benchmark runs; bench.sh measures; docs/performance.md has the tables of its data
soak        SIGTERM 30 times under load (RESTARTS, RESTARTS_SEED); soak.sh for two minutes
clippy      no warning from the compiler or clippy, in any target
doc         the documentation builds without a warning, private items included
loom        what threads share without a message, in every order in which they may run
simulation  a million steps of breaker, schedulers, callers and upstream (SIMULATION_STEPS, SIMULATION_SEED)
examples    each example of the runtime runs to its end
e2e         the release binaries: end-to-end tests, compare-baseline.sh, the schema of the file of upstreams
scripts     the scripts of scripts/, on fakes of their tools and on a lab
monitoring  deploy/monitoring on a real Prometheus: each alert fires in its outage, each query has data
dashboard   the page in a headless Chromium: state changes within 500 ms, each control, reconnect, accessibility
openapi     schemathesis finds no answer of a service that differs from its OpenAPI document
chaos       the chaos experiments, without a cluster: valid, fulfilled, and not so when the circuit never opens
images      the lab in containers: dead backends, a cut network, SIGTERM, stress; the end of a pod behind DNAT
'

# shellcheck source=scripts/checks/tools.sh
source "$repo_root/scripts/checks/tools.sh"
# shellcheck source=scripts/checks/stages/code.sh
source "$repo_root/scripts/checks/stages/code.sh"
# shellcheck source=scripts/checks/stages/lab.sh
source "$repo_root/scripts/checks/stages/lab.sh"

# The stages of a lane, in order. The third lane has all others, which give the same result when they are slow. The
# build of the tests, which soak uses, is ready before that of services.
readonly timed='test e2e monitoring dashboard images '
readonly waiting='soak chaos scripts '

main() {
  local name
  list=false
  arguments=()
  read_arguments --list ... -- "$@"
  if $list; then
    sed '/^$/d' <<<"$stages"
    exit
  fi
  mapfile -t known < <(sed -n 's/^\([a-z0-9_-]\{1,\}\) .*/\1/p' <<<"$stages")
  for name in "${arguments[@]}"; do
    [[ " ${known[*]} " == *" $name "* ]] || die "unknown stage \"$name\"; stages: ${known[*]}"
  done

  clean_up_at_exit
  make_work_dir
  cd "$repo_root"
  declare -gA summary=()
  failures=0
  if [ ${#arguments[@]} -gt 0 ]; then
    run_in_order "${arguments[@]}"
  else
    arguments=("${known[@]}")
    run_in_lanes
  fi
  printf '\n%-14s %-8s %7s %7s\n' stage result seconds CPU
  for name in "${arguments[@]}"; do
    say "${summary[$name]}"
  done
  say "$SECONDS s in all"
  ((failures == 0)) || die "$failures of ${#arguments[@]} stages failed"
  # Bash would read on in this file, which may have changed during a long run.
  exit 0
}

run_in_order() {
  for stage in "$@"; do
    print_title "$stage"
    start_job run_stage "$stage"
    finish "$stage" "$job" "$SECONDS"
  done
}

# One stage at a time in each lane. The output of a stage is printed when it ends.
run_in_lanes() {
  local lane name busy=yes
  local -A queue=([timed]=$timed [waiting]=$waiting [other]='') process=() since=()
  declare -gA running=()
  trap 'print_running; clean_up' EXIT
  for name in "${known[@]}"; do
    [[ " $timed$waiting" == *" $name "* ]] || queue[other]+="$name "
  done
  while [ $busy = yes ]; do
    busy=no
    for lane in "${!queue[@]}"; do
      if [ -n "${running[$lane]:-}" ] && ! is_running "${process[$lane]}"; then
        print_title "${running[$lane]}"
        cat "$work_dir/${running[$lane]}.log"
        finish "${running[$lane]}" "${process[$lane]}" "${since[$lane]}"
        running[$lane]=''
      fi
      if [ -z "${running[$lane]:-}" ] && [ -n "${queue[$lane]}" ]; then
        stage=${queue[$lane]%% *}
        queue[$lane]=${queue[$lane]#* }
        say "started: $stage"
        start_job run_in_lane "$lane" >"$work_dir/$stage.log" 2>&1
        running[$lane]=$stage
        process[$lane]=$job
        since[$lane]=$SECONDS
      fi
      [ -z "${running[$lane]:-}" ] || busy=yes
    done
    sleep 0.2
  done
}

# If the script is interrupted: what the running stages have printed.
print_running() {
  local stage
  for stage in "${running[@]}"; do
    [ -z "$stage" ] || { print_title "$stage" && cat "$work_dir/$stage.log"; }
  done
}

run_in_lane() {
  local niceness=19
  # Most timed stages wait for the binaries of services. In bench, a service that gets no processor for a second answers
  # nothing in a round.
  [[ $stage != services && $stage != bench ]] || niceness=5
  [ "$1" != other ] || renice -n "$niceness" -p "$BASHPID" >/dev/null || say "the priority stays as it is"
  run_stage "$stage"
}

# Runs it and writes the CPU seconds of its processes, user and system, into a file.
run_stage() {
  local TIMEFORMAT='%0U %0S'
  set +e
  # The braces: without them, a stage that fails would write the times to its own stderr.
  { time { (set -e; "stage_$1" 2>&3 3>&-); }; } 3>&2 2>"$work_dir/$1.cpu"
}

print_title() {
  printf '\n=== %s: %s\n' "$1" "$(sed -n "s/^$1  *//p" <<<"$stages")"
}

# finish STAGE PROCESS BEGIN: waits for it, and notes its result.
finish() {
  local result user=0 system=0 reason=''
  reap "$2"
  read -r user system <"$work_dir/$1.cpu" || true
  case $status in
    0) result=PASS ;;
    "$skipped") result=SKIP && reason=$(cat "$work_dir/$1.skip" 2>/dev/null || say 'no reason given') ;;
    *) result=FAIL ;;
  esac
  if [ $result = SKIP ] && [ "${CI:-}" = true ]; then
    result=FAIL
    reason="skipped, with CI=true: $reason"
  fi
  [ $result != FAIL ] || failures=$((failures + 1))
  printf -v summary["$1"] '%-14s %-8s %7d %7d%s' \
    "$1" "$result" $((SECONDS - $3)) $((user + system)) "${reason:+  ($reason)}"
}

main "$@"
