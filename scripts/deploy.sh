#!/usr/bin/env bash
# Deploys the lab to the cluster of kubectl's current context, waits until both services are ready, and
# prints their URLs. If they do not become ready, it prints the cause. It deletes nothing: if another
# overlay has left objects, it lists them with the command that removes them.
#
# Usage: scripts/deploy.sh [--overlay NAME] [--restart] [--help]
#
#   --overlay NAME  deploys deploy/overlays/NAME, such as production, instead of deploy/base
#   --restart       replaces all pods, for instance after a new build of the images
#
# Environment:
#   TIMEOUT  maximum time in seconds until both services are ready (default 180)
#
# Exit status: 0 if both are ready, 1 otherwise. The deployed objects stay, so that you can inspect them or
# try again.
#
# Needs: kubectl, jq, curl; a cluster that has the images (scripts/build-images.sh).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/deploy/explain.sh
source "$repo_root/scripts/deploy/explain.sh"
# shellcheck source=scripts/deploy/results.sh
source "$repo_root/scripts/deploy/results.sh"

# Seconds that a pod may be stuck before the script gives up.
readonly stuck_limit=10
# The kinds of objects that another overlay may leave: all of deploy/ but ConfigMaps. `rollout undo` needs old ones.
readonly kinds=deployment,horizontalpodautoscaler,networkpolicy,poddisruptionbudget,service

main() {
  overlay=''
  restart=false
  TIMEOUT=${TIMEOUT:-180}
  read_arguments --overlay= --restart -- "$@"
  check_integer TIMEOUT 1 86400
  cd "$repo_root"
  choose_manifests
  need curl
  need jq
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

# A namespace that is being deleted accepts no new object.
let_old_namespace_go() {
  local phase
  phase=$(kubectl get namespace "$namespace" --ignore-not-found --output 'jsonpath={.status.phase}')
  [ "$phase" = Terminating ] || return 0
  say "The namespace $namespace is still being deleted; waiting for its end ..."
  start_job kubectl wait --for=delete "namespace/$namespace" --timeout="${TIMEOUT}s"
  reap "$job"
  ((status == 0)) || die "the namespace $namespace is still there after $TIMEOUT s"
}

# Stuck pods would retry only after minutes, and a rollout past its deadline never.
restart_if_needed() {
  look
  if $restart; then
    say "Restarting all pods (--restart) ..."
  elif [ -n "$stuck" ] || holds deployments 'any(.items[]; any(.status.conditions[]?; .reason == "ProgressDeadlineExceeded"))'; then
    say "An earlier rollout is stuck; restarting all pods ..."
  else
    return 0
  fi
  # These are not the new pods.
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

# Reasons of a waiting pod that do not go away by themselves.
readonly stuck_reasons='["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName",
  "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"]'

# Sets $pods and $deployments to the present state, and $stuck to a line for each reason for which pods are stuck,
# with the image. If the cluster does not answer, they keep their values.
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

main "$@"
