#!/usr/bin/env bash
# Deploys the lab to the cluster that kubectl's current context names, waits until both services are
# ready, and prints where they answer. If they do not become ready, it says what is wrong. It deletes
# nothing: what another overlay has left, it names, with the command that removes it.
#
# Usage: scripts/deploy.sh [--overlay NAME] [--restart] [--help]
#
#   --overlay NAME  deploys deploy/overlays/NAME, such as production, instead of deploy/base
#   --restart       starts all pods anew, for instance to have them take images that were built anew
#
# Environment:
#   TIMEOUT  seconds that both services together may take to become ready (default 180)
#
# Exit status: 0 when both are ready, 1 otherwise. What was deployed stays, for a look at it, and for
# another try.
#
# Needs: kubectl, jq, curl; a cluster that has the images (scripts/build-images.sh).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# How long a pod may be stuck before waiting on makes no sense.
readonly stuck_limit=10
# What another overlay may leave: all kinds in deploy/, but for old ConfigMaps, which `rollout undo` needs.
readonly kinds=deployment,horizontalpodautoscaler,networkpolicy,poddisruptionbudget,service

main() {
  overlay=''
  restart=false
  TIMEOUT=${TIMEOUT:-180}
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) print_help && exit 0 ;;
      --overlay)
        [ $# -gt 1 ] || die "--overlay needs a name; see --help"
        overlay=$2
        shift
        ;;
      --restart) restart=true ;;
      *) die "unknown argument \"$1\"; see --help" ;;
    esac
    shift
  done
  check_integer TIMEOUT 1 86400
  cd "$repo_root"
  choose_manifests
  need_curl
  need_jq
  need_cluster
  clean_up_at_exit

  say "Deploying $manifests to context $context ..."
  let_old_namespace_go
  kubectl apply -k "$manifests" || die "kubectl apply failed; its output is above"
  restart_if_needed
  deadline=$((SECONDS + TIMEOUT))
  await_rollout backend-service
  await_rollout client-service
  say "Both services are ready."
  print_urls
  print_left_over
}

choose_manifests() {
  manifests=deploy/base
  if [ -n "$overlay" ]; then
    [[ $overlay =~ ^[A-Za-z0-9_-]+$ ]] || die "--overlay \"$overlay\" is not a name"
    manifests=deploy/overlays/$overlay
  fi
  [ -f "$manifests/kustomization.yaml" ] ||
    die "there is no $manifests; overlays: $(cd deploy/overlays 2>/dev/null && echo *)"
}

# Nothing can be made in a namespace that is being deleted.
let_old_namespace_go() {
  local phase
  phase=$(kubectl get namespace "$namespace" --ignore-not-found --output 'jsonpath={.status.phase}')
  [ "$phase" = Terminating ] || return 0
  say "The namespace $namespace is still being deleted; waiting for its end ..."
  start_job kubectl wait --for=delete "namespace/$namespace" --timeout="${TIMEOUT}s"
  reap "$job"
  ((status == 0)) || die "the namespace $namespace is still there after $TIMEOUT s"
}

# Pods that are stuck would try again only after minutes, and a rollout that has run out of time never.
restart_if_needed() {
  look
  if $restart; then
    say "Starting all pods anew, as asked ..."
  elif [ -n "$stuck" ] || holds deployments 'any(.items[]; any(.status.conditions[]?; .reason == "ProgressDeadlineExceeded"))'; then
    say "An earlier rollout is stuck; starting all pods anew ..."
  else
    return 0
  fi
  # Not to be taken for the new ones.
  old_pods=$(jq '[.items[].metadata.name]' <<<"$pods")
  in_namespace rollout restart deployment/backend-service deployment/client-service
}

# ---- waiting -------------------------------------------------------------------------------------

# await_rollout DEPLOYMENT
await_rollout() {
  local left=$((deadline - SECONDS)) rollout next_look=$SECONDS stuck_since=''
  ((left > 0)) || left=1
  start_job in_namespace rollout status "deployment/$1" --timeout="${left}s"
  rollout=$job
  while is_running "$rollout"; do
    sleep 0.2
    ((SECONDS >= next_look)) || continue
    next_look=$((SECONDS + 2))
    look
    if [ -z "$stuck" ]; then
      stuck_since=''
    elif [ -z "$stuck_since" ]; then
      stuck_since=$SECONDS
    elif ((SECONDS - stuck_since >= stuck_limit)); then
      signal_job TERM "$rollout"
      break
    fi
  done
  reap "$rollout"
  ((status == 0)) || explain "$1"
}

