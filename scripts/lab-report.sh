#!/usr/bin/env bash
# Plays the whole lab on this machine, and writes its report from what it saw: data, figures, documents.
#
# Usage: scripts/lab-report.sh [OPTION...] [PHASE...]
#
# The phases, in their order:
#   baseline   calls with and without resilience, side by side, at the lab's fault rates
#   breaker    one cycle of the circuit: opened by a stress test, closed by time and a trial
#   retry      throttled calls, and 100 calls that fail at once, with and without jitter
#   chaos      all chaos experiments
#
# With PHASEs, only these are played; the rest of the report is written from the data that is there.
# All of them take about seven minutes. Each has labs of its own, as `scripts/run-chaos.sh --local`
# makes them: Linux only, root or the right to make user namespaces, no cluster.
#
#   --from-data         plays nothing: writes figures and documents anew from DIRECTORY/data
#   --output DIRECTORY  where the report goes, and old data comes from (default: docs in the repository)
#   --help              this text
#
# It writes into DIRECTORY: baseline-observations.md, circuit-breaker-analysis.md, retry-analysis.md,
# chaos-experiments.md, lab-report.md, data/*.json and figures/*.svg. All of that stays as it was
# until the end, and is then replaced at once; Ctrl-C leaves nothing else behind.
#
# Environment:
#   BIN_DIR  take the binaries that are there, instead of building them
#
# Needs Python 3.11 or later. Packages go into a virtual environment below target/.
# Exit status: 0 if the report is written, 1 if something went wrong; 2 if the report is written, and
# says that an experiment was not fulfilled.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly all_phases='baseline breaker retry chaos'

