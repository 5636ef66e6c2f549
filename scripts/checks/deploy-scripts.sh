#!/usr/bin/env bash
# Plays the scripts that build, deploy, watch, test and clean up the lab. Where they need a cluster or
# a Docker engine, small fakes of kubectl, kind, minikube, docker and cargo stand in, which write down
# how they are called; run-tests.sh and stress-test.sh run for real, on services of their own.
#
# Usage: scripts/checks/deploy-scripts.sh [--help]
#
# Environment:
#   BIN_DIR  take the binaries that are there, instead of building them
#
# Needs: curl, jq, script (of util-linux).

# shellcheck disable=SC2016  # what the fakes do
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

main() {
  case ${1:-} in
    -h | --help) print_help && exit 0 ;;
    ?*) die "unknown argument \"$1\"; see --help" ;;
  esac
  need_curl
  need_jq
  need script "install util-linux"
  clean_up_at_exit
  make_work_dir
  provide_services
  # What the machine has set must not get in the way.
  unset BIN_DIR BUILDER IMAGE_TAG PREBUILT BASE_URL BACKEND_URL PARTS CALLS ADMIN_TOKEN ENDPOINT REQUESTS CONCURRENCY \
    TIME_LIMIT TIMEOUT LOG_DIR CLIENT_PORT KUBECONFIG DOCKER_HOST NO_COLOR
  make_stage

  images_are_built_and_loaded_into_kind
  images_are_loaded_into_minikube
  images_stay_where_no_cluster_needs_them
  a_docker_that_can_do_buildkit_is_found
  docker_that_cannot_build_is_one_line
  prebuilt_binaries_are_static
  a_failed_build_loads_nothing
  deploy_waits_and_prints_the_urls
  deploy_of_an_overlay
  deploy_names_what_another_overlay_has_left
  deploy_without_a_cluster_is_one_line
  deploy_explains_a_missing_image
  deploy_says_how_to_make_the_missing_image
  deploy_explains_a_crash
  deploy_explains_pods_that_are_not_there
  deploy_frees_what_is_stuck
  deploy_waits_for_the_old_namespace
  deploy_can_be_interrupted
  cleanup_removes_the_namespace
  cleanup_asks
  cleanup_of_nothing_is_no_failure
  cleanup_removes_images
  transitions_on_a_cluster_are_followed
  transitions_of_a_local_lab_are_followed
  a_correct_lab_is_green
  a_breaker_that_never_opens_is_red
  a_client_without_retries_is_red
  a_lab_that_is_not_there_is_one_line
  a_client_that_listens_late_is_awaited
  run_tests_can_be_interrupted
  load_is_counted
  say "The scripts that build, deploy, watch, test and clean up: all as they should be"
}

# ---- the stage -----------------------------------------------------------------------------------

# A copy of the scripts in a repository of its own, so that nothing here is touched; and a PATH of
# nothing but ordinary tools and the fakes.
make_stage() {
  local tool
  stage=$work_dir/stage
  mkdir -p "$stage/deploy/overlays/production" "$stage/deploy/base" "$stage/backend" "$stage/client" \
    "$work_dir/tools" "$work_dir/tmp"
  cp -R "$repo_root/scripts" "$stage/"
  touch "$stage/deploy/base/kustomization.yaml" "$stage/deploy/overlays/production/kustomization.yaml" \
    "$stage/backend/Dockerfile" "$stage/client/Dockerfile"
  printf '[workspace.package]\nversion = "1.2.3"\n' >"$stage/Cargo.toml"
  for tool in bash sh env cat cp mv rm mkdir mkfifo mktemp touch dirname head tail cut tr sort uniq wc sed grep awk \
    date sleep uname curl jq kill; do
    ln -s "$(type -P "$tool")" "$work_dir/tools/$tool"
  done
  cd "$stage"
  scenario
}

# Forgets all fakes and calls.
scenario() {
  rm -rf "$work_dir/fakes" "$work_dir/fakes2"
  mkdir "$work_dir/fakes" "$work_dir/fakes2"
  : >"$work_dir/calls"
  variables=()
}

# fake TOOL [DIRECTORY]: a tool that writes down its arguments, then does what standard input says.
fake() {
  local file=$work_dir/${2:-fakes}/$1
  {
    say '#!/usr/bin/env bash'
    say 'printf "%s\n" "${0##*/} $*" >>"$CALLS_FILE"'
    cat
  } >"$file"
  chmod +x "$file"
}

# A kubectl whose current context is CONTEXT, and that does what standard input says: a `case` on "$*".
fake_kubectl() {
  {
    say "context=$1"
    say 'if [ "$*" = "config current-context" ]; then [ -n "$context" ] && echo "$context" && exit; echo "error: current-context is not set" >&2; exit 1; fi'
    cat
  } | fake kubectl
}

fake_docker() {
  fake docker <<'END'
case "$*" in
  'buildx version') echo v0.20 ;;
  'version --format'*) echo 28.2.2 ;;
  'image inspect'*) echo 7310000 ;;
esac
END
}

# play SCRIPT [ARGUMENT...]: runs the stage's script with the fakes and $variables, and sets $status.
play() {
  local script=$1
  shift
  start_play "$script" "$@"
  reap "$job"
}

