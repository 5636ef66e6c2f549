#!/usr/bin/env bash
# Builds the images backend-service and client-service, and loads them into the cluster that kubectl's
# current context names: kind or minikube; Docker Desktop's own needs no loading.
#
# Usage: scripts/build-images.sh [--prebuilt] [--no-load] [--help]
#
#   --prebuilt  compiles both services on this machine, as static binaries, and copies them into the images.
#               Needs no builder image, and so no registry. Linux only.
#   --no-load   leaves the images in the Docker engine, and loads them into no cluster
#
# Environment:
#   BUILDER    the image to compile in: Debian-like, with Rust and a C linker (default: the Dockerfiles')
#   IMAGE_TAG  the images' tag (default latest, as deploy/base has it; production's is in its kustomization.yaml)
#   PREBUILT   1 does the same as --prebuilt
#   BIN_DIR    with --prebuilt: use the static binaries there, instead of compiling
#
# Needs: a docker command on the PATH that supports BuildKit; with --prebuilt also cargo.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  IMAGE_TAG=${IMAGE_TAG:-latest}
  prebuilt=false
  no_load=false
  case ${PREBUILT:-0} in
    0) ;;
    1) prebuilt=true ;;
    *) die "PREBUILT=\"$PREBUILT\" is not valid: expected 0 or 1" ;;
  esac
  read_arguments --prebuilt --no-load -- "$@"
  [[ $IMAGE_TAG =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || die "IMAGE_TAG=\"$IMAGE_TAG\" is not a tag"
  backend_image=backend-service:$IMAGE_TAG
  client_image=client-service:$IMAGE_TAG
  find_docker buildkit
  clean_up_at_exit
  cd "$repo_root"

  build_arguments=(--build-arg "VERSION=$(version)" --build-arg "REVISION=$(revision)")
  [ -z "${BUILDER:-}" ] || build_arguments+=(--build-arg "BUILDER=$BUILDER")
  if $prebuilt; then
    prebuild
    build_arguments+=(--build-arg BINARIES=prebuilt)
  fi
  build_image backend "$backend_image"
  build_image client "$client_image"
  $no_load || load_images
  print_sizes
  if $no_load; then
    return
  elif [ "$IMAGE_TAG" = latest ]; then
    say "Next: scripts/deploy.sh (if the lab is already deployed: scripts/deploy.sh --restart)"
  else
    say "Next: scripts/deploy.sh --overlay NAME, of an overlay that takes the tag $IMAGE_TAG, such as production"
  fi
}

# The workspace's version, which both crates have.
version() {
  sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1
}

revision() {
  git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || say unknown
}

# Puts static binaries into the folder that the Dockerfiles copy from.
prebuild() {
  local name
  [ "$(uname -s)" = Linux ] || die "--prebuilt needs Linux: what is compiled here does not run in a container"
  if [ -n "${BIN_DIR:-}" ]; then
    provide_services
  else
    build_static_services
  fi
  mkdir -p target/images
  for name in backend-service client-service; do
    # Moves complete files: a copy could leave half a binary, or fail because the old one is running.
    cp "$bin_dir/$name" "target/images/$name.new"
    mv -f "target/images/$name.new" "target/images/$name"
  done
}

# build_image SERVICE IMAGE
build_image() {
  say "Building $2 ..."
  start_job env DOCKER_BUILDKIT=1 "$docker" build -f "$1/Dockerfile" -t "$2" "${build_arguments[@]}" .
  reap "$job"
  ((status != 0)) || return 0
  if ! $prebuilt; then
    complain "If an image could not be pulled: BUILDER=IMAGE takes one that is here; on Linux, --prebuilt needs none."
  fi
  die "docker build failed (exit status $status); its output is above"
}

# Loads the images if the cluster does not use this Docker engine.
load_images() {
  find_context
  if ! command -v kubectl >/dev/null 2>&1; then
    say "kubectl is not installed: the images stay in this Docker engine"
  elif [ -z "$context" ]; then
    say "kubectl has no current context: the images stay in this Docker engine"
  elif [[ $context == kind-* ]]; then
    need kind "see https://kind.sigs.k8s.io; context $context is one of its clusters"
    say "Loading the images into the kind cluster ${context#kind-} ..."
    run_job kind load docker-image --name "${context#kind-}" "$backend_image" "$client_image"
  elif [ "$context" = minikube ] || is_minikube_profile; then
    need minikube "see https://minikube.sigs.k8s.io; context $context is one of its clusters"
    say "Loading the images into the minikube cluster $context ..."
    run_job minikube --profile "$context" image load "$backend_image"
    run_job minikube --profile "$context" image load "$client_image"
  elif [ "$context" = docker-desktop ]; then
    say "Docker Desktop's cluster takes the images from this Docker engine: nothing to load"
  else
    say "Nothing loaded: if the cluster of context $context does not use this Docker engine," \
      "push the images to a registry that it can pull from"
  fi
}

is_minikube_profile() {
  command -v minikube >/dev/null 2>&1 &&
    [[ $(minikube profile list --output json 2>/dev/null) == *"\"Name\":\"$context\""* ]]
}

print_sizes() {
  local image bytes
  say
  for image in "$backend_image" "$client_image"; do
    bytes=$("$docker" image inspect --format '{{.Size}}' "$image")
    printf '%-32s %3d.%d MB\n' "$image" $((bytes / 1000000)) $((bytes / 100000 % 10))
  done
}

main "$@"
