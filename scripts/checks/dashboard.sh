#!/usr/bin/env bash
# Uses the dashboard as its users do, in a headless Chromium, with a backend and a client of its own:
# state changes appear within 500 ms, each control does what it says, a lost connection is told and
# comes back, the page can be used with a keyboard and a screen reader, and the console stays clean.
#
# Usage: scripts/checks/dashboard.sh [--help] [--screenshots DIRECTORY]
#
#   --screenshots DIRECTORY  keep pictures of the page there: at 360, 1280 and 1920 px, light and dark,
#                            with the circuit closed, open and half-open, and the connection lost
#
# Environment:
#   BIN_DIR   take the binaries that are there, instead of building them
#   CHROMIUM  the browser; otherwise chromium, from the PATH
#
# Needs: cargo, Chromium (Debian's package chromium), python3 with venv. What
# scripts/dashboard-check/requirements.txt names is installed from PyPI, below cargo's target directory.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

checks=$repo_root/scripts/dashboard-check

main() {
  local screenshots='' chromium
  while (($# > 0)); do
    case $1 in
      -h | --help) print_help && exit 0 ;;
      --screenshots)
        [ -n "${2:-}" ] || die "--screenshots needs a directory"
        mkdir -p -- "$2" || die "cannot make the directory $2"
        screenshots=$(CDPATH='' cd -- "$2" && pwd)
        shift
        ;;
      *) die "unknown argument \"$1\"; see --help" ;;
    esac
    shift
  done
  chromium=${CHROMIUM:-chromium}
  need "$chromium" "install Debian's package chromium, or set CHROMIUM"
  chromium=$(command -v "$chromium")
  need python3 "install it with your system's package manager"
  clean_up_at_exit
  make_work_dir
  provide_services
  provide_python

  # Playwright is to leave nothing behind, and to ask nobody for a browser.
  export TMPDIR=$work_dir PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 PYTHONDONTWRITEBYTECODE=1
  # Ctrl-C and the end of the script reach it, and with it the services and the browser.
  run "$tools/bin/python" -m pytest -vv "$checks" --bin-dir "$bin_dir" --chromium "$chromium" \
    ${screenshots:+--screenshots "$screenshots"}
  say "dashboard: all as it should be"
}

# Sets $tools to a virtual environment with what requirements.txt names.
provide_python() {
  need_cargo
  tools=$(cd "$repo_root" && target_dir)/tools-dashboard
  cmp --silent "$checks/requirements.txt" "$tools/installed" && return
  say "Installing what scripts/dashboard-check/requirements.txt names from PyPI"
  mkdir -p "${tools%/*}"
  python3 -m venv --clear "$tools" >/dev/null || die "python3 cannot make a virtual environment: install its venv module (python3-venv)"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    --requirement "$checks/requirements.txt" || die "what $checks/requirements.txt names could not be installed"
  cp "$checks/requirements.txt" "$tools/installed"
}

main "$@"