start_play() {
  local script=$1
  shift
  output=$work_dir/output
  start_job env PATH="$work_dir/fakes:$work_dir/fakes2:$work_dir/tools" CALLS_FILE="$work_dir/calls" \
    TMPDIR="$work_dir/tmp" ${variables[@]+"${variables[@]}"} "$stage/scripts/$script" "$@" >"$output" 2>&1
}

expect_status() {
  ((status == $1)) || fail "exit status $status, expected $1"
}

# expect TEXT: somewhere in the output.
expect() {
  grep -qF -- "$1" "$output" || fail "the output has no \"$1\""
}

expect_not() {
  ! grep -qF -- "$1" "$output" || fail "the output has \"$1\""
}

# await TEXT [FILE]: within seconds, in the output or another file.
await() {
  local deadline=$((SECONDS + 15))
  until grep -qF -- "$1" "${2:-$output}"; do
    ((SECONDS < deadline)) || fail "${2:-the output} has no \"$1\""
    sleep 0.1
  done
}

# expect_call CALL: a fake was called just so.
expect_call() {
  grep -qxF -- "$1" "$work_dir/calls" || fail "nobody called \"$1\""
}

# expect_call_like PATTERN: a whole call matches it.
expect_call_like() {
  grep -qx -- "$1" "$work_dir/calls" || fail "nobody called \"$1\""
}

# expect_no_call BEGIN: no call begins so.
expect_no_call() {
  ! grep -q -- "^$1" "$work_dir/calls" || fail "somebody called \"$1\""
}

# expect_refusal TEXT: one line that has it, and exit status 1.
expect_refusal() {
  expect_status 1
  (($(wc -l <"$output") == 1)) || fail "expected one line"
  [[ $(<"$output") == "error: "* ]] || fail "expected an error"
  expect "$1"
}

# expect_end PROCESS: it ends, now.
expect_end() {
  local deadline=$((SECONDS + 5))
  while is_running "$1"; do
    ((SECONDS < deadline)) || fail "process $1 still runs"
    sleep 0.1
  done
}

expect_nothing_left() {
  [ -z "$(ls -A "$work_dir/tmp")" ] || fail "left behind: $(ls -A "$work_dir/tmp")"
}

passed() {
  expect_nothing_left
  say "ok: $*"
}

fail() {
  complain "--- the output:"
  sed 's/^/  | /' "$output" >&2
  complain "--- the calls:"
  sed 's/^/  | /' "$work_dir/calls" >&2
  die "${FUNCNAME[2]}: $*"
}

# ---- build-images.sh -----------------------------------------------------------------------------

readonly built_with='--build-arg VERSION=1.2.3 --build-arg REVISION=unknown'

images_are_built_and_loaded_into_kind() {
  scenario
  fake_docker
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
  play build-images.sh
  expect_status 0
  expect_call "docker build -f backend/Dockerfile -t backend-service:latest $built_with ."
  expect_call "docker build -f client/Dockerfile -t client-service:latest $built_with ."
  expect_call 'kind load docker-image --name lab backend-service:latest client-service:latest'
  [[ $(tail -n 1 "$work_dir/calls") == 'docker image inspect '* ]] || fail "the sizes are not looked at"
  grep -q '^client-service:latest *7\.3 MB$' "$output" || fail "the sizes are not shown"

  scenario
  fake_docker
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
  variables=(BUILDER=some/rust:1 IMAGE_TAG=v2)
  play build-images.sh --no-load
  expect_status 0
  expect_call "docker build -f client/Dockerfile -t client-service:v2 $built_with --build-arg BUILDER=some/rust:1 ."
  expect_no_call kind

  scenario
  fake_docker
  fake_kubectl kind-lab </dev/null
  play build-images.sh
  expect_status 1
  expect 'error: kind not found'
  variables=(IMAGE_TAG='a b')
  play build-images.sh
  expect_refusal 'IMAGE_TAG="a b" is not a tag'
  play build-images.sh --fast
  expect_refusal 'unknown argument "--fast"'
  passed "images are built, and loaded into kind"
}

images_are_loaded_into_minikube() {
  local name
  for name in minikube practice; do
    scenario
    fake_docker
    fake_kubectl $name </dev/null
    fake minikube <<<'[ "$1" != profile ] || echo "{\"invalid\":[],\"valid\":[{\"Name\":\"practice\",\"Status\":\"OK\"}]}"'
    play build-images.sh
    expect_status 0
    expect_call "minikube --profile $name image load backend-service:latest"
    expect_call "minikube --profile $name image load client-service:latest"
  done
  passed "images are loaded into minikube, whatever its profile's name"
}

images_stay_where_no_cluster_needs_them() {
  local context
  for context in docker-desktop '' some-cloud; do
    scenario
    fake_docker
    fake_kubectl "$context" </dev/null
    fake kind </dev/null
    fake minikube </dev/null
    play build-images.sh
    expect_status 0
    expect_no_call 'kind load'
    expect_no_call 'minikube.* image'
    case $context in
      docker-desktop) expect 'nothing to load' ;;
      '') expect 'no current context' ;;
      *) expect 'push the images to a registry' ;;
    esac
  done
  scenario
  fake_docker
  play build-images.sh
  expect_status 0
  expect 'kubectl is not installed'
  passed "elsewhere nothing is loaded, and it says why"
}

