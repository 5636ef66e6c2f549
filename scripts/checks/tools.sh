# shellcheck shell=bash disable=SC2154  # variables of lib.sh and check.sh
# The tools that the stages of check.sh need, installed if the machine lacks them. Sourced by check.sh.

# Ends the stage as skipped: the machine lacks a tool.
readonly skipped=77
skip() {
  say "SKIPPED: $*"
  say "$*" >"$work_dir/$stage.skip"
  exit "$skipped"
}

# one_at_a_time COMMAND...: runs the command under a lock that all stages share.
one_at_a_time() {
  (
    flock 9
    # A service that an installation starts must not keep the lock.
    "$@" 9>&-
  ) 9>"$work_dir/install.lock"
}

# ensure TOOL[=DEBIAN_PACKAGE]...: the package has the tool's name, unless it is given.
ensure() {
  local wanted tool
  for wanted in "$@"; do
    tool=${wanted%%=*}
    command -v "$tool" >/dev/null || one_at_a_time install_packages "${wanted#*=}" ||
      skip "$tool is missing, and could not be installed"
  done
}

install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  say "Installing $*"
  export DEBIAN_FRONTEND=noninteractive
  # dpkg would take over the terminal.
  apt-get update -qq && apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
}

ensure_linker() {
  need_cargo
  command -v cc >/dev/null || one_at_a_time install_packages gcc libc6-dev ||
    skip "a C compiler is missing, and could not be installed"
}

# Debian's package is unpacked, not installed: its service would listen on port 9090 from then on.
ensure_prometheus() {
  local tools
  ! { command -v prometheus && command -v promtool; } >/dev/null || return 0
  tools=$(target_dir)/tools-prometheus
  if [ ! -x "$tools/usr/bin/promtool" ]; then
    say "Unpacking Debian's prometheus"
    mkdir -p "$tools"
    one_at_a_time unpack_package prometheus "$tools" || skip "prometheus is missing, and could not be unpacked"
  fi
  PATH=$tools/usr/bin:$PATH
}

# The Docker engine that runs, or else one for this stage, which ends with it.
ensure_docker() {
  ! docker version >/dev/null 2>&1 || return 0
  [ "$(id -u)" = 0 ] || skip "no Docker engine runs, and starting one needs root"
  if ! command -v dockerd >/dev/null || ! command -v containerd >/dev/null; then
    one_at_a_time install_packages docker.io containerd iptables || skip "no Docker engine could be installed"
  fi
  start_docker
}

# Sets DOCKER_HOST.
start_docker() {
  local dir=$work_dir/engine
  mkdir -p "$dir"
  trap end_jobs EXIT
  trap 'exit 143' TERM
  # shellcheck disable=SC2317,SC2329  # called by await
  explain_wait() {
    skip "no Docker engine starts here: $(tail -n 1 "$dir/log")"
  }
  say "Starting a Docker engine"
  start_job containerd --root "$dir/containerd" --state "$dir/containerd-state" \
    --address "$dir/containerd.sock" >"$dir/log" 2>&1
  await "containerd listens" 60 test -S "$dir/containerd.sock"
  start_job dockerd --host "unix://$dir/docker.sock" --containerd "$dir/containerd.sock" \
    --data-root "$dir/docker" --exec-root "$dir/docker-state" --pidfile "$dir/docker.pid" >>"$dir/log" 2>&1
  export DOCKER_HOST=unix://$dir/docker.sock
  await "dockerd answers" 60 docker_answers
  unset -f explain_wait
}

docker_answers() {
  is_running "$job" || explain_wait
  docker version >/dev/null 2>&1
}

# ensure_component CARGO_SUBCOMMAND COMPONENT
ensure_component() {
  need_cargo
  cargo "$1" --version >/dev/null 2>&1 || rustup component add "$2" || skip "cargo $1 is missing: install $2"
}

# Puts the tools of checks/requirements.txt first on the PATH.
ensure_python_tools() {
  ensure_venv_with python scripts/checks/requirements.txt
}

# The same for what the lab report and the tests of the chaos experiments need.
ensure_report_tools() {
  ensure_venv_with report chaos-experiments/chaostoolkit-requirements.txt scripts/lab-report-requirements.txt
}

# ensure_venv_with NAME REQUIREMENTS...
ensure_venv_with() {
  ensure_venv
  one_at_a_time provide_python_tools "$@" || skip "the packages of ${*:2} could not be installed"
  # The first call was in a shell of its own.
  provide_python_tools "$@"
}

# Debian has the module venv in a package of its own.
ensure_venv() {
  ensure python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || one_at_a_time install_packages python3-venv ||
    skip "the module venv of python3 is missing, and could not be installed"
}

is_script() {
  local first_line
  [[ $1 == *.sh || $1 == *.bash || $1 == *.bats ]] && return
  IFS= read -r first_line <"$1" 2>/dev/null || true
  [[ $first_line =~ ^'#!'.*[/\ ](bash|sh)$ ]]
}
