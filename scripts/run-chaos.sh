#!/usr/bin/env bash
# Runs the chaos experiments, judges each by its journal, and prints the verdicts.
#
# Usage: scripts/run-chaos.sh [OPTION...] [EXPERIMENT...]
#
# An EXPERIMENT is a file of chaos-experiments/, such as pod-failure. Without one, all are run, one after the
# other. They run against the lab on the cluster of kubectl's current context.
#
#   --local                runs them without a cluster, on this machine, each in its own lab: pods are
#                          processes in network namespaces, and the lab has its own API server. Linux only;
#                          needs ip, nft, and either root or unprivileged user namespaces. It leaves nothing
#                          behind.
#   --set APP:NAME=VALUE   with --local: an environment variable of a service's pods, such as
#                          client-service:BREAKER_FAIL_MAX=10; can be given more than once
#   --journals DIRECTORY   directory of the results: journal.json (Chaos Toolkit's), record.json (what users
#                          saw), verdict.json, the logs (default: .run/chaos in the repository)
#   --list                 lists the experiments
#   --help                 this text
#
# Environment:
#   CLIENT_URL    URL of the client on the cluster (default http://localhost:30080)
#   ADMIN_TOKEN   the client's admin token, if it has one
#   BIN_DIR       with --local: use the binaries there, instead of building them
#
# Needs Python 3.11 or later. Chaos Toolkit is installed into a virtual environment below target/.
# Exit status: 0 if all experiments were fulfilled, 1 if one was not.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  # First: until then, an interrupt that comes while a command runs is lost.
  clean_up_at_exit
  local=false
  list=false
  set=()
  journals=$repo_root/.run/chaos
  arguments=()
  read_arguments --local --list --set=... --journals= ... -- "$@"
  experiments=$repo_root/chaos-experiments
  if $list; then
    list_experiments
    exit
  fi
  check_arguments

  if $local; then
    # Before the build, which takes long.
    need_namespaces
    provide_services
  else
    need_lab
  fi
  provide_python_tools chaos "$experiments/chaostoolkit-requirements.txt"
  mkdir -p "$journals" 2>/dev/null || die "cannot make the directory $journals"
  journals=$(CDPATH='' cd -- "$journals" && pwd)

  failures=0
  summary=''
  for experiment in "${chosen[@]}"; do
    run_experiment "$experiment"
  done
  printf '%-20s %-14s %7s\n%s' experiment verdict seconds "$summary"
  say "Journals, records and logs: $journals"
  ((failures == 0)) || die "$failures of ${#chosen[@]} experiments not fulfilled"
}

list_experiments() {
  local file
  for file in "$experiments"/*.yaml; do
    basename "$file" .yaml
  done
}

# Sets $chosen and $settings.
check_arguments() {
  local name setting
  settings=()
  for setting in "${set[@]}"; do
    [[ $setting =~ ^(backend|client)-service:[A-Za-z_][A-Za-z0-9_]*= ]] ||
      die "--set \"$setting\" is not valid: expected something like client-service:BREAKER_FAIL_MAX=10"
    settings+=(--set "$setting")
  done
  chosen=()
  for name in "${arguments[@]}"; do
    name=$(basename "$name" .yaml)
    [ -f "$experiments/$name.yaml" ] ||
      die "there is no experiment \"$name\"; experiments: $(list_experiments | paste -s -d ' ' -)"
    chosen+=("$name")
  done
  [ ${#chosen[@]} -gt 0 ] || mapfile -t chosen < <(list_experiments)
  $local || [ ${#settings[@]} = 0 ] || die "--set is for --local: on a cluster, change deploy/"
}

need_namespaces() {
  local tool
  [ "$(uname -s)" = Linux ] || die "--local needs Linux: elsewhere, run the experiments against a cluster"
  for tool in unshare nsenter setpriv mount ip nft; do
    need $tool "install util-linux, mount, iproute2 and nftables with your system's package manager"
  done
}

need_lab() {
  need_cluster
  in_namespace get deployment client-service backend-service >/dev/null 2>&1 ||
    die "the lab is not deployed to context $context: run scripts/deploy.sh, or give --local"
}

# run_experiment NAME: runs it, judges it, and adds a line to $summary.
run_experiment() {
  local name=$1 dir=$journals/$1 begin=$SECONDS verdict
  local -a command=(chaos --no-version-check --log-file "$dir/chaos.log"
    run --journal-path "$dir/journal.json" "$name.yaml")
  { rm -rf -- "$dir" && mkdir -p "$dir"; } 2>/dev/null || die "cannot make $dir anew"
  if $local; then
    say "=== $name (local)"
    command=(python3 -m resilience_lab.local --bin-dir "$bin_dir" --logs "$dir/logs" "${settings[@]}" -- "${command[@]}")
  else
    say "=== $name (cluster)"
  fi
  cd "$experiments"
  start_job env LAB_RECORD="$dir/record.json" "${command[@]}"
  # Its exit status adds nothing to the journal, unless there is none.
  reap "$job"
  start_job python3 -m resilience_lab.verdict "$dir"
  reap "$job"
  case $status in
    0) verdict=fulfilled ;;
    1) verdict='NOT FULFILLED' ;;
    *) verdict='did not run' ;;
  esac
  ((status == 0)) || failures=$((failures + 1))
  printf -v summary '%s%-20s %-14s %7d\n' "$summary" "$name" "$verdict" $((SECONDS - begin))
  say ''
}

main "$@"