a_docker_that_can_do_buildkit_is_found() {
  scenario
  fake docker <<'END'
case "$*" in
  --version) echo 'Docker version 28.2.2, build e6534b4' ;;
  'version --format'*) echo 20.10.24 ;;
  *) exit 1 ;;
esac
END
  fake docker fakes2 <<'END'
case "$*" in
  --version) echo 'Docker version 20.10.24+dfsg1, build 297e128' ;;
  'version --format'*) echo 20.10.24 ;;
  build\ *) echo "BuildKit: $DOCKER_BUILDKIT" ;;
  'image inspect'*) echo 6120000 ;;
  *) exit 1 ;;
esac
END
  play build-images.sh
  expect_status 0
  expect 'BuildKit: 1'
  rm "$work_dir/fakes2/docker"
  play build-images.sh
  expect_refusal "$work_dir/fakes/docker cannot do BuildKit: install its buildx plugin"
  passed "of several dockers, the one that can do BuildKit is taken"
}

docker_that_cannot_build_is_one_line() {
  scenario
  play build-images.sh
  expect_refusal 'docker not found'
  fake docker <<'END'
case "$*" in
  'buildx version') echo v0.20 ;;
  *) printf '\nCannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n' >&2 && exit 1 ;;
esac
END
  play build-images.sh
  expect_refusal 'no Docker daemon answers; is it started? docker says: Cannot connect to the Docker daemon'
  expect_no_call 'docker build '
  passed "no docker, or no daemon, is one line"
}

prebuilt_binaries_are_static() {
  scenario
  fake_docker
  fake rustc <<<'printf "rustc 1.95.0\nhost: some-linux-gnu\nrelease: 1.95.0\n"'
  fake cargo <<'END'
case "$*" in
  metadata*) echo "{\"target_directory\":\"$PWD/target\",\"version\":1}" ;;
  build*)
    echo "flags: $RUSTFLAGS"
    mkdir -p target/some-linux-gnu/release
    echo static >target/some-linux-gnu/release/backend-service
    echo static >target/some-linux-gnu/release/client-service
    ;;
