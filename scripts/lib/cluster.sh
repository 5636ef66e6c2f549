# shellcheck shell=bash
# kubectl and docker. Sourced by lib.sh.

namespace=lab3-resilience

in_namespace() {
  kubectl --namespace "$namespace" "$@"
}

# Sets $context to the name of kubectl's current context; empty without one, or without kubectl.
find_context() {
  context=''
  if command -v kubectl >/dev/null 2>&1; then
    context=$(kubectl config current-context 2>/dev/null) || context=''
  fi
}

# Sets $context; dies unless its cluster answers.
need_cluster() {
  local answer
  need_kubectl
  find_context
  [ -n "$context" ] ||
    die "kubectl has no current context: start a cluster (Docker Desktop, minikube start, kind create cluster)"
  answer=$(kubectl get --raw /version --request-timeout=10s 2>&1) ||
    die "the cluster of context $context does not answer: $(tail -n 1 <<<"$answer")"
}

# find_docker any|buildkit: sets $docker to the first docker on the PATH whose daemon answers and that has BuildKit,
# if that is asked for (with buildx, or built in, as before 23.0).
# shellcheck disable=SC2034  # the scripts use $docker
find_docker() {
  local candidate wanted=$1 why='' incapable='' found=no
  while IFS= read -r candidate; do
    found=yes
    if [ "$wanted" = buildkit ] && ! can_buildkit "$candidate"; then
      incapable=$candidate
    elif why=$("$candidate" version --format '{{.Server.Version}}' 2>&1); then
      docker=$candidate
      return
    fi
  done < <(type -ap docker)
  [ $found = yes ] || die "docker not found: install Docker Desktop, or your system's docker package"
  [ -z "$why" ] || die "no Docker daemon answers; is it started? docker says: $(grep . <<<"$why" | tail -n 1)"
  die "$incapable cannot do BuildKit: install its buildx plugin"
}

can_buildkit() {
  local version
  "$1" buildx version >/dev/null 2>&1 && return
  version=$("$1" --version 2>/dev/null) || return 1
  [[ $version =~ ^Docker\ version\ ([0-9]+)\. ]] && ((BASH_REMATCH[1] >= 19 && BASH_REMATCH[1] < 23))
}
