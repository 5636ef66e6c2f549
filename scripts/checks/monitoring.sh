#!/usr/bin/env bash
# Checks deploy/monitoring with a real Prometheus, which scrapes both services during faults, an outage, recovery,
# flapping, the manual modes and overload, and a gateway all of whose policies have something to do:
#
#   - promtool accepts the metrics of both services, the rules, their unit tests and the configuration
#   - prometheus.yaml finds the annotated pods, and only these, with the labels that alerts and dashboards need
#   - no alert fires in normal operation, and each fires in its failure (ActorMailboxBacklog: in the unit tests only)
#   - each query and variable of the dashboard, alert expression without its threshold, recording rule, and query of
#     resilience4j's own dashboard returns data
#   - the scrapes are as small as deploy/README.md says, and callers cannot make series
#
# The rules run twice: as they are, and sixty times as fast, with seconds in place of the minutes of alerts.yaml; the
# services have times to match. Prometheus gets the pods as a list, with the labels that Kubernetes' discovery would
# give them and the annotations of deploy/. All else of prometheus.yaml is used as it is.
#
# Usage: scripts/checks/monitoring.sh [--help | --make-rule]
#
#   --make-rule  prints deploy/monitoring/prometheusrule.yaml, which is alerts.yaml for the operator
#
# Environment:
#   BIN_DIR  use the binaries there, instead of building them
#
# Needs: prometheus and promtool 2.42 or later (Debian's package prometheus; its service need not run), python3 with
# venv. The packages in scripts/checks/requirements.txt are installed from PyPI, below cargo's target directory.
# Everything listens on free ports of 127.0.0.1. It takes about two minutes.

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

main() {
  local make_rule=false package=$repo_root/scripts/checks/monitoring
  read_arguments --make-rule -- "$@"
  need_python
  if $make_rule; then
    exec python3 "$package/rules.py"
  fi
  need promtool "install Debian's package prometheus, or https://prometheus.io/download"
  need prometheus "install Debian's package prometheus, or https://prometheus.io/download"
  clean_up_at_exit
  make_work_dir
  provide_services
  provide_python_tools python "$repo_root/scripts/checks/requirements.txt"
  export TMPDIR=$work_dir
  # Each test continues from the state that the previous one left.
  run_job python3 -m pytest --verbose --exitfirst "$package" --bin-dir "$bin_dir"
  say "ok: monitoring"
}

main "$@"
