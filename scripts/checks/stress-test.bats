# shellcheck shell=bats disable=SC2154  # variables of helper.bash
# stress-test.sh, on a lab of this machine.

load helper

calls_of_client() {
  get "$client_url/api/stats" | jq .statistics.total_requests
}

@test "it makes exactly the requested number of calls, and counts them" {
  local before
  start_fast_lab
  set_faults '{"failure_rate": 0, "slow_response_rate": 0}'
  before=$(calls_of_client)
  play BASE_URL="$client_url" CONCURRENCY=50 stress-test.sh --requests 10000
  expect_status 0
  (($(calls_of_client) - before == 10000)) || fail "$(($(calls_of_client) - before)) calls were made, expected 10000"
  expect_line '200 +10000 +100\.0 % .* s'
  expect_line 'all +10000 .*'
  expect_line '10000 calls in [0-9.]+ s: [0-9]+ per second'
}

@test "failed answers are counted, and do not fail the script" {
  start_fast_lab
  set_faults '{"failure_rate": 1, "slow_response_rate": 0}'
  play BASE_URL="$client_url" REQUESTS=40 CONCURRENCY=4 ENDPOINT=/api/call-backend-without-resilience stress-test.sh
  expect_status 0
  expect_line '500 +40 +100\.0 %.*'
}

@test "the time of a run is limited" {
  start_fast_lab
  set_faults '{"sequence": ["hang"], "repeat": true}'
  play BASE_URL="$client_url" TIME_LIMIT=2 stress-test.sh --concurrency 2
  expect_status 1
  expect 'error: the time of 2 s was over after '
}

@test "calls are counted as unanswered if the client dies" {
  start_fast_lab
  set_faults '{"sequence": ["hang"], "repeat": true}'
  start_play BASE_URL="$client_url" stress-test.sh --requests 300 --endpoint /api/call-backend-without-resilience
  expect_soon 'calls to'
  sleep 0.5
  signal_job KILL "$client"
  reap "$job"
  expect_status 1
  expect 'no answer '
  expect_line 'error: [0-9]+ of 300 calls got no answer'
}

# Like a node's proxy that does not know a new Service yet.
@test "it waits for a client that starts to listen a second later" {
  local late_port playing
  late_port=$(free_port)
  start_backend 0
  fake curl <<<"exec $(type -P curl) \"\$@\""
  start_play BASE_URL="http://127.0.0.1:$late_port" stress-test.sh --requests 1 --endpoint /health
  playing=$job
  expect_soon "127.0.0.1:$late_port/health" "$calls"
  start_client "$late_port"
  reap "$playing"
  expect_status 0
  expect_line '200 +1 .*'
}

@test "a missing lab or an invalid setting is a one-line error" {
  local url
  url=http://127.0.0.1:$(free_port)
  play BASE_URL="$url/" stress-test.sh
  expect_refusal "nothing answers at $url/health"
  play stress-test.sh --concurrency 301
  expect_refusal 'CONCURRENCY="301" is not valid: expected a whole number from 1 to 300'
  play stress-test.sh --endpoint health
  expect_refusal 'ENDPOINT="health" is not valid'
}
