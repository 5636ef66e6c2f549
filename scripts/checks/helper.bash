# shellcheck shell=bash
# Functions that the tests of scripts (*.bats) share: they make a stage, run a script on it, and check its output and
# its calls. bats runs each test in its own process.

# shellcheck source=scripts/checks/lib.sh
source "$BATS_TEST_DIRNAME/lib.sh"
# shellcheck source=scripts/checks/fakes.bash
source "$BATS_TEST_DIRNAME/fakes.bash"
# Seconds with a decimal point.
export LC_ALL=C

# ---- before and after each test ------------------------------------------------------------------

# Runs once for each file of tests, so that its tests can start the lab.
setup_file() {
  make_stage
  provide_services >"$BATS_FILE_TMPDIR/build" 2>&1
  export SERVICES_DIR=$bin_dir
}

setup() {
  use_stage
}

teardown() {
  end_jobs
  [ -z "${BATS_TEST_COMPLETED:-}" ] || [ -z "$(ls -A "$work_dir/tmp")" ] || fail "left behind: $(ls -A "$work_dir/tmp")"
}

# A copy of the scripts in a repository of its own, so that no test changes the real one, and a PATH with ordinary
# tools only.
make_stage() {
  local tool stage=$BATS_FILE_TMPDIR/stage tools=$BATS_FILE_TMPDIR/tools
  mkdir -p "$stage"/{deploy/overlays/production,deploy/base,backend,client} "$tools"
  cp -R "$repo_root/scripts" "$stage/"
  ln -s "$repo_root/chaos-experiments" "$stage/chaos-experiments"
  touch "$stage"/deploy/{base,overlays/production}/kustomization.yaml "$stage"/{backend,client}/Dockerfile
  printf '[workspace.package]\nversion = "1.2.3"\n' >"$stage/Cargo.toml"
  for tool in bash sh env cat cp mv rm mkdir mkfifo mktemp touch dirname head tail cut tr sort uniq wc sed grep awk \
    date sleep uname curl jq kill basename paste renice nice cmp; do
    ln -s "$(type -P "$tool")" "$tools/$tool"
  done
}

# Starts without fakes, without recorded calls, and without variables of this machine that a script reads.
use_stage() {
  unset BIN_DIR BUILDER IMAGE_TAG PREBUILT BASE_URL BACKEND_URL PARTS CALLS ADMIN_TOKEN ENDPOINT REQUESTS CONCURRENCY \
    TIME_LIMIT TIMEOUT LOG_DIR CLIENT_PORT KUBECONFIG DOCKER_HOST NO_COLOR
  stage=$BATS_FILE_TMPDIR/stage
  tools=$BATS_FILE_TMPDIR/tools
  work_dir=$BATS_TEST_TMPDIR
  bin_dir=${SERVICES_DIR:-}
  shown=$work_dir/shown
  calls=$work_dir/calls
  mkdir "$work_dir"/{fakes,fakes2,tmp}
  : >"$calls"
  : >"$shown"
  cd "$stage" || exit
}

# ---- running a script ----------------------------------------------------------------------------

# play [VARIABLE=VALUE...] SCRIPT [ARGUMENT...]: runs the stage's script with the fakes; sets $status, and fills the
# file $shown with the output.
play() {
  start_play "$@"
  reap "$job"
}

start_play() {
  start_job env PATH="$stage/scripts:$work_dir/fakes:$work_dir/fakes2:$tools" TMPDIR="$work_dir/tmp" "$@" \
    >"$shown" 2>&1
}

# Sends SIGINT to the script alone, as Ctrl-C does, and sets $status.
interrupt_play() {
  kill -s INT "$job"
  reap "$job"
}

# ---- what is expected ----------------------------------------------------------------------------

fail() {
  complain "$*"
  explain_wait
  return 1
}

explain_wait() {
  complain "--- the output:"
  sed 's/^/  | /' "$shown" >&2
  complain "--- the calls of fakes:"
  sed 's/^/  | /' "$calls" >&2
}

expect_status() {
  ((status == $1)) || fail "exit status $status, expected $1"
}

# expect TEXT: the output contains the text.
expect() {
  grep -qF -- "$1" "$shown" || fail "the output has no \"$1\""
}

expect_not() {
  ! grep -qF -- "$1" "$shown" || fail "the output has \"$1\""
}

# expect_line PATTERN: a whole line of the output matches the extended regular expression.
expect_line() {
  grep -qxE -- "$1" "$shown" || fail "no line of the output matches \"$1\""
}

# expect_last_line BEGIN: the last line of the output begins with BEGIN.
expect_last_line() {
  [[ $(tail -n 1 "$shown") == "$1"* ]] || fail "the last line does not begin with \"$1\""
}

# expect_soon TEXT [FILE]: the output, or another file, contains the text within 15 seconds.
expect_soon() {
  await "\"$1\" in ${2:-the output}" 15 grep -qF -- "$1" "${2:-$shown}"
}

# expect_refusal TEXT: the output is one line that contains the text, and the exit status is 1.
expect_refusal() {
  expect_status 1
  (($(wc -l <"$shown") == 1)) || fail "expected one line"
  expect_last_line 'error: '
  expect "$1"
}

# expect_call CALL: a fake was called with exactly these arguments.
expect_call() {
  grep -qxF -- "$1" "$calls" || fail "no call \"$1\""
}

# expect_call_like PATTERN: a whole call matches the regular expression.
expect_call_like() {
  grep -qx -- "$1" "$calls" || fail "no call matches \"$1\""
}

# expect_no_call BEGIN: no call begins with BEGIN.
expect_no_call() {
  ! grep -q -- "^$1" "$calls" || fail "there is a call \"$1\""
}

has_ended() {
  ! is_running "$1"
}
