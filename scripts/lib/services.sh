# shellcheck shell=bash disable=SC2154  # variables of lib.sh and its other parts
# Both services: building, starting, waiting until they are healthy. Sourced by lib.sh.

# Builds both release binaries, and sets $bin_dir to their directory. With BIN_DIR in the environment, takes the
# binaries there.
provide_services() {
  local name
  if [ -n "${BIN_DIR:-}" ]; then
    [ -d "$BIN_DIR" ] || die "BIN_DIR=\"$BIN_DIR\" is not a directory"
    bin_dir=$(CDPATH='' cd -- "$BIN_DIR" && pwd)
  else
    build_services
  fi
  for name in backend-service client-service; do
    [ -x "$bin_dir/$name" ] || die "$bin_dir/$name is missing"
  done
}

build_services() {
  need_cargo
  cd "$repo_root" || die "cannot enter $repo_root"
  start_job cargo build --release --locked -p backend-service -p client-service
  reap "$job"
  ((status == 0)) || die "the build failed (cargo's exit status $status); its output is above"
  bin_dir=$(target_dir)/release
}

# The same, statically linked, as the images have them. Linux only.
build_static_services() {
  local host
  need_cargo
  cd "$repo_root" || die "cannot enter $repo_root"
  host=$(rustc -vV | sed -n 's/^host: //p')
  say "Compiling static binaries for $host ..."
  # With --target, the flags are for the services only, not for programs that run during the build.
  run_job env RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --target "$host" -p backend-service -p client-service
  bin_dir=$(target_dir)/$host/release
}

# Prints cargo's target directory, as the environment and cargo's configuration have it.
target_dir() {
  local metadata
  metadata=$(cargo metadata --format-version 1 --no-deps --locked) || die "cargo metadata failed"
  metadata=${metadata##*'"target_directory":"'}
  say "${metadata%%'"'*}"
}

# start_service NAME PORT LOG [VARIABLE=VALUE...]: starts a service on 127.0.0.1, appends its log to a file, and sets
# $job to its process. With port 0 the system chooses.
start_service() {
  local name=$1 port=$2 log=$3
  shift 3
  start_job env HOST=127.0.0.1 PORT="$port" "$@" "$bin_dir/$name" >>"$log" 2>&1
}

# await_service NAME PROCESS LOG [PORT]: waits until a service is healthy, and sets $port to its port. If it ends, or
# is not healthy within STARTUP_TIMEOUT seconds (default 30), shows the end of its log and dies.
await_service() {
  local name=$1 process=$2 log=$3 requested=${4:-} deadline
  deadline=$((SECONDS + ${STARTUP_TIMEOUT:-30}))
  while :; do
    port=${requested:-$(port_in_log "$log")}
    if [ -n "$port" ] && [[ $(get "http://127.0.0.1:$port/health") == *"\"$name\""* ]]; then
      # Without this check, another healthy service on the port would count.
      is_running "$process" && return 0
    fi
    if ! is_running "$process"; then
      reap "$process"
      show_end_of_log "$log"
      die "$name ended at its start (exit status $status); the end of its log is above"
    fi
    if ((SECONDS >= deadline)); then
      show_end_of_log "$log"
      die "$name is not healthy after ${STARTUP_TIMEOUT:-30} s; the end of its log is above"
    fi
    sleep 0.1
  done
}

# The port in a service's "listening on ADDRESS:PORT" line.
port_in_log() {
  sed -n 's/.* listening on [^ ]*:\([0-9][0-9]*\) .*/\1/p' "$1" | head -n 1
}

show_end_of_log() {
  tail -n 20 "$1" | sed 's/^/  | /' >&2
}
