#!/usr/bin/env bash
# Tests the dashboard in a headless Chromium, with its own backend and client: state changes appear within
# 500 ms, each control has its effect, a lost connection is shown and restored, the page can be used with a
# keyboard and a screen reader, and the console has no errors.
#
# Usage: scripts/checks/dashboard.sh [--help] [--screenshots DIRECTORY]
#
#   --screenshots DIRECTORY  write screenshots there: at 360, 1280 and 1920 px, light and dark, with the
#                            circuit closed, open and half-open, and with a lost connection
#
# Environment:
#   BIN_DIR   use the binaries there, instead of building them
#   CHROMIUM  the browser; otherwise chromium, from the PATH
#
# Needs: cargo, Chromium (Debian's package chromium), python3 with venv. The packages in
# scripts/checks/dashboard/requirements.txt are installed from PyPI, below cargo's target directory.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

package=$repo_root/scripts/checks/dashboard

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
  export TMPDIR=$work_dir PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1
  # A job, so that Ctrl-C and the end of the script also end it, the services and the browser.
  run_job python3 -m pytest -vv "$package" --bin-dir "$bin_dir" --chromium "$chromium" \
    ${screenshots:+--screenshots "$screenshots"}
  say "ok: dashboard"
}

main "$@"
