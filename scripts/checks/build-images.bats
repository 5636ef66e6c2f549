# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# build-images.sh, with fakes of docker, cargo and the clusters' tools.

load helper

setup_file() {
  make_stage
}

readonly built_with='--build-arg VERSION=1.2.3 --build-arg REVISION=unknown'

# A fake kind with one cluster.
fake_kind() {
  fake_docker
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
}

@test "both images are built, loaded into kind, and their sizes are shown" {
  fake_kind
  play build-images.sh
  expect_status 0
  expect_call "docker build -f backend/Dockerfile -t backend-service:latest $built_with ."
  expect_call "docker build -f client/Dockerfile -t client-service:latest $built_with ."
  expect_call 'kind load docker-image --name lab backend-service:latest client-service:latest'
  [[ $(tail -n 1 "$calls") == 'docker image inspect '* ]] || fail "the sizes are not looked at"
  expect_line 'client-service:latest *7\.3 MB'
}

@test "the given tag and builder are used, and --no-load loads nothing" {
  fake_kind
  play BUILDER=some/rust:1 IMAGE_TAG=v2 build-images.sh --no-load
  expect_status 0
  expect_call "docker build -f client/Dockerfile -t client-service:v2 $built_with --build-arg BUILDER=some/rust:1 ."
  expect_no_call kind
}

@test "with a given tag, it prints the next step for an overlay" {
  fake_kind
  play IMAGE_TAG=1.2.3 build-images.sh
  expect_status 0
  expect_call 'kind load docker-image --name lab backend-service:1.2.3 client-service:1.2.3'
  expect 'Next: scripts/deploy.sh --overlay NAME, of an overlay that takes the tag 1.2.3'
}

@test "a missing kind, a bad tag and an unknown argument are errors" {
  fake_docker
  fake_kubectl kind-lab </dev/null
  play build-images.sh
  expect_status 1
  expect 'error: kind not found'
  play IMAGE_TAG='a b' build-images.sh
  expect_refusal 'IMAGE_TAG="a b" is not a tag'
  play build-images.sh --fast
  expect_refusal 'unknown argument "--fast"'
}

@test "images are loaded into minikube, whatever its profile's name" {
  local name
  for name in minikube practice; do
    fake_docker
    fake_kubectl "$name" </dev/null
    fake minikube <<<'[ "$1" != profile ] || echo "{\"invalid\":[],\"valid\":[{\"Name\":\"practice\",\"Status\":\"OK\"}]}"'
    play build-images.sh
    expect_status 0
    expect_call "minikube --profile $name image load backend-service:latest"
    expect_call "minikube --profile $name image load client-service:latest"
  done
}

# stays_in_the_engine CONTEXT REASON: nothing is loaded, and the output says why.
stays_in_the_engine() {
  fake_docker
  fake_kubectl "$1" </dev/null
  fake kind </dev/null
  fake minikube </dev/null
  play build-images.sh
  expect_status 0
  expect_no_call 'kind load'
  expect_no_call 'minikube.* image'
  expect "$2"
}

@test "Docker Desktop's cluster needs no loading" {
  stays_in_the_engine docker-desktop 'nothing to load'
}

@test "without a current context nothing is loaded" {
  stays_in_the_engine '' 'no current context'
}

@test "for another cluster nothing is loaded, and a registry is named" {
  stays_in_the_engine some-cloud 'push the images to a registry'
}

@test "without kubectl nothing is loaded" {
  fake_docker
  play build-images.sh
  expect_status 0
  expect 'kubectl is not installed'
}

@test "of several docker commands, the one with BuildKit is used" {
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
}

@test "a missing docker command or daemon is a one-line error" {
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
}
