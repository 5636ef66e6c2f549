# shellcheck shell=bats disable=SC2154  # variables of helper.bash
# lab-report.sh, on a fake of Python that writes an empty report. check.sh report compares the real one with the
# documents, and check.sh chaos plays the experiments.

load helper

setup_file() {
  make_stage
}

setup() {
  use_stage
  export CARGO_TARGET_DIR=$work_dir/target
  data=$work_dir/docs/data
}

@test "--help shows the usage and the phases" {
  play lab-report.sh --help
  expect_status 0
  expect 'Usage: scripts/lab-report.sh [OPTION...] [PHASE...]'
  expect '  breaker '
}

@test "an unknown phase, an unknown option or a missing value is a one-line error" {
  play lab-report.sh breakers
  expect_refusal 'there is no phase "breakers"; phases: baseline breaker retry chaos'
  play lab-report.sh --all
  expect_refusal 'unknown argument "--all"'
  play lab-report.sh --output
  expect_refusal '--output needs a value'
  play lab-report.sh --from-data retry
  expect_refusal '--from-data plays no phases'
}

@test "--from-data without data is a one-line error, and leaves nothing" {
  play lab-report.sh --from-data --output "$work_dir/docs"
  expect_refusal "there is no data in $data: play all phases first"
  [ -z "$(compgen -G "$work_dir/.lab-report.*")" ] || fail "a directory is left"
}

@test "the report is written beside the data of other measurements, which may change meanwhile" {
  mkdir -p "$data"
  for name in machine retry herd-none chaos-pod-kill ejection performance; do
    echo old >"$data/$name.json"
  done
  fake_python <<END
if [[ "\$*" == *report.render* ]]; then
  (cd "\$4" && echo *) >'$work_dir/taken'
  echo new >'$data/ejection.json'
  mkdir "\$6/figures"
  touch "\$6/lab-report.md" "\$6/figures/retry.svg"
fi
END
  cd "$work_dir"
  play lab-report.sh --from-data --output docs
  expect_status 0
  expect_last_line "Written to $work_dir/docs "
  [ "$(cat "$work_dir/taken")" = 'chaos-pod-kill.json herd-none.json machine.json retry.json' ] ||
    fail "it takes $(cat "$work_dir/taken")"
  [ "$(cat "$data/ejection.json")" = new ] || fail "it puts old data back"
  [ -e docs/lab-report.md ] && [ -e docs/figures/retry.svg ] || fail "it writes no report"
}