main() {
  output=$repo_root/docs
  from_data=false
  unfulfilled=no
  arguments=()
  settings=()
  read_arguments --from-data --output= ... -- "$@"
  check_arguments
  # Binaries, packages, the documents, and the phases.
  step=0
  steps=$((2 + ${#phases[@]} + (${#phases[@]} > 0)))
  begin=$SECONDS

  clean_up_at_exit
  # Beside the output, so that what is there can be replaced by moving.
  work_dir=$(mktemp -d "$(dirname "$output")/.lab-report.XXXXXX" 2>/dev/null) || die "cannot write beside $output"
  mkdir -p "$work_dir/report/data" "$work_dir/logs"
  export MPLCONFIGDIR=$work_dir/matplotlib
  take_old_data

  [ ${#phases[@]} = 0 ] || prepare "services" provide_services
  prepare "Python packages" provide_python_tools report \
    "$repo_root/chaos-experiments/chaostoolkit-requirements.txt" "$repo_root/scripts/lab-report-requirements.txt"
  for phase in "${phases[@]}"; do
    "play_$phase"
  done
  in_step "figures and documents" \
    python3 -m resilience_lab.report.render --data "$work_dir/report/data" --output "$work_dir/report"
  publish
  say "Written to $output in $((SECONDS - begin)) s: lab-report.md, and the four pages that it refers to"
  [ $unfulfilled = no ] || exit 2
}

# Sets $phases.
check_arguments() {
  local phase
  phases=("${arguments[@]}")
  for phase in "${phases[@]}"; do
    [[ " $all_phases " == *" $phase "* ]] || die "there is no phase \"$phase\"; phases: $all_phases"
  done
  if $from_data; then
    [ ${#phases[@]} = 0 ] || die "--from-data plays no phases; see --help"
  elif [ ${#phases[@]} = 0 ]; then
    read -ra phases <<<"$all_phases"
  fi
  # The services are built from another directory.
  [[ $output == /* ]] || output=$PWD/$output
}

# ---- the phases ----------------------------------------------------------------------------------

play_baseline() {
  in_step "baseline: calls with and without resilience" measure_baseline
}

play_breaker() {
  in_step "breaker: one cycle of the circuit" in_lab breaker collect breaker --output "$(data breaker)"
}

play_retry() {
  in_step "retry: throttled calls, and a herd of 100" measure_retries
}

play_chaos() {
  local journals=$work_dir/journals
  local -a command=(env BIN_DIR="$bin_dir" "$repo_root/scripts/run-chaos.sh" --local --journals "$journals")
  may_fail=yes in_step "chaos: all experiments" "${command[@]}"
  if ((status != 0)); then
    # What was not fulfilled belongs into the report; what was not played cannot be in it.
    (($(find "$journals" -name verdict.json 2>/dev/null | wc -l) == $("${command[@]}" --list | wc -l))) ||
      die "not all experiments could be played"
    complain "Some experiments are not fulfilled; the report says which, and why"
    unfulfilled=yes
  fi
  run_job python3 -m resilience_lab.report.collect chaos --journals "$journals" --output "$work_dir/report/data"
}

# The settings are asked of the same lab: they are those of all that is not said to have others.
#
# shellcheck disable=SC2317,SC2329  # called through in_step
measure_baseline() {
  in_lab baseline collect machine --output "$(data machine)" &&
    in_lab baseline collect baseline --output "$(data baseline)"
}

# Side by side, each in a lab of its own: they wait more than they work.
#
# shellcheck disable=SC2317,SC2329  # called through in_step
measure_retries() {
  local id failed=0
  local -a started=()
  outlive_children
  in_lab retry collect retry --output "$(data retry)" & started+=($!)
  measure_herd none RETRY_JITTER=0 & started+=($!)
  measure_herd default & started+=($!)
  measure_herd full RETRY_JITTER=1 & started+=($!)
  measure_herd wide RETRY_JITTER=1 RETRY_BASE_DELAY=2 & started+=($!)
  for id in "${started[@]}"; do
    wait "$id" || failed=1
  done
  return $failed
}

# measure_herd NAME [VARIABLE=VALUE...]: with these settings of the client.
#
# shellcheck disable=SC2317,SC2329  # called through in_step
measure_herd() {
  local name=$1
  shift
  local -a settings=("${@/#/--set=client-service:}")
  in_lab "herd-$name" collect herd --name "$name" --output "$(data "herd-$name")"
}

# in_lab NAME collect ARGUMENT...: a phase's command, in a lab of its own, with $settings.
in_lab() {
  local name=$1
  shift 2
  outlive_children
  python3 -m resilience_lab.local --bin-dir "$bin_dir" --logs "$work_dir/logs/$name" "${settings[@]}" -- \
    python3 -m resilience_lab.report.collect "$@"
}

# A signal reaches all of a job; the job has ended when the last of it has cleaned up, not the first.
outlive_children() {
  trap 'wait; exit 143' TERM
}

data() {
  say "$work_dir/report/data/$1.json"
}

# ---- steps ---------------------------------------------------------------------------------------

# prepare TITLE FUNCTION ARGUMENT...: a step that runs in this shell, because it sets variables.
prepare() {
  local title=$1 since=$SECONDS
  shift
  step=$((step + 1))
  "$@"
  say "[$step/$steps] $title: $((SECONDS - since)) s"
}

# in_step TITLE COMMAND ARGUMENT...: runs it, and says how long it takes; shows what it said if it
# fails, and dies then, unless it may_fail.
in_step() {
  local title=$1 since=$SECONDS said=$work_dir/logs/said
  shift
  step=$((step + 1))
  [ -t 1 ] || say "[$step/$steps] $title ..."
  start_job "$@" >"$said" 2>&1
  while is_running "$job"; do
    show_live "[$step/$steps] $title ... $((SECONDS - since)) s"
    sleep 0.5
  done
  reap "$job"
  show_live ''
  if ((status != 0)); then
    show_end_of_log "$said"
    [ "${may_fail:-no}" = yes ] || die "that failed (exit status $status); the end of its output is above"
  fi
  say "[$step/$steps] $title: $((SECONDS - since)) s"
}

# What is not measured anew is taken from the report that is there.
take_old_data() {
  local file
  [[ " ${phases[*]} " != " $all_phases " ]] || return 0
  [ -e "$output/data/machine.json" ] || die "there is no data in $output/data: play all phases first"
  for file in "$output"/data/*.json; do
    cp "$file" "$work_dir/report/data/"
  done
}

# The new report in place of the old one. From here on there is no way back.
publish() {
  trap '' HUP INT TERM
  mkdir -p "$output/data" "$output/figures"
  # An experiment of another name leaves no page, so it must leave no figure.
  rm -f "$output"/data/chaos-*.json "$output"/figures/chaos-*.svg
  mv "$work_dir"/report/data/*.json "$output/data/"
  mv "$work_dir"/report/figures/*.svg "$output/figures/"
  mv "$work_dir"/report/*.md "$output/"
}

main "$@"
