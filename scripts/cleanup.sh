#!/usr/bin/env bash
# Removes what deploy.sh deployed: the namespace lab3-resilience with all its objects, from the cluster of
# kubectl's current context. Asks first. Then waits until the pods have finished their requests and ended,
# and until the namespace is gone.
#
# Usage: scripts/cleanup.sh [--yes] [--images] [--help]
#
#   --yes     does not ask
#   --images  removes the images of build-images.sh, too
#
# Environment:
#   IMAGE_TAG  the images' tag (default latest)
#   TIMEOUT    maximum time of the removal in seconds (default 180)
#
# If there is nothing to remove, it prints that and exits with status 0.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  yes=false
  images=false
  IMAGE_TAG=${IMAGE_TAG:-latest}
  TIMEOUT=${TIMEOUT:-180}
  read_arguments --yes --images -- "$@"
  check_integer TIMEOUT 1 86400
  clean_up_at_exit
  # The images are also removed if the cluster does not answer.
  exit_status=0
  remove_namespace || exit_status=1
  if $images; then
    remove_images
  fi
  exit "$exit_status"
}

remove_namespace() {
  local found
  find_context
  if [ -z "$context" ]; then
    say "No cluster to clean up: kubectl is not installed, or has no current context."
    return 0
  fi
  if ! found=$(kubectl get namespace "$namespace" --ignore-not-found --output name --request-timeout=10s 2>&1); then
    complain "error: the cluster of context $context does not answer: $(tail -n 1 <<<"$found")"
    return 1
  fi
  if [ -z "$found" ]; then
    say "Nothing to remove: context $context has no namespace $namespace."
    return 0
  fi
  $yes || ask "Remove the namespace $namespace with all that is in it from context $context?" || return 1
  # The time limit does not include the wait for the answer.
  SECONDS=0
  remove_deployments
  say "Removing the namespace $namespace, and waiting for its end ..."
  delete namespace "$namespace"
  if ((status != 0)); then
    complain "error: the namespace still exists after $TIMEOUT s;" \
      "kubectl get namespace $namespace --output yaml shows what blocks its deletion"
    return 1
  fi
  say "The namespace $namespace is gone."
}

# Kubernetes checks a namespace with ending pods again only after half of their grace period.
remove_deployments() {
  say "Removing the deployments from context $context, and waiting until their pods have finished what is in flight ..."
  delete deployments --all --namespace "$namespace" --cascade=foreground
  if ((status == 0)); then
    say "The pods are gone."
  else
    # The end of the namespace also ends them.
    complain "warning: the deployments cannot be removed first; kubectl's output is above"
  fi
}

# delete ARGUMENT...: runs kubectl delete within the remaining time. Sets $status.
delete() {
  local left=$((TIMEOUT - SECONDS))
  start_job kubectl delete "$@" --ignore-not-found --timeout="$((left > 0 ? left : 1))s"
  reap "$job"
}

# ask QUESTION: true if the answer is yes.
ask() {
  local reply=''
  if [ ! -t 0 ]; then
    complain "error: without a terminal to ask on, --yes is needed"
    return 1
  fi
  printf '%s [y/N] ' "$1"
  read -r reply || true
  [[ $reply =~ ^[yY]([eE][sS])?$ ]] || { say "Nothing removed." && return 1; }
}

remove_images() {
  local image
  if ! type -ap docker >/dev/null; then
    say "No images to remove: docker is not installed."
    return
  fi
  find_docker any
  for image in "backend-service:$IMAGE_TAG" "client-service:$IMAGE_TAG"; do
    if ! "$docker" image inspect "$image" >/dev/null 2>&1; then
      say "Nothing to remove: there is no image $image."
    elif "$docker" rmi "$image" >/dev/null; then
      say "Removed the image $image."
    else
      exit_status=1
    fi
  done
  case $context in
    kind-* | minikube) say "The nodes of context $context keep their copies as long as the cluster lives." ;;
  esac
}

main "$@"
