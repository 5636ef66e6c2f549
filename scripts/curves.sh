#!/usr/bin/env bash
# Measures how soon each trip opens the circuit, and what each optional policy buys. Makes data, figures and tables of
# docs/trips.md and docs/experiments.md from it.
#
# Usage: scripts/curves.sh [OPTION...]
#
#   --from-data         measures nothing: makes figures and tables from the CSV files in DIRECTORY/data
#   --output DIRECTORY  where trips.md and experiments.md are (default: docs in the repository)
#   --help              this text
#
# It writes into DIRECTORY: data/trips.csv and data/policies-*.csv, figures/trips-*.svg and figures/policies-*.svg, and
# the tables between their marks in trips.md and experiments.md.
# The measuring programs are actors/runtime/examples/trip_curves and actors/runtime/examples/policies. They run on a
# clock of their own with seeded random numbers, so that they write the same data on every machine.
#
# Needs Python 3.11 or later. Packages go into a virtual environment below target/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

experiments=(adaptive coalesce hedging probes quiet-period retry-storm stale throttle)

main() {
  local name
  output=$repo_root/docs
  from_data=false
  read_arguments --from-data --output= -- "$@"
  [[ $output == /* ]] || output=$PWD/$output
  for name in trips experiments; do
    [ -e "$output/$name.md" ] || die "there is no $output/$name.md"
  done

  clean_up_at_exit
  make_work_dir
  export MPLCONFIGDIR=$work_dir/matplotlib
  $from_data || measure
  provide_python_tools report \
    "$repo_root/chaos-experiments/chaostoolkit-requirements.txt" "$repo_root/scripts/lab-report-requirements.txt"
  export PYTHONPATH=$repo_root/chaos-experiments
  run_job python3 -m resilience_lab.report.curves "$output"
  say "Written to $output: trips.md, experiments.md, figures/trips-*.svg and figures/policies-*.svg"
}

measure() {
  local since=$SECONDS name
  need_cargo
  cd "$repo_root"
  run_job cargo build --release --locked -p resilience-actors --example trip_curves --example policies
  mkdir -p "$output/data"
  say "Measuring ..."
  measure_one trips trip_curves
  for name in "${experiments[@]}"; do
    measure_one "policies-$name" policies "$name"
  done
  say "Measured in $((SECONDS - since)) s"
}

# Runs example $2 with the arguments after it, and writes data/$1.csv.
measure_one() {
  run_job "$(target_dir)/release/examples/$2" "${@:3}" --csv >"$work_dir/$1.csv"
  mv "$work_dir/$1.csv" "$output/data/$1.csv"
}

main "$@"
