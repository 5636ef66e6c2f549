# shellcheck shell=bash
# The lab's images as containers. Sourced by images.sh and pod-end.sh in place of lib.sh.

# shellcheck source=scripts/checks/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# The prefix of the names of all containers and networks, and their label.
readonly prefix=resilience-lab

need_engine() {
  need docker "install Docker"
  docker version >/dev/null 2>&1 || die "no Docker engine answers: $(docker version 2>&1 | tail -n 1)"
}

trap_clean_up() {
  clean_up_at_exit
  make_work_dir
  trap 'remove_containers; clean_up' EXIT
  remove_containers
}

remove_containers() {
  docker ps -aq --filter "label=$prefix" | xargs -r docker rm -f >/dev/null 2>&1 || true
  docker network ls -q --filter "label=$prefix" | xargs -r docker network rm >/dev/null 2>&1 || true
}

make_network() {
  docker network create --label "$prefix" "$prefix-$1" >/dev/null || die "cannot make a Docker network"
}

# memory_limit SERVICE: prints the manifest's limit in Docker's notation.
memory_limit() {
  local limit
  limit=$(awk '/limits:/ { found = 1 } found && /memory:/ { print $2; exit }' \
    "$repo_root/deploy/base/$1-deployment.yaml")
  [[ $limit =~ ^([0-9]+)Mi$ ]] || die "deploy/base/$1-deployment.yaml has no memory limit in Mi"
  say "${BASH_REMATCH[1]}m"
}

# contain SERVICE NAME DOCKER_OPTION...: starts a container with the restrictions of the pod.
contain() {
  local service=$1 name=$2 memory
  shift 2
  memory=$(memory_limit "$service")
  docker run --detach --name "$prefix-$name" --label "$prefix" --hostname "$name" \
    --read-only --user 65532:65532 --cap-drop ALL --security-opt no-new-privileges \
    --memory "$memory" --memory-swap "$memory" "$@" "$service-service:latest" >/dev/null ||
    die "cannot run $service-service:latest"
}

remove() {
  local name
  for name in "$@"; do
    docker rm -f "$prefix-$name" >/dev/null
  done
}
