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

package=$repo_root/scripts/dashboard-check

main() {
  local screenshots='' chromium
  read_arguments --screenshots= -- "$@"
  if [ -n "$screenshots" ]; then
    mkdir -p -- "$screenshots" || die "cannot make the directory $screenshots"
    screenshots=$(CDPATH='' cd -- "$screenshots" && pwd)
  fi
  chromium=${CHROMIUM:-chromium}
  need "$chromium" "install Debian's package chromium, or set CHROMIUM"
  chromium=$(command -v "$chromium")
  clean_up_at_exit
  make_work_dir
  provide_services
  provide_python_tools dashboard "$package/requirements.txt"

  # Playwright leaves no files, and downloads no browser.
  export TMPDIR=$work_dir PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 PYTHONDONTWRITEBYTECODE=1
  # Ctrl-C and the end of the script reach it, and with it the services and the browser.
  run_job python3 -m pytest -vv "$package" --bin-dir "$bin_dir" --chromium "$chromium" \
    ${screenshots:+--screenshots "$screenshots"}
  say "dashboard: all as it should be"
}

main "$@"
