# shellcheck shell=bash disable=SC2154  # variables of lib.sh and its other parts
# Tools, ports and the clock. Sourced by lib.sh.

# need TOOL [HOW_TO_GET_IT]: dies unless the tool is on the PATH.
need() {
  command -v "$1" >/dev/null 2>&1 || die "$1 not found: ${2:-install it with the system package manager}"
}

need_cargo() {
  need cargo "install Rust from https://rustup.rs (after that, open a new shell)"
  cargo --version >/dev/null 2>&1 || die "cargo does not work: $(cargo --version 2>&1 | head -n 1)"
}

need_kubectl() {
  need kubectl "see https://kubernetes.io/docs/tasks/tools"
}

# Python keeps compiled modules below target/, not beside their source.
need_python() {
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX=${CARGO_TARGET_DIR:-$repo_root/target}/pycache
  need python3 "install Python 3.11 or later"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$(python3 --version) is too old: expected 3.11 or later"
}

# Bash with EPOCHREALTIME.
need_bash_5() {
  [ -n "${EPOCHREALTIME:-}" ] || die "bash $BASH_VERSION is too old: expected 5.0 or later"
}

# provide_python_tools NAME REQUIREMENTS...: puts a virtual environment with the packages of these files first on the
# PATH. It is below target/, and is made again when a file changes.
provide_python_tools() {
  local dir=${CARGO_TARGET_DIR:-$repo_root/target}/tools-$1
  shift
  need_python
  if ! cat "$@" | cmp --silent - "$dir/installed"; then
    say "Installing the packages of ${*#"$repo_root"/} from PyPI ..."
    run_job python3 -m venv --clear "$dir"
    # pip resolves the paths in the files from here.
    cd "$repo_root" || die "cannot enter $repo_root"
    # Compiling all modules takes longer than the installation, and few of them are used.
    run_job "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --prefer-binary --no-compile \
      "${@/#/--requirement=}"
    cat "$@" >"$dir/installed"
  fi
  PATH=$dir/bin:$PATH
}

# unpack_package DEBIAN_PACKAGE DIRECTORY: for a program whose package would also start a service. Uses $work_dir.
unpack_package() {
  (
    cd "$work_dir" || exit
    apt-get download -qq "$1" 2>/dev/null || { apt-get update -qq && apt-get download -qq "$1"; }
    dpkg --extract "$1"_*.deb "$2"
  )
}

# True if nothing listens on a port of 127.0.0.1.
port_is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints a free port below the range from which the system chooses by itself.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 10000))
    port_is_free "$port" && say "$port" && return
  done
  die "no free port found"
}

# Seconds since 1970, with a fraction from bash 5.0 on.
clock() {
  say "${EPOCHREALTIME:-$(date +%s)}"
}
