# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# deploy.sh when pods do not become ready: its output, and what it restarts.

load helper

setup_file() {
  make_stage
}

readonly restart='kubectl --namespace lab3-resilience rollout restart deployment/backend-service deployment/client-service'

# fake_stuck_cluster STATUS [POD [IMAGE [ROLLOUT]]]: a cluster with one pod, whose container has this status, and where
# `kubectl rollout status` runs ROLLOUT. A random number in the pod's name makes it a new pod at each query, because
# deploy.sh ignores pods that were stuck before the deployment.
fake_stuck_cluster() {
  local pod=${2:-'backend-service-$RANDOM'} image=${3:-backend-service:latest} rollout=${4:-exec sleep 100}
  fake_cluster kind-lab <<END
case "\$*" in
  *'rollout status'*) echo 'Waiting for deployment rollout to finish: 0 of 2 updated replicas are available...'; $rollout ;;
  *'get pods'*) cat <<JSON && exit ;;
{"items": [{"metadata": {"name": "$pod"}, "spec": {"containers": [{"image": "$image"}]},
  "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}],
  "containerStatuses": [$1]}}]}
JSON
  *'get deployments'*) cat <<'JSON' && exit ;;
{"items": [{"metadata": {"name": "backend-service"}, "spec": {"replicas": 2}, "status": {"conditions": [
  {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability."},
  {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "progressing"}]}}]}
JSON
  *'get events'*) echo 'Pod  backend-service-1  Failed  some event' && exit ;;
  *' logs '*) echo 'PORT="x" is not valid' && exit ;;
esac
END
}

@test "a missing image is reported early, with a hint" {
  local begin=$SECONDS
  fake_stuck_cluster '{"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}'
  play TIMEOUT=60 deploy.sh
  expect_status 1
  ((SECONDS - begin < 40)) || fail "it took $((SECONDS - begin)) s"
  expect ': ImagePullBackOff, 0 restarts'
  expect '    Back-off pulling image'
  expect 'ImagePullBackOff: the node has no such image'
  expect_line '  scripts/build-images\.sh'
  expect 'backend-service: 0 of 2 ready'
  expect 'MinimumReplicasUnavailable: Deployment does not have minimum availability.'
  expect_not 'ReplicaSetUpdated'
  expect 'some event'
  expect_not 'Last lines of'
  expect_last_line 'error: backend-service did not become ready'
  expect_no_call '.* rollout status deployment/client-service'
}

# hint_for IMAGE LINE...: the commands that deploy.sh prints for a missing image.
hint_for() {
  local image=$1
  shift
  fake_stuck_cluster '{"ready": false, "state": {"waiting": {"reason": "ErrImagePull"}}}' '' "$image" 'exit 1'
  play deploy.sh --overlay production
  expect_status 1
  [ "$(sed -n '/^Provide the missing images/,/^error:/{//!p}' "$shown")" = "$(printf '%s\n' "$@")" ] || fail "expected: $*"
}

@test "the hint builds the tag that the pods wait for" {
  hint_for backend-service:1.2.3 '  IMAGE_TAG=1.2.3 scripts/build-images.sh'
}

@test "the hint for an image without a tag builds the tag latest" {
  hint_for backend-service '  scripts/build-images.sh'
}

@test "the hint for an image of a registry pushes it" {
  hint_for registry.test:5000/lab/backend-service:1.2.3 '  IMAGE_TAG=1.2.3 scripts/build-images.sh' \
    '  docker tag backend-service:1.2.3 registry.test:5000/lab/backend-service:1.2.3 && docker push registry.test:5000/lab/backend-service:1.2.3'
}

@test "the hint for an image with a digest names its registry" {
  hint_for registry.test/backend-service@sha256:00 \
    '  # registry.test/backend-service@sha256:00: a digest, which only its registry has'
}

@test "a crash is shown with its exit code and its log" {
  fake_stuck_cluster '{"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}}' backend-service-1 '' 'sleep 2; exit 1'
  play TIMEOUT=2 deploy.sh
  expect_status 1
  expect 'backend-service-1: CrashLoopBackOff, 3 restarts, ended with exit code 2 (Error)'
  expect '  | PORT="x" is not valid'
  expect_call 'kubectl --namespace lab3-resilience logs backend-service-1 --tail=10 --request-timeout=10s'
}

@test "pods that cannot be scheduled or are refused are explained" {
  fake_cluster kind-lab <<'END'
case "$*" in
  *'rollout status'*) echo 'error: timed out waiting for the condition' >&2 && exit 1 ;;
  *'get pods'*) cat <<'JSON' && exit ;;
{"items": [{"metadata": {"name": "backend-service-1"}, "status": {"phase": "Pending", "conditions": [
  {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient memory."}]}}]}
JSON
  *'get deployments'*) cat <<'JSON' && exit ;;
{"items": [{"metadata": {"name": "client-service"}, "spec": {"replicas": 1}, "status": {"conditions": [
  {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods are forbidden: violates PodSecurity"}]}}]}
JSON
  *'get events'*) exit 1 ;;
esac
END
  play deploy.sh
  expect_status 1
  expect_last_line 'error: backend-service did not become ready'
  expect 'backend-service-1: Unschedulable, 0 restarts'
  expect '1 Insufficient memory'
  expect 'Unschedulable: the cluster has no room for 1 of the pods.'
  expect 'FailedCreate: pods are forbidden: violates PodSecurity'
}

# The old pod still exists for a while after the restart. It is no failure.
@test "stuck pods of an earlier deployment are restarted" {
  fake_cluster kind-lab <<'END'
case "$*" in
  *'rollout status'*) sleep 3 ;;
  *'get pods'*) echo '{"items": [{"metadata": {"name": "old"}, "status": {"containerStatuses": [
      {"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull"}}}]}}]}' && exit ;;
esac
END
  play deploy.sh
  expect_status 0
  expect 'An earlier rollout is stuck; restarting all pods'
  expect_call "$restart"
}

@test "a rollout that has timed out is restarted" {
  fake_cluster kind-lab <<'END'
case "$*" in
  *'get deployments'*) echo '{"items": [{"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}]}' && exit ;;
esac
END
  play deploy.sh
  expect_status 0
  expect_call "$restart"
}
