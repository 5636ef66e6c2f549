# shellcheck shell=bats disable=SC2154  # variables of helper.bash
# curves.sh, on a fake of Python. check.sh report compares what it writes with the documents.

load helper

setup_file() {
  make_stage
}

setup() {
  use_stage
  export CARGO_TARGET_DIR=$work_dir/target
}

make_documents() {
  mkdir "$work_dir/docs"
  touch "$work_dir"/docs/{trips,experiments}.md
}

@test "--help shows the usage and the options" {
  play curves.sh --help
  expect_status 0
  expect 'Usage: scripts/curves.sh [OPTION...]'
  expect '--from-data'
}

@test "an unknown option, an argument or a missing value is a one-line error" {
  play curves.sh --measure
  expect_refusal 'unknown argument "--measure"'
  play curves.sh trips
  expect_refusal 'unknown argument "trips"'
  play curves.sh --output
  expect_refusal '--output needs a value'
}

@test "a directory without the documents is a one-line error" {
  play curves.sh --from-data --output "$work_dir/nowhere"
  expect_refusal "there is no $work_dir/nowhere/trips.md"
}

@test "measuring needs cargo" {
  make_documents
  play curves.sh --output "$work_dir/docs"
  expect_refusal 'cargo not found'
}

@test "--from-data measures nothing; a relative directory is one of the caller's" {
  make_documents
  fake_python </dev/null
  cd "$work_dir"
  play curves.sh --from-data --output docs
  expect_status 0
  expect_call "python3 -m resilience_lab.report.curves $work_dir/docs"
  expect_last_line "Written to $work_dir/docs: "
}
