#!/usr/bin/env bash
# Measures how soon each trip opens the circuit, and makes data, figures and tables of docs/trips.md from it.
#
# Usage: scripts/trip-curves.sh [OPTION...]
#
#   --from-data         measures nothing: makes figures and tables from DIRECTORY/data/trips.csv
#   --output DIRECTORY  where trips.md is (default: docs in the repository)
#   --help              this text
#
# It writes into DIRECTORY: data/trips.csv, figures/trips-*.svg, and the tables between their marks in trips.md.
# The measuring program is actors/runtime/examples/trip_curves. It runs on a clock of its own with seeded random
# numbers, so that it writes the same data on every machine.
#
# Needs Python 3.11 or later. Packages go into a virtual environment below target/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  output=$repo_root/docs
  from_data=false
  read_arguments --from-data --output= -- "$@"
  [[ $output == /* ]] || output=$PWD/$output
  [ -e "$output/trips.md" ] || die "there is no $output/trips.md"

  clean_up_at_exit
  make_work_dir
  export MPLCONFIGDIR=$work_dir/matplotlib
  $from_data || measure
  provide_python_tools report \
    "$repo_root/chaos-experiments/chaostoolkit-requirements.txt" "$repo_root/scripts/lab-report-requirements.txt"
  PYTHONPATH=$repo_root/chaos-experiments \
    run_job python3 -m resilience_lab.report.trips --data "$output/data/trips.csv" --output "$output"
  say "Written to $output: trips.md and figures/trips-*.svg"
}

measure() {
  local since=$SECONDS
  need_cargo
  cd "$repo_root"
  run_job cargo build --release --locked -p resilience-actors --example trip_curves
  say "Measuring ..."
  run_job "$(target_dir)/release/examples/trip_curves" --csv >"$work_dir/trips.csv"
  mkdir -p "$output/data"
  mv "$work_dir/trips.csv" "$output/data/trips.csv"
  say "Measured in $((SECONDS - since)) s"
}

main "$@"
