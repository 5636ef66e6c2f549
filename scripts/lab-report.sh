#!/usr/bin/env bash
# Runs the whole lab on this machine and writes its report: data, figures, documents.
#
# Usage: scripts/lab-report.sh [OPTION...] [PHASE...]
#
# The phases, in their order:
#   baseline   calls with and without resilience, at the same time, at the lab's fault rates
#   breaker    one cycle of the circuit: opened by a stress test, closed by time and a trial
#   retry      throttled calls, and 100 calls that fail at once, with and without jitter
#   chaos      all chaos experiments
#
# With PHASEs, only these are run; the rest of the report comes from existing data. All phases take about
# seven minutes. Each runs its own labs, as `scripts/run-chaos.sh --local` does: on Linux, as root or with
# unprivileged user namespaces, without a cluster.
#
#   --from-data         runs no phase: writes figures and documents from DIRECTORY/data
#   --output DIRECTORY  directory of the report and of existing data (default: docs in the repository)
#   --help              this text
#
# It writes into DIRECTORY: baseline-observations.md, circuit-breaker-analysis.md, retry-analysis.md,
# chaos-experiments.md, lab-report.md, data/*.json and figures/*.svg. It replaces these files at the end of
# the run. Ctrl-C before that changes nothing.
#
# Environment:
#   BIN_DIR  use the binaries there, instead of building them
#
# Needs Python 3.11 or later. Packages go into a virtual environment below target/.
# Exit status: 0 if the report was written, 1 for an error, 2 if the report was written and an experiment was
# not fulfilled.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/lab-report/phases.sh
source "$repo_root/scripts/lab-report/phases.sh"

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
  # Beside the output, so that files can be replaced by moving them.
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

# ---- steps ---------------------------------------------------------------------------------------

# prepare TITLE FUNCTION ARGUMENT...: a step that runs in this shell, because it sets variables.
prepare() {
  local title=$1 since=$SECONDS
  shift
  step=$((step + 1))
  "$@"
  say "[$step/$steps] $title: $((SECONDS - since)) s"
}

# in_step TITLE COMMAND ARGUMENT...: runs it, and prints how long it took. If it fails, shows the end of its output, and
# dies unless may_fail is set.
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

# Copies the data of the phases that do not run from the old report.
take_old_data() {
  local file
  [[ " ${phases[*]} " != " $all_phases " ]] || return 0
  [ -e "$output/data/machine.json" ] || die "there is no data in $output/data: play all phases first"
  # The files that the report reads. Other measurements keep data there too.
  for file in "$output"/data/{machine,baseline,breaker,retry,herd-*,chaos-*}.json; do
    [ ! -e "$file" ] || cp "$file" "$work_dir/report/data/"
  done
}

# Replaces the old report. Ignores signals, so that it is never half replaced.
publish() {
  trap '' HUP INT TERM
  mkdir -p "$output/data" "$output/figures"
  # Removes the figures and data of renamed experiments.
  rm -f "$output"/data/chaos-*.json "$output"/figures/chaos-*.svg
  mv "$work_dir"/report/data/*.json "$output/data/"
  mv "$work_dir"/report/figures/*.svg "$output/figures/"
  mv "$work_dir"/report/*.md "$output/"
}

main "$@"