esac
END
  play build-images.sh --prebuilt
  expect_status 0
  expect 'flags: -C target-feature=+crt-static'
  expect_call 'cargo build --release --locked --target some-linux-gnu -p backend-service -p client-service'
  expect_call "docker build -f backend/Dockerfile -t backend-service:latest $built_with --build-arg BINARIES=prebuilt ."
  [ "$(cat target/images/*)" = $'static\nstatic' ] || fail "the binaries are not where the Dockerfiles take them from"

  mkdir -p "$work_dir/static"
  printf '#!/bin/sh\n' | tee "$work_dir/static/backend-service" >"$work_dir/static/client-service"
  chmod +x "$work_dir/static"/*
  : >"$work_dir/calls"
  variables=(PREBUILT=1 BIN_DIR="$work_dir/static")
  play build-images.sh
  expect_status 0
  expect_no_call cargo
  cmp -s "$work_dir/static/client-service" target/images/client-service || fail "other binaries were taken"

  fake cargo <<<'[ "$1" = --version ] || { echo "error: it does not compile" >&2; exit 101; }'
  variables=()
  : >"$work_dir/calls"
  play build-images.sh --prebuilt
  expect_status 1
  expect 'error: it does not compile'
  expect_no_call 'docker build '
  passed "prebuilt binaries are static ones, and are where the images take them from"
}

a_failed_build_loads_nothing() {
  scenario
  fake docker <<'END'
case "$*" in
  'buildx version') echo v0.20 ;;
  'version --format'*) echo 28.2.2 ;;
  build*client*) echo 'failed to solve: no such image' >&2 && exit 1 ;;
esac
END
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
  play build-images.sh
  expect_status 1
  expect 'failed to solve'
  [[ $(tail -n 1 "$output") == 'error: '* ]] || fail "no closing line"
  expect '--prebuilt needs none'
  expect_no_call kind
  variables=(PREBUILT=1 BIN_DIR="$work_dir/static")
  play build-images.sh
  expect_status 1
  expect_not '--prebuilt needs none'
  passed "a failed build loads nothing, and names the way without a registry"
}

# ---- deploy.sh -----------------------------------------------------------------------------------

# Of a cluster where all goes well; what comes first on standard input goes first.
fake_cluster() {
  local context=$1
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
  } | fake_kubectl "$context"
}

deploy_waits_and_prints_the_urls() {
  start_fast_lab
  scenario
  fake_cluster docker-desktop </dev/null
  variables=(NODE_PORT="$client_port" TIMEOUT=50)
  play deploy.sh
  stop_lab
  expect_status 0
  expect_call 'kubectl apply -k deploy/base'
  expect_call 'kubectl --namespace lab3-resilience rollout status deployment/backend-service --timeout=50s'
  grep -q '^kubectl --namespace lab3-resilience rollout status deployment/client-service --timeout=[45][0-9]s$' "$work_dir/calls" ||
    fail "the client is not waited for, or not in the same time"
  expect_no_call '.* rollout restart'
  expect "The client answers on http://localhost:$client_port"
  expect 'kubectl port-forward --namespace lab3-resilience service/client-service 30080:8000'

  play deploy.sh --restart
  expect_status 0
  expect_call 'kubectl --namespace lab3-resilience rollout restart deployment/backend-service deployment/client-service'
  expect "http://localhost:$client_port does not answer from here"
  fake_cluster minikube </dev/null
  play deploy.sh
  expect_status 0
  expect 'minikube service --namespace lab3-resilience client-service --url'
  fake_cluster kind-lab </dev/null
  play deploy.sh
  expect_status 0
  expect 'extraPortMappings'
  passed "deploy applies, waits for both, and prints the URLs"
}

deploy_of_an_overlay() {
  scenario
  fake_cluster some-cloud <<'END'
case "$*" in
  *'get service client-service'*)
    echo '{"spec":{"type":"LoadBalancer","ports":[{"port":80,"nodePort":31234}]},"status":{"loadBalancer":{}}}' && exit ;;
esac
END
  play deploy.sh --overlay production
  expect_status 0
  expect_call 'kubectl apply -k deploy/overlays/production'
  expect 'The load balancer has no address yet'
  expect 'client-service 30080:80'
  : >"$work_dir/calls"
  play deploy.sh --overlay staging
  expect_refusal 'there is no deploy/overlays/staging; overlays: production'
  play deploy.sh --overlay
  expect_refusal '--overlay needs a name'
  play deploy.sh --overlay ../base
  expect_refusal 'is not a name'
  expect_no_call kubectl
  passed "an overlay is deployed, and an unknown one is one line"
}

# What a cluster has after production has been deployed, and a policy that somebody has made by hand.
fake_two_overlays() {
  fake_cluster kind-lab <<'END'
case "$*" in
  'get -k deploy/base --output name --ignore-not-found'*)
    printf '%s\n' namespace/lab3-resilience service/backend-service service/client-service \
      deployment.apps/backend-service deployment.apps/client-service && exit ;;
  'get -k deploy/overlays/production --output name --ignore-not-found'*)
    printf '%s\n' namespace/lab3-resilience service/backend-service service/client-service \
      deployment.apps/backend-service deployment.apps/client-service \
      horizontalpodautoscaler.autoscaling/client-service networkpolicy.networking.k8s.io/default-deny && exit ;;
  *' --selector app.kubernetes.io/part-of=lab3-resilience --output name'*)
    [ -z "$FORBIDDEN" ] || { echo 'Error from server (Forbidden)' >&2; exit 1; }
    printf '%s\n' service/backend-service service/client-service \
      deployment.apps/backend-service deployment.apps/client-service \
      horizontalpodautoscaler.autoscaling/client-service networkpolicy.networking.k8s.io/default-deny && exit ;;
esac
END
}

deploy_names_what_another_overlay_has_left() {
  scenario
  fake_two_overlays
  play deploy.sh
  expect_status 0
  expect 'Not part of deploy/base, but still in force:'
  expect '  networkpolicy.networking.k8s.io/default-deny'
  expect "  kubectl --namespace lab3-resilience delete horizontalpodautoscaler.autoscaling/client-service \
networkpolicy.networking.k8s.io/default-deny && scripts/deploy.sh"
  # It may be somebody's own.
  expect_no_call '.*delete'

  # Production has all that the base has.
  play deploy.sh --overlay production
  expect_status 0
  expect_not 'still in force'

  # Somebody who may not list is told so, and that the services are ready.
  variables=(FORBIDDEN=yes)
  play deploy.sh
  expect_status 0
  expect 'Both services are ready'
  expect 'what another overlay may have left cannot be listed'
  expect_not 'still in force'
  passed "what another overlay has left is named, with the command that removes it, and stays"
}

deploy_without_a_cluster_is_one_line() {
  scenario
  play deploy.sh
  expect_refusal 'kubectl not found'
  fake_kubectl '' </dev/null
  play deploy.sh
  expect_refusal 'kubectl has no current context: start a cluster'
  fake_kubectl kind-gone <<<'echo "The connection to the server 127.0.0.1:6443 was refused" >&2; exit 1'
  play deploy.sh
  expect_refusal 'the cluster of context kind-gone does not answer: The connection to the server'
  expect_no_call '.* apply'
  fake_cluster kind-lab <<<'if [ "$1" = apply ]; then echo "error: forbidden" >&2; exit 1; fi'
  play deploy.sh
  expect_status 1
  expect 'error: kubectl apply failed'
  expect_no_call '.* rollout'
  passed "no kubectl, no context, no cluster: one line each"
}

# fake_stuck_cluster [IMAGE]: a cluster where rollouts hang, with a pod in the state that standard input has
# as JSON.
fake_stuck_cluster() {
  local container image=${1:-backend-service:latest}
  container=$(cat)
  fake_cluster kind-lab <<END
case "\$*" in
  *'rollout status'*) echo 'Waiting for deployment rollout to finish: 0 of 2 updated replicas are available...'; exec sleep 100 ;;
  *'get pods'*) cat <<'JSON' && exit ;;
{"items": [{"metadata": {"name": "backend-service-1"}, "spec": {"containers": [{"image": "$image"}]},
  "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}],
  "containerStatuses": [$container]}}]}
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

# They are stuck before, too, so all is started anew: a new pod has another name.
let_pods_be_new() {
  sed -i 's/"backend-service-1"/"backend-service-'\''$RANDOM'\''"/; s/<<'\''JSON'\''/<<JSON/' "$work_dir/fakes/kubectl"
}

deploy_explains_a_missing_image() {
  local begin=$SECONDS
  scenario
  fake_stuck_cluster <<<'{"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"backend-service:latest\""}}}'
  let_pods_be_new
  play deploy.sh
  expect_status 1
  ((SECONDS - begin < 40)) || fail "it took $((SECONDS - begin)) s"
  expect ': ImagePullBackOff, 0 restarts'
  expect 'Back-off pulling image'
  expect 'ImagePullBackOff: the node has no such image'
  grep -qx '  scripts/build-images.sh' "$output" || fail "the hint does not build the tag latest"
  expect 'backend-service: 0 of 2 ready'
  expect 'MinimumReplicasUnavailable: Deployment does not have minimum availability.'
  expect_not 'ReplicaSetUpdated'
  expect 'some event'
  expect_not 'Last lines of'
  [[ $(tail -n 1 "$output") == 'error: backend-service did not become ready'* ]] || fail "no closing line"
  expect_no_call '.* rollout status deployment/client-service'
  passed "a missing image is found early, and the hint says what to do"
}

# The command that is printed makes just the image that pods wait for.
deploy_says_how_to_make_the_missing_image() {
  local image expected
  while IFS='|' read -r image expected; do
    scenario
    fake_stuck_cluster "$image" <<<'{"ready": false, "state": {"waiting": {"reason": "ErrImagePull"}}}'
    let_pods_be_new
    sed -i 's/exec sleep 100/exit 1/' "$work_dir/fakes/kubectl"
    play deploy.sh --overlay production
    expect_status 1
    [ "$(sed -n '/^To make the images/,/^error:/{//!p}' "$output")" = "$(printf '%b' "$expected")" ] ||
      fail "of $image, expected:"$'\n'"$(printf '%b' "$expected")"
  done <<'END'
backend-service:1.2.3|  IMAGE_TAG=1.2.3 scripts/build-images.sh
backend-service|  scripts/build-images.sh
registry.test:5000/lab/backend-service:1.2.3|  IMAGE_TAG=1.2.3 scripts/build-images.sh\n  docker tag backend-service:1.2.3 registry.test:5000/lab/backend-service:1.2.3 && docker push registry.test:5000/lab/backend-service:1.2.3
registry.test/backend-service@sha256:00|  # registry.test/backend-service@sha256:00: a digest, which only its registry has
END
  # And that command does build it.
  scenario
  fake_docker
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
  variables=(IMAGE_TAG=1.2.3)
  play build-images.sh
  expect_status 0
  expect_call 'kind load docker-image --name lab backend-service:1.2.3 client-service:1.2.3'
  expect 'Next: scripts/deploy.sh --overlay NAME, of an overlay that takes the tag 1.2.3'
  passed "the hint builds the tag that the pods wait for"
}

deploy_explains_a_crash() {
  scenario
  fake_stuck_cluster <<<'{"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}}'
  variables=(TIMEOUT=2)
  sed -i 's/exec sleep 100/sleep 2; exit 1/' "$work_dir/fakes/kubectl"
  play deploy.sh
  expect_status 1
  expect 'backend-service-1: CrashLoopBackOff, 3 restarts, ended with exit code 2 (Error)'
  expect '  | PORT="x" is not valid'
  expect_call 'kubectl --namespace lab3-resilience logs backend-service-1 --tail=10 --request-timeout=10s'
  passed "a crash is shown with its exit code and its log"
}

deploy_explains_pods_that_are_not_there() {
  scenario
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
  [[ $(tail -n 1 "$output") == 'error: backend-service did not become ready'* ]] || fail "no closing line"
  expect 'backend-service-1: Unschedulable, 0 restarts'
  expect '1 Insufficient memory'
  expect 'Unschedulable: the cluster has no room for 1 of the pods.'
  expect 'FailedCreate: pods are forbidden: violates PodSecurity'
  passed "pods without a place, or that are refused, are explained"
}

deploy_frees_what_is_stuck() {
  scenario
  # Once everything is started anew, the old pod is still there for a while, and is no failure.
  fake_cluster kind-lab <<'END'
case "$*" in
  *'rollout status'*) sleep 3 ;;
  *'get pods'*) echo '{"items": [{"metadata": {"name": "old"}, "status": {"containerStatuses": [
      {"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull"}}}]}}]}' && exit ;;
esac
END
  play deploy.sh
  expect_status 0
  expect 'An earlier rollout is stuck; starting all pods anew'
  expect_call 'kubectl --namespace lab3-resilience rollout restart deployment/backend-service deployment/client-service'

  fake_cluster kind-lab <<'END'
case "$*" in
  *'get deployments'*) echo '{"items": [{"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}]}' && exit ;;
esac
END
  : >"$work_dir/calls"
  play deploy.sh
  expect_status 0
  expect_call 'kubectl --namespace lab3-resilience rollout restart deployment/backend-service deployment/client-service'
  passed "what is stuck from before is started anew"
}

deploy_waits_for_the_old_namespace() {
  scenario
  fake_cluster kind-lab <<<'case "$*" in "get namespace"*) echo Terminating; exit ;; esac'
  variables=(TIMEOUT=20)
  play deploy.sh
  expect_status 0
  [[ $(sed -n '/wait\|apply/p' "$work_dir/calls" | head -n 1) == 'kubectl wait --for=delete namespace/lab3-resilience --timeout=20s' ]] ||
    fail "the old namespace is not waited for"
  passed "a namespace that is being deleted is waited for"
}

deploy_can_be_interrupted() {
  scenario
  fake_cluster kind-lab <<<'case "$*" in *"rollout status"*) echo "process $$"; echo waiting; exec sleep 100 ;; esac'
  start_play deploy.sh
  await waiting
  kill -s INT "$job"
  reap "$job"
  expect_status 130
  expect_end "$(sed -n 's/^process //p' "$output")"
  passed "Ctrl-C ends deploy and its kubectl"
}

# ---- cleanup.sh ----------------------------------------------------------------------------------

fake_deployed() {
  fake_kubectl kind-lab <<'END'
case "$*" in
  'get namespace'*) echo namespace/lab3-resilience ;;
  'delete namespace'*) echo 'namespace "lab3-resilience" deleted' ;;
esac
END
}

readonly deletion='kubectl delete namespace lab3-resilience --ignore-not-found --timeout=1[78][0-9]s'

cleanup_removes_the_namespace() {
  scenario
  fake_deployed
  play cleanup.sh --yes
  expect_status 0
  # Pods first: a namespace in which some are still ending is not looked at again for half of their grace period.
  [ "$(grep -o 'delete [a-z]* ' "$work_dir/calls")" = $'delete deployments \ndelete namespace ' ] ||
    fail "the deployments are not removed first"
  expect_call 'kubectl delete deployments --all --namespace lab3-resilience --cascade=foreground --ignore-not-found --timeout=180s'
  expect 'waiting until their pods have finished'
  expect 'The namespace lab3-resilience is gone'
  expect_no_call docker
  # Without the right to delete deployments, the namespace takes them along.
  fake_kubectl kind-lab <<<'case "$*" in "get namespace"*) echo namespace/lab3-resilience ;; *deployments*) exit 1 ;; esac'
  : >"$work_dir/calls"
  play cleanup.sh --yes
  expect_status 0
  expect 'warning: the deployments cannot be removed first'
  expect_call_like "$deletion"
  fake_kubectl kind-lab <<<'case "$*" in "get namespace"*) echo namespace/lab3-resilience ;; *) exit 1 ;; esac'
  play cleanup.sh --yes
  expect_status 1
  expect 'error: the namespace is not gone after 180 s'
  passed "cleanup removes the deployments, then the namespace, and says when it does not go"
}

cleanup_asks() {
  local reply
  scenario
  fake_deployed
  play cleanup.sh
  expect_status 1
  expect '--yes is needed'
  expect_no_call 'kubectl delete'
  for reply in n '' y; do
    reap_terminal "$reply"
    expect '[y/N]'
    [ "$reply" = y ] || { expect 'Nothing removed' && expect_no_call 'kubectl delete'; }
  done
  expect_call_like "$deletion"
  passed "cleanup asks, and takes only a yes for a yes"
}

# Runs cleanup.sh on a terminal of its own, where somebody types a line.
reap_terminal() {
  status=0
  PATH=$work_dir/fakes:$work_dir/tools CALLS_FILE=$work_dir/calls TMPDIR=$work_dir/tmp \
    "$(type -P script)" -qec "$stage/scripts/cleanup.sh" /dev/null <<<"$1" >"$output" 2>&1 || status=$?
}

cleanup_of_nothing_is_no_failure() {
  scenario
  play cleanup.sh
  expect_status 0
  expect 'No cluster to clean up'
  fake_kubectl '' </dev/null
  play cleanup.sh
  expect_status 0
  fake_kubectl kind-lab </dev/null
  play cleanup.sh --yes
  expect_status 0
  expect 'Nothing to remove: context kind-lab has no namespace lab3-resilience'
  expect_no_call '.* delete'
  play cleanup.sh --images
  expect_status 0
  expect 'No images to remove'
  fake_kubectl kind-gone <<<'echo "Unable to connect to the server" >&2; exit 1'
  play cleanup.sh --yes
  expect_refusal 'the cluster of context kind-gone does not answer: Unable to connect to the server'
  passed "nothing to clean up is no failure, a cluster that does not answer is"
}

cleanup_removes_images() {
  scenario
  fake_docker
  play cleanup.sh --images
  expect_status 0
  expect_call 'docker rmi backend-service:latest'
  expect_call 'docker rmi client-service:latest'
  fake docker <<<'[ "$1" = version ]'
  play cleanup.sh --images
  expect_status 0
  expect 'there is no image client-service:latest'
  fake docker <<<'[ "$1" != rmi ] || { echo "image is being used by running container" >&2; exit 1; }'
  play cleanup.sh --images
  expect_status 1
  expect 'being used'
  passed "cleanup removes the images"
}

# ---- watch-transitions.sh ------------------------------------------------------------------------

transitions_on_a_cluster_are_followed() {
  scenario
  # The first time kubectl ends as it does when a pod ends; the second time there is another pod.
  fake_kubectl kind-lab <<'END'
first='[pod/client-service-a/client-service] 2026-01-01T10:00:00.000Z INFO  resilience_actors::breaker circuit_breaker: closed -> open (5 consecutive failures, last: status 500; half-open in 30.0s)'
second='[pod/client-service-b/client-service] {"level":"INFO","message":"circuit_breaker: half-open -> open (trial failed: \"x\"; half-open in 30.0s)","target":"t","timestamp":"2026-01-01T10:00:30.000Z"}'
case "$*" in
  *'get deployment client-service'*) echo deployment.apps/client-service ;;
  *'get pods'*) echo client-service-a Running 0 ;;
  *' logs '*)
    echo '[pod/client-service-a/client-service] 2026-01-01T09:59:59.000Z INFO  x retry: call 1 circuit_breaker: of no interest'
    echo "$first"
    if [ -e "$CALLS_FILE.again" ]; then echo "$second"; exec sleep 100; fi
    touch "$CALLS_FILE.again"
    ;;
esac
END
  start_play watch-transitions.sh
  await 'client-service-b'
  kill -s INT "$job"
  reap "$job"
  expect_status 0
  expect_call 'kubectl --namespace lab3-resilience logs --selector app=client-service --follow --prefix --since=1h --tail=-1 --max-log-requests=100 --ignore-errors'
  expect '10:00:00.000Z  client-service-a  closed -> open       (5 consecutive failures, last: status 500; half-open in 30.0s)'
  expect '10:00:30.000Z  client-service-b  half-open -> open    (trial failed: "x"; half-open in 30.0s)'
  (($(grep -c 'closed -> open ' "$output") == 1)) || fail "a transition is shown twice"
  expect_not 'of no interest'
  rm -f "$work_dir/calls.again"

  scenario
  fake_kubectl kind-lab </dev/null
  play watch-transitions.sh
  expect_refusal 'no lab found: the lab is not deployed to context kind-lab, and no run-local.sh'
  fake_kubectl kind-gone <<<'exit 1'
  play watch-transitions.sh --cluster
  expect_refusal 'the cluster of context kind-gone does not answer'
  play watch-transitions.sh --local
  expect_status 1
  expect 'start scripts/run-local.sh first'
  play watch-transitions.sh --since yesterday
  expect_refusal '--since "yesterday" is not valid'
  passed "transitions on a cluster are followed from pod to pod, each shown once; Ctrl-C is no failure"
}

transitions_of_a_local_lab_are_followed() {
  local format
  for format in text json; do
    start_fast_lab LOG_FORMAT=$format
    scenario
    variables=(LOG_DIR="$work_dir" CLIENT_PORT="$client_port")
    start_play watch-transitions.sh
    await "Following $work_dir/client-$client_port.log"
    plain_curl -o /dev/null "$client_url/api/stress-test" -d '{}' -H 'Content-Type: application/json'
    await '  local  closed -> open       (5 consecutive failures, last: status 500; half-open in 2.0s)'
    plain_curl -o /dev/null -X POST "$client_url/api/circuit-breaker/reset"
    await '  local  open -> closed       (manual reset)'
    kill -s INT "$job"
    reap "$job"
    expect_status 0
    stop_lab
  done
  passed "transitions of a local lab are followed, in text and in JSON"
}

# ---- run-tests.sh --------------------------------------------------------------------------------

# start_fast_lab [VARIABLE=VALUE...]: both services, with the lab's fault rates and all times a tenth;
# the variables are for the client. Sets $client_port, $client_url and $backend_url.
start_fast_lab() {
  # Services only add to their logs.
  rm -f "$work_dir"/*.log
  start_service backend-service 0 "$work_dir/backend.log" SLOW_RESPONSE_DELAY=0.5
  backend=$job
  await_service backend-service "$backend" "$work_dir/backend.log"
  backend_url=http://127.0.0.1:$port
  client_port=$(free_port)
  start_service client-service "$client_port" "$work_dir/client-$client_port.log" \
    BACKEND_URL="$backend_url" ATTEMPT_TIMEOUT=0.3 CONNECT_TIMEOUT=0.3 CALL_DEADLINE=3 RETRY_BASE_DELAY=0.1 \
    BREAKER_TRIAL_LEASE=1 BREAKER_RESET_TIMEOUT=2 "$@"
  client=$job
  await_service client-service "$client" "$work_dir/client-$client_port.log" "$client_port"
  client_url=http://127.0.0.1:$client_port
}

stop_lab() {
  # The one that a play left stays.
  local status
  signal_job TERM "$client"
  signal_job TERM "$backend"
  reap "$client"
  reap "$backend"
}

a_correct_lab_is_green() {
  start_fast_lab ADMIN_TOKEN=secret
  scenario
  variables=(BASE_URL="$client_url" BACKEND_URL="$backend_url" ADMIN_TOKEN=secret)
  play run-tests.sh
  expect_status 0
  expect_not FAILED
  expect 'All as expected.'
  (($(grep -c '^  ok ' "$output") >= 25)) || fail "too few observations"
  expect_not secret
  variables=(BASE_URL="$client_url" PARTS=B)
  play run-tests.sh
  expect_status 1
  expect 'set ADMIN_TOKEN'
  # That is a service, but not the client.
  variables=(BASE_URL="$backend_url")
  play run-tests.sh
  expect_refusal 'is not client-service'
  stop_lab
  passed "a correct lab is green"
}

a_breaker_that_never_opens_is_red() {
  start_fast_lab BREAKER_FAIL_MAX=1000000
  scenario
  variables=(BASE_URL="$client_url" PARTS=B)
  play run-tests.sh
  stop_lab
  expect_status 1
  expect 'FAILED  20 failures open the circuit'
  passed "a breaker that never opens is red"
}

a_client_without_retries_is_red() {
  start_fast_lab RETRY_MAX_ATTEMPTS=1
  scenario
  variables=(BASE_URL="$client_url" PARTS=A)
  play run-tests.sh
  expect_status 1
  expect 'FAILED  with resilience more succeed'
  variables=(BASE_URL="$client_url" PARTS=C)
  play run-tests.sh
  stop_lab
  expect_status 1
  expect 'FAILED  throttled calls are repeated'
  passed "a client without retries is red"
}

a_lab_that_is_not_there_is_one_line() {
  local port
  port=$(free_port)
  scenario
  variables=(BASE_URL="http://127.0.0.1:$port/")
  play run-tests.sh
  expect_refusal "nothing answers at http://127.0.0.1:$port/health"
  play stress-test.sh
  expect_refusal "nothing answers at http://127.0.0.1:$port/health"
  variables=(BASE_URL=localhost)
  play run-tests.sh
  expect_refusal 'BASE_URL="localhost" is not valid'
  variables=(PARTS=D)
  play run-tests.sh
  expect_refusal 'PARTS="D" is not valid'
  rm "$work_dir/tools/jq"
  variables=()
  play run-tests.sh
  expect_refusal 'jq not found'
  ln -s "$(type -P jq)" "$work_dir/tools/jq"
  passed "a lab that is not there, or a missing tool, is one line"
}

# As behind a node's proxy that does not know a new Service yet.
a_client_that_listens_late_is_awaited() {
  local port playing
  port=$(free_port)
  scenario
  fake curl <<<"exec $(type -P curl) \"\$@\""
  variables=(BASE_URL="http://127.0.0.1:$port")
  start_play stress-test.sh --requests 1 --endpoint /health
  playing=$job
  await "127.0.0.1:$port/health" "$work_dir/calls"
  start_service client-service "$port" "$work_dir/late.log"
  reap "$playing"
  signal_job TERM "$job"
  wait "$job" || true
  expect_status 0
  grep -Eq '^200 +1 ' "$output" || fail "no answer was counted"
  passed "a client that listens a second late is waited for"
}

run_tests_can_be_interrupted() {
  start_fast_lab BREAKER_RESET_TIMEOUT=100
  scenario
  variables=(BASE_URL="$client_url" PARTS=B)
  start_play run-tests.sh
  await 'Left alone for the reset timeout'
  signal_job INT "$job"
  reap "$job"
  stop_lab
  expect_status 130
  expect_not 'error:'
  passed "Ctrl-C ends run-tests, and nothing is left"
}

# ---- stress-test.sh ------------------------------------------------------------------------------

load_is_counted() {
  local before after
  start_fast_lab
  scenario
  # A sound backend.
  plain_curl -o /dev/null -X PUT "$backend_url/api/faults" -d '{"failure_rate": 0, "slow_response_rate": 0}'
  before=$(calls_of_client)
  variables=(BASE_URL="$client_url" CONCURRENCY=50)
  play stress-test.sh --requests 10000
  after=$(calls_of_client)
  expect_status 0
  ((after - before == 10000)) || fail "$((after - before)) calls were made, expected 10000"
  grep -Eq '^200 +10000 +100\.0 % .* s$' "$output" || fail "no line for 200"
  grep -Eq '^all +10000 ' "$output" || fail "no line for all"
  grep -Eq '^10000 calls in [0-9.]+ s: [0-9]+ per second$' "$output" || fail "no rate"

  # One that fails, without retries: 500s are answers.
  plain_curl -o /dev/null -X PUT "$backend_url/api/faults" -d '{"failure_rate": 1, "slow_response_rate": 0}'
  variables=(BASE_URL="$client_url" REQUESTS=40 CONCURRENCY=4 ENDPOINT=/api/call-backend-without-resilience)
  play stress-test.sh
  expect_status 0
  grep -Eq '^500 +40 +100\.0 %' "$output" || fail "no line for 500"

  # One that hangs.
  plain_curl -o /dev/null -X PUT "$backend_url/api/faults" -d '{"sequence": ["hang"], "repeat": true}'
  variables=(BASE_URL="$client_url" TIME_LIMIT=2)
  play stress-test.sh --concurrency 2
  expect_status 1
  expect 'error: the time of 2 s was over after '
  variables=(BASE_URL="$client_url")
  play stress-test.sh --concurrency 301
  expect_refusal 'CONCURRENCY="301" is not valid: expected a whole number from 1 to 300'
  play stress-test.sh --endpoint health
  expect_refusal 'ENDPOINT="health" is not valid'

  # A client that dies under it leaves calls without an answer.
  start_play stress-test.sh --requests 300 --endpoint /api/call-backend-without-resilience
  await 'calls to'
  sleep 0.5
  signal_job KILL "$client"
  reap "$job"
  expect_status 1
  expect 'no answer '
  grep -Eq '^error: [0-9]+ of 300 calls got no answer$' "$output" || fail "no closing line"
  stop_lab
  passed "load is made as asked, counted and bounded"
}

calls_of_client() {
  get "$client_url/api/stats" | jq .statistics.total_requests
}

main "$@"
