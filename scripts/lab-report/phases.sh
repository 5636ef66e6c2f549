# shellcheck shell=bash disable=SC2034,SC2154,SC2317,SC2329  # variables of lab-report.sh, which calls functions by name
# The phases of the lab report. Sourced by lab-report.sh.

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
    # The report includes experiments that were not fulfilled, but not those that did not run.
    (($(find "$journals" -name verdict.json 2>/dev/null | wc -l) == $("${command[@]}" --list | wc -l))) ||
      die "not all experiments could be played"
    complain "Some experiments are not fulfilled; the report says which, and why"
    unfulfilled=yes
  fi
  run_job python3 -m resilience_lab.report.collect chaos --journals "$journals" --output "$work_dir/report/data"
}

# The settings come from the same lab. They apply to all phases that do not name others.
measure_baseline() {
  in_lab baseline collect machine --output "$(data machine)" &&
    in_lab baseline collect baseline --output "$(data baseline)"
}

# In parallel, each in its own lab: they mostly wait.
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

# measure_herd NAME [VARIABLE=VALUE...]: runs the herd phase with these settings of the client.
measure_herd() {
  local name=$1
  shift
  local -a settings=("${@/#/--set=client-service:}")
  in_lab "herd-$name" collect herd --name "$name" --output "$(data "herd-$name")"
}

# in_lab NAME collect ARGUMENT...: runs a phase's command in its own lab, with $settings.
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
