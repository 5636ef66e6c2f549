# shellcheck shell=bash disable=SC2154  # variables of helper.bash
# Fakes of kubectl, docker and other tools for the tests of scripts. Sourced by helper.bash.

# fake TOOL [DIRECTORY]: creates a tool that records its arguments, then runs the script from standard input.
fake() {
  local file=$work_dir/${2:-fakes}/$1
  {
    say '#!/usr/bin/env bash'
    say "printf '%s\n' \"\${0##*/} \$*\" >>'$calls'"
    cat
  } >"$file"
  chmod +x "$file"
}

# fake_kubectl CONTEXT: a kubectl with this current context. For other calls it runs the script from standard input.
fake_kubectl() {
  {
    say "context=$1"
    # shellcheck disable=SC2016  # for the fake
    say 'if [ "$*" = "config current-context" ]; then
  [ -n "$context" ] && echo "$context" && exit
  echo "error: current-context is not set" >&2
  exit 1
fi'
    cat
  } | fake kubectl
}

# A docker with BuildKit, whose builds succeed.
fake_docker() {
  fake docker <<'END'
case "$*" in
  'buildx version') echo v0.20 ;;
  'version --format'*) echo 28.2.2 ;;
  'image inspect'*) echo 7310000 ;;
esac
END
}

# A python3 whose packages need no installation. For other calls it runs the script from standard input.
fake_python() {
  {
    # shellcheck disable=SC2016  # for the fake
    say 'if [[ "$*" == "-m venv "* ]]; then mkdir -p "${!#}/bin" && cp "$0" "${!#}/bin/python"; fi'
    cat
  } | fake python3
}

# fake_cluster CONTEXT: a cluster where a deployment succeeds. Runs the script from standard input first. Nothing
# listens on the client's port, unless the test starts a listener and removes the fake curl.
fake_cluster() {
  {
    cat
    cat <<'END'
case "$*" in
  'get --raw /version'*) echo '{"major":"1"}' ;;
  'apply -k'*) printf 'namespace/lab3-resilience created\ndeployment.apps/backend-service created\n' ;;
  *'rollout status deployment/'*) echo "deployment \"${4#*/}\" successfully rolled out" ;;
  *'get pods'* | *'get deployments'*) echo '{"items": []}' ;;
  *'get service client-service'*)
    echo "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":8000,\"nodePort\":${NODE_PORT:-30999}}]},\"status\":{\"loadBalancer\":{}}}" ;;
esac
END
  } | fake_kubectl "$1"
  fake curl <<<'exit 7'
}