pods='{"items": []}'
deployments=$pods
old_pods='[]'

# What waits for something that time alone does not bring.
readonly stuck_reasons='["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName",
  "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"]'

# Takes a look: $pods and $deployments as they are now, and in $stuck a line for each reason for which pods
# are stuck, and their image.
# A cluster that does not answer for a moment leaves everything as it was.
look() {
  pods=$(in_namespace get pods --output json --request-timeout=10s 2>/dev/null) || pods=$last_pods
  deployments=$(in_namespace get deployments --output json --request-timeout=10s 2>/dev/null) || deployments=$last_deployments
  last_pods=$pods
  last_deployments=$deployments
  stuck=$(jq -r --argjson old "$old_pods" --argjson reasons "$stuck_reasons" '
    [.items[] | select(.metadata.deletionTimestamp == null)
      | select(.metadata.name as $name | $old | index($name) | not)
      | .spec.containers[0].image as $image
      | .status.containerStatuses[]?.state.waiting.reason | select(. as $reason | $reasons | index($reason))
      | "\(.) \($image)"] | unique[]' <<<"$pods")
}
last_pods=$pods
last_deployments=$deployments

# holds pods|deployments CONDITION
holds() {
  jq -e "$2" <<<"${!1}" >/dev/null
}

# ---- what went wrong -----------------------------------------------------------------------------

# explain DEPLOYMENT: shows what is known of its failure, and dies.
explain() {
  look
  # Whatever cannot be shown keeps nothing else from being shown.
  {
    say
    show_deployments
    show_pods
    show_events
    show_logs
    say
    show_hints
  } >&2 || true
  die "$1 did not become ready; what is known is above"
}

show_deployments() {
  say "Deployments:"
  jq -r '.items[] | "  \(.metadata.name): \(.status.readyReplicas // 0) of \(.spec.replicas) ready",
    (.status.conditions[]? | select((.type == "ReplicaFailure") == (.status == "True")) | "    \(.reason): \(.message)")' <<<"$deployments"
}

# Name, what it is doing or waiting for, restarts, and the reason.
show_pods() {
  say "Pods:"
  jq -r '.items[] | . as $pod | (.status.containerStatuses // [])[0] as $container
    | ([.status.conditions[]? | select(.type == "PodScheduled" and .status == "False")][0]) as $unscheduled
    | $container.state.waiting as $waiting
    | ($container.state.terminated // $container.lastState.terminated) as $ended
    | "  \(.metadata.name): \($waiting.reason // $unscheduled.reason // (if $container.ready then "ready" else .status.phase + ", not ready" end)), \($container.restartCount // 0) restarts"
      + (if $ended then ", ended with exit code \($ended.exitCode) (\($ended.reason))" else "" end),
      ($waiting.message // $unscheduled.message // empty | "    " + .)' <<<"$pods"
}

show_events() {
  say "Last events:"
  in_namespace get events --sort-by=.metadata.creationTimestamp --no-headers --request-timeout=10s \
    --output 'custom-columns=KIND:.involvedObject.kind,NAME:.involvedObject.name,REASON:.reason,MESSAGE:.message' \
    2>/dev/null | tail -n 10 | sed 's/^/  /'
}

# Of those that have run and are not ready.
show_logs() {
  local pod
  jq -r '.items[] | select(any(.status.containerStatuses[]?; (.ready | not) and (.restartCount > 0 or .state.running or .state.terminated)))
    | .metadata.name' <<<"$pods" | head -n 3 | while IFS= read -r pod; do
    say "Last lines of $pod:"
    { in_namespace logs "$pod" --tail=10 --request-timeout=10s </dev/null 2>&1 || true; } | sed 's/^/  | /'
  done
}

show_hints() {
  local reason unscheduled images_missing=false
  for reason in $(cut -d ' ' -f 1 <<<"$stuck" | uniq); do
    case $reason in
      InvalidImageName) say "$reason: no image can have the name that $manifests gives it, see above." ;;
      *Image*) images_missing=true && say "$reason: the node has no such image, and cannot pull it." ;;
      CreateContainerConfigError) say "$reason: a Secret or ConfigMap is missing, see above; deploy/README.md says what an overlay needs." ;;
      *) say "$reason: the service ends at its start; its log is above." ;;
    esac
  done
  unscheduled=$(jq '[.items[].status.conditions[]? | select(.type == "PodScheduled" and .status == "False")] | length' <<<"$pods")
  ((unscheduled == 0)) || say "Unschedulable: the cluster has no room for $unscheduled of the pods."
  if $images_missing; then
    say "To make the images that are missing, before this is run again:"
    explain_images
  fi
}

