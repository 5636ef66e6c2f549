#!/usr/bin/env bash
# Ends one of two backends behind a virtual address, as a cluster ends a pod, while callers make a new
# connection for each request. The backends are containers of the image backend-service:latest. A DNAT
# rule chooses between them at random, as kube-proxy's does, and is changed when kube-proxy would.
#
# It asserts that no request is lost or waits for a connection that does not come. Each request is answered, or, if the
# case allows that, refused at once:
#
#   preStop          SIGTERM 5 s after the pod was chosen, 4 s after the rule was changed: all are answered
#   without preStop  SIGTERM 1 s before the rule is changed: all are answered
#   a late rule      SIGTERM 7 s before the rule is changed, with a slow request in flight: it is answered,
#                    and new connections are answered or refused
#
# Usage: scripts/checks/pod-end.sh [--help]
#
# Environment:
#   SKIP_BUILD   1: use the existing image
#   BIN_DIR      static binaries for the images, instead of building them
#
# Needs: Linux, root, a Docker engine on this machine, curl, nft, nsenter. Containers and networks are its
# own, named resilience-lab-*, and are removed at the end. The rules are in a container's network
# namespace.
#
# shellcheck disable=SC2317,SC2329  # functions that are called by name
set -euo pipefail
# shellcheck source=scripts/checks/images/containers.sh
source "$(dirname "${BASH_SOURCE[0]}")/images/containers.sh"
# shellcheck source=scripts/checks/images/callers.sh
source "$repo_root/scripts/checks/images/callers.sh"

readonly virtual_address=10.96.0.10 port=5000 callers=8
# Seconds. A connection that takes longer has lost its first packet, which the kernel repeats after 1 s.
readonly at_once=1

main() {
  read_arguments -- "$@"
  export LC_ALL=C
  need curl
  need nft "install your system's nftables package"
  need nsenter "install your system's util-linux package"
  need_engine
  [ "$(id -u)" = 0 ] || die "only root may enter a container's network"

  trap_clean_up
  [ "${SKIP_BUILD:-}" = 1 ] || "$repo_root/scripts/build-images.sh" --prebuilt --no-load
  make_network pods
  make_node
  ends_with_prestop
  ends_without_prestop
  ends_before_a_late_rule
  say "ok: the end of a pod loses no request"
  exit
}

# ---- the node ------------------------------------------------------------------------------------

# A container that lends its network to the callers and to the rules.
make_node() {
  contain backend node --network "$prefix-pods"
  node=$(docker inspect --format '{{.State.Pid}}' "$prefix-node")
}

in_node() {
  nsenter --target "$node" --net "$@"
}

# route_to NAME...: directs new connections to the virtual address to these backends. Existing connections, and repeats
# of their first packet, keep their backend: conntrack knows them.
route_to() {
  local name number=0 targets=''
  for name in "$@"; do
    targets+="$number : ${address[$name]}, "
    number=$((number + 1))
  done
  in_node nft -f - <<END
table ip services
delete table ip services
table ip services {
  chain output {
    type nat hook output priority -100;
    ip daddr $virtual_address tcp dport $port dnat to numgen random mod $number map { ${targets%, } }
  }
}
END
}

# ---- a pod's life --------------------------------------------------------------------------------

# start_pods DOCKER_OPTION...: starts two pods behind the virtual address, and sets $address of each.
declare -A address
start_pods() {
  local name
  for name in backend-1 backend-2; do
    contain backend "$name" --network "$prefix-pods" --env FAILURE_RATE=0 --env SLOW_RESPONSE_RATE=0 "$@"
    address[$name]=$(docker inspect --format \
      "{{(index .NetworkSettings.Networks \"$prefix-pods\").IPAddress}}" "$prefix-$name")
    await "$name is healthy" 30 is_healthy "${address[$name]}"
  done
  route_to backend-1 backend-2
}

is_healthy() {
  [[ $(ask "http://$1:$port/health") == "0 200 "* ]]
}

terminate() {
  docker kill --signal TERM "$prefix-backend-1" >/dev/null
  terminated=$EPOCHREALTIME
}

# Its network has ended with it. The callers continue for a moment.
await_end() {
  local status
  status=$(docker wait "$prefix-backend-1")
  say "the pod has ended $(((${EPOCHREALTIME/./} - ${terminated/./}) / 1000)) ms after SIGTERM"
  [ "$status" = 0 ] || die "the pod ended with status $status"
  docker rm "$prefix-backend-1" >/dev/null
  sleep 1
  stop_callers
  remove backend-2
}

ends_with_prestop() {
  begin "preStop: the rule is changed 1 s after the pod was chosen, SIGTERM comes after 5 s"
  start_pods
  start_callers
  sleep 1
  route_to backend-2
  sleep 4
  terminate
  await_end
  judge answered
}

ends_without_prestop() {
  begin "without preStop: SIGTERM, and the rule is changed 1 s later"
  start_pods
  start_callers
  terminate
  sleep 1
  route_to backend-2
  await_end
  judge answered
}

one_is_slow() {
  [[ $(in_node curl "${curl_options[@]}" "$1/api/metrics") =~ \"slow_responses\":\ *1[^0-9] ]]
}

ends_before_a_late_rule() {
  begin "a late rule: SIGTERM with a slow request in flight, and the rule is changed 7 s later"
  local pod slow
  start_pods --env SLOW_RESPONSE_DELAY=12
  pod=http://${address[backend-1]}:$port
  ask --request PUT --data '{"failure_rate": 0, "sequence": ["slow"]}' "$pod/api/faults" >"$work_dir/plan"
  start_job ask "$pod/api/data" >"$work_dir/slow"
  slow=$job
  # The plan has one slow answer. It must not go to one of the callers.
  await "the slow answer has begun" 30 one_is_slow "$pod"
  start_callers
  terminate
  sleep 7
  route_to backend-2
  reap "$slow"
  await_end
  cat "$work_dir/plan" "$work_dir/slow" >>"$work_dir/all"
  judge refused
  awk '$1 == 0 && $4 > 11 { found = 1 } END { exit !found }' "$work_dir/slow" || die "the slow request was not slow"
}

main "$@"
