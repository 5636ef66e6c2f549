# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# build-images.sh --prebuilt, and builds that fail, with fakes of docker and cargo.

load helper

setup_file() {
  make_stage
}

readonly built_with='--build-arg VERSION=1.2.3 --build-arg REVISION=unknown'

# make_binaries DIRECTORY: creates two programs in place of the services.
make_binaries() {
  mkdir -p "$1"
  printf '#!/bin/sh\n' | tee "$1/backend-service" >"$1/client-service"
  chmod +x "$1"/*
}

@test "prebuilt binaries are static, and in the folder that the Dockerfiles copy from" {
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
}

@test "with BIN_DIR, prebuilt binaries are used and none is compiled" {
  fake_docker
  fake cargo </dev/null
  make_binaries "$work_dir/static"
  play PREBUILT=1 BIN_DIR="$work_dir/static" build-images.sh
  expect_status 0
  expect_no_call cargo
  cmp "$work_dir/static/client-service" target/images/client-service || fail "other binaries were taken"
}

@test "without the prebuilt binaries no image is built" {
  fake_docker
  fake rustc <<<'echo "host: some-linux-gnu"'
  fake cargo <<<'[ "$1" = --version ] || { echo "error: it does not compile" >&2; exit 101; }'
  play build-images.sh --prebuilt
  expect_status 1
  expect 'error: it does not compile'
  expect_no_call 'docker build '
}

@test "a failed build loads nothing, and names the build without a registry" {
  fake_kubectl kind-lab </dev/null
  fake kind </dev/null
  fake docker <<'END'
case "$*" in
  'buildx version') echo v0.20 ;;
  'version --format'*) echo 28.2.2 ;;
  build*client*) echo 'failed to solve: no such image' >&2 && exit 1 ;;
esac
END
  play build-images.sh
  expect_status 1
  expect 'failed to solve'
  expect_last_line 'error: '
  expect '--prebuilt needs none'
  expect_no_call kind
  make_binaries "$work_dir/static"
  play PREBUILT=1 BIN_DIR="$work_dir/static" build-images.sh
  expect_status 1
  expect_not '--prebuilt needs none'
}