# How to make the images that pods wait for.
explain_images() {
  local image name tag
  while IFS= read -r image; do
    name=${image##*/}
    tag=${name#*:}
    if [[ $name == *@* ]]; then
      say "  # $image: a digest, which only its registry has"
      continue
    elif [[ $name != *:* || $tag = latest ]]; then
      say "  scripts/build-images.sh"
    else
      say "  IMAGE_TAG=$tag scripts/build-images.sh"
    fi
    [ "$name" = "$image" ] || say "  docker tag $name $image && docker push $image"
  done < <(sed -n '/^InvalidImageName /d; /^[A-Za-z]*Image/s/^[^ ]* //p' <<<"$stuck") | awk '!seen[$0]++'
}

# ---- what is not of this overlay -----------------------------------------------------------------

# An apply removes nothing. What has the lab's label and is not in the overlay is named, not deleted: somebody
# may have made it by hand.
print_left_over() {
  local own all left
  if ! own=$(kubectl get -k "$manifests" --output name --ignore-not-found --request-timeout=10s) ||
    ! all=$(in_namespace get "$kinds" --selector "app.kubernetes.io/part-of=$namespace" --output name --request-timeout=10s); then
    complain "warning: what another overlay may have left cannot be listed; kubectl's output is above"
    return
  fi
  left=$(grep -vxF -- "$own" <<<"$all") || return 0
  say
  say "Not part of $manifests, but still in force:"
  say "  ${left//$'\n'/$'\n'  }"
  say "This removes them, and deploys $manifests alone:"
  say "  kubectl --namespace $namespace delete ${left//$'\n'/ } && scripts/deploy.sh${overlay:+ --overlay $overlay}"
}

# ---- where it answers ----------------------------------------------------------------------------

print_urls() {
  local service type node_port port host url=''
  service=$(in_namespace get service client-service --output json)
  type=$(jq -r .spec.type <<<"$service")
  port=$(jq -r '.spec.ports[0].port' <<<"$service")
  node_port=$(jq -r '.spec.ports[0].nodePort // empty' <<<"$service")
  host=$(jq -r '.status.loadBalancer.ingress[0]? | .ip // .hostname // empty' <<<"$service")
  say
  if [ "$type" = LoadBalancer ]; then
    if [ -n "$host" ]; then
      url=http://$host:$port
    else
      say "The load balancer has no address yet: kubectl get service -n $namespace client-service"
    fi
  elif [ -n "$node_port" ] && [ "$context" != minikube ]; then
    url=http://localhost:$node_port
  fi
  if [ -n "$url" ] && answers "$url"; then
    say "The client answers on $url"
    say "  curl $url/api/call-backend"
    if [ "$url" = http://localhost:30080 ]; then
      say "  scripts/run-tests.sh"
    else
      say "  BASE_URL=$url scripts/run-tests.sh"
    fi
  elif [ -n "$url" ]; then
    say "$url does not answer from here."
  fi
  case $context in
    minikube) say "On minikube, its address is: minikube service --namespace $namespace client-service --url" ;;
    kind-*) say "On kind, port $node_port answers here if the cluster was made with extraPortMappings for it." ;;
  esac
  say "From anywhere with kubectl, on http://localhost:30080: kubectl port-forward --namespace $namespace service/client-service 30080:$port"
}

# The node's proxy may know a new Service a second or two after its pods are ready.
answers() {
  [[ $(get_patiently "$1/health") == *'"client-service"'* ]]
}

main "$@"
