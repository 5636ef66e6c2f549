# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# cleanup.sh, with fakes of kubectl and docker.

load helper

setup_file() {
  make_stage
}

readonly deletion='kubectl delete namespace lab3-resilience --ignore-not-found --timeout=1[78][0-9]s'

fake_deployed() {
  fake_kubectl kind-lab <<'END'
case "$*" in
  'get namespace'*) echo namespace/lab3-resilience ;;
  'delete namespace'*) echo 'namespace "lab3-resilience" deleted' ;;
esac
END
}

# Pods first: Kubernetes checks a namespace with ending pods again only after half of their grace period.
@test "it removes the deployments, then the namespace" {
  fake_deployed
  play cleanup.sh --yes
  expect_status 0
  [ "$(grep -o 'delete [a-z]* ' "$calls")" = $'delete deployments \ndelete namespace ' ] ||
    fail "the deployments are not removed first"
  expect_call 'kubectl delete deployments --all --namespace lab3-resilience --cascade=foreground --ignore-not-found --timeout=180s'
  expect_call_like "$deletion"
  expect 'waiting until their pods have finished'
  expect 'The namespace lab3-resilience is gone'
  expect_no_call docker
}

@test "without permission to delete deployments, it removes the namespace" {
  fake_kubectl kind-lab <<<'case "$*" in "get namespace"*) echo namespace/lab3-resilience ;; *deployments*) exit 1 ;; esac'
  play cleanup.sh --yes
  expect_status 0
  expect 'warning: the deployments cannot be removed first'
  expect_call_like "$deletion"
}

@test "a namespace that is not deleted is an error" {
  fake_kubectl kind-lab <<<'case "$*" in "get namespace"*) echo namespace/lab3-resilience ;; *) exit 1 ;; esac'
  play cleanup.sh --yes
  expect_status 1
  expect 'error: the namespace still exists after 180 s'
}

@test "without a terminal it needs --yes" {
  fake_deployed
  play cleanup.sh
  expect_status 1
  expect '--yes is needed'
  expect_no_call 'kubectl delete'
}

# answer_on_terminal REPLY: runs cleanup.sh on a terminal of its own, types a line, and sets $status.
answer_on_terminal() {
  status=0
  PATH=$work_dir/fakes:$tools TMPDIR=$work_dir/tmp \
    "$(type -P script)" -qec "$stage/scripts/cleanup.sh" /dev/null <<<"$1" >"$shown" 2>&1 || status=$?
}

@test "on a terminal it asks, and only yes removes the lab" {
  local reply
  need script "install util-linux"
  fake_deployed
  for reply in n ''; do
    answer_on_terminal "$reply"
    expect '[y/N]'
    expect 'Nothing removed'
    expect_no_call 'kubectl delete'
  done
  answer_on_terminal y
  expect '[y/N]'
  expect_call_like "$deletion"
}

@test "without a cluster nothing is removed" {
  play cleanup.sh
  expect_status 0
  expect 'No cluster to clean up'
  fake_kubectl '' </dev/null
  play cleanup.sh
  expect_status 0
}

@test "without the namespace nothing is removed" {
  fake_kubectl kind-lab </dev/null
  play cleanup.sh --yes
  expect_status 0
  expect 'Nothing to remove: context kind-lab has no namespace lab3-resilience'
  expect_no_call '.* delete'
}

@test "a cluster that does not answer is an error" {
  fake_kubectl kind-gone <<<'echo "Unable to connect to the server" >&2; exit 1'
  play cleanup.sh --yes
  expect_refusal 'the cluster of context kind-gone does not answer: Unable to connect to the server'
}

@test "--images removes the images" {
  fake_docker
  play cleanup.sh --images
  expect_status 0
  expect_call 'docker rmi backend-service:latest'
  expect_call 'docker rmi client-service:latest'
}

@test "--images without docker or without images succeeds" {
  play cleanup.sh --images
  expect_status 0
  expect 'No images to remove'
  fake docker <<<'[ "$1" = version ]'
  play cleanup.sh --images
  expect_status 0
  expect 'there is no image client-service:latest'
}

@test "an image in use is an error" {
  fake docker <<<'[ "$1" != rmi ] || { echo "image is being used by running container" >&2; exit 1; }'
  play cleanup.sh --images
  expect_status 1
  expect 'being used'
}
