#!/usr/bin/env bash
# Checks both services against the OpenAPI documents that they serve, with schemathesis: it makes up valid and invalid
# requests for each endpoint, and looks at status, headers and body of each answer.
#
# Usage: scripts/checks/openapi.sh [--help | --seed NUMBER]
#
#   --seed NUMBER  make up other requests (default 1)
#
# Environment:
#   BIN_DIR  use the binaries there, instead of building them
#
# Needs: python3 with venv. The packages in scripts/checks/openapi/requirements.txt are installed from PyPI, below
# cargo's target directory. Everything listens on free ports of 127.0.0.1. It takes about half a minute.
set -euo pipefail
# shellcheck source=scripts/checks/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

package=$repo_root/scripts/checks/openapi
export ADMIN_TOKEN=openapi-check

main() {
  seed=1
  read_arguments --seed= -- "$@"
  clean_up_at_exit
  make_work_dir
  provide_services
  provide_python_tools openapi "$package/requirements.txt"
  export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$package

  start_backend 0 FAILURE_RATE=0.1 SLOW_RESPONSE_DELAY=0.01
  printf '[upstreams.backend]\nurl = "%s"\n' "$backend_url" >"$work_dir/upstreams.toml"
  # A plan of the backend can make it slow or hang.
  start_client 0 CONFIG="$work_dir/upstreams.toml" \
    RETRY_BASE_DELAY=0.001 RETRY_MAX_ATTEMPTS=2 CONNECT_TIMEOUT=0.2 ATTEMPT_TIMEOUT=0.2 CALL_DEADLINE=1

  cd "$work_dir"
  ask "$backend_url" --exclude-path /api/faults
  ask "$client_url"
  # Last, because a plan can make other requests slow.
  ask "$backend_url" --include-path /api/faults
  say "ok: openapi"
}

# ask URL [OPTION...]
ask() {
  say "--- $*"
  run_job st --config-file "$package/schemathesis.toml" run "$1/openapi.json" --checks all --seed "$seed" \
    --no-color "${@:2}"
}

main "$@"
