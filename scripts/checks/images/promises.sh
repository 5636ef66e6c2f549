# shellcheck shell=bash disable=SC2154  # variables of images.sh
# Checks the promises in deploy/README.md: the size of each image and the start time of its container. For images.sh.

sizes_are_small() {
  begin "the images are small"
  local service bytes max_megabytes
  find_promise 'at most ([0-9]+) MB each\.' "how large the images are"
  max_megabytes=${BASH_REMATCH[1]}
  for service in backend client; do
    bytes=$(docker image inspect --format '{{.Size}}' "$service-service:latest")
    say "$service-service:latest is $((bytes / 1000)) kB"
    ((bytes <= max_megabytes * 1000 * 1000)) || die "expected at most $max_megabytes MB, as deploy/README.md says"
  done
}

# From the start of the container's process to the first healthy answer, as curl sees it. The best of three runs is
# nearest to the service's own time.
starts_are_quick() {
  begin "a container is healthy soon after its start"
  local service port begin now took best max_start_ms
  find_promise 'A container is healthy within ([0-9]+) ms' "how soon a container is healthy"
  max_start_ms=${BASH_REMATCH[1]}
  for service in backend:5000 client:8000; do
    port=${service#*:}
    service=${service%:*}
    best=999999
    for _ in 1 2 3; do
      contain "$service" start --publish "127.0.0.1:$CLIENT_PORT:$port" --network "$prefix-front"
      docker stop --time 5 "$prefix-start" >/dev/null
      docker start "$prefix-start" >/dev/null
      # The engine's record of the moment at which it started the process.
      begin=$(date -d "$(docker inspect --format '{{.State.StartedAt}}' "$prefix-start")" +%s%6N)
      until is_healthy; do
        sleep 0.002
      done
      now=${EPOCHREALTIME/./}
      took=$(((now - begin) / 1000))
      remove start
      ((took >= best)) || best=$took
    done
    say "$service-service is healthy $best ms after its container's start (best of three)"
    ((best <= max_start_ms)) || die "expected at most $max_start_ms ms, as deploy/README.md says"
  done
}
