# shellcheck shell=bash disable=SC2154  # variables of deploy.sh
# Explains why a deployment did not become ready. Sourced by deploy.sh.

# explain DEPLOYMENT: prints the state of its pods and hints, and dies.
explain() {
  look
  # A part that fails does not stop the others.
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

# For pods that have run and are not ready.
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
      CreateContainerConfigError)
        say "$reason: a Secret or ConfigMap is missing, see above; deploy/README.md lists what an overlay needs." ;;
      *) say "$reason: the service exits at its start; see its log above." ;;
    esac
  done
  unscheduled=$(jq '[.items[].status.conditions[]? | select(.type == "PodScheduled" and .status == "False")] | length' <<<"$pods")
  ((unscheduled == 0)) || say "Unschedulable: the cluster has no room for $unscheduled of the pods."
  if $images_missing; then
    say "Provide the missing images before you run this again:"
    explain_images
  fi
}

# Prints the commands that build the missing images.
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
