# shellcheck shell=bats disable=SC2154  # variables of helper.bash
# run-tests.sh passes on a correct lab and fails on a broken one.

load helper

@test "a correct lab passes, and its admin token is not shown" {
  # Long enough for ten calls through the open circuit on a busy machine.
  start_fast_lab ADMIN_TOKEN=secret BREAKER_RESET_TIMEOUT=4
  play BASE_URL="$client_url" BACKEND_URL="$backend_url" ADMIN_TOKEN=secret run-tests.sh
  expect_status 0
  expect_not FAILED
  expect 'All as expected.'
  (($(grep -c '^  ok ' "$shown") >= 25)) || fail "too few observations"
  expect_not secret
  play BASE_URL="$client_url" PARTS=B run-tests.sh
  expect_status 1
  expect 'set ADMIN_TOKEN'
}

@test "a breaker that never opens fails the tests" {
  start_fast_lab BREAKER_FAIL_MAX=1000000
  play BASE_URL="$client_url" PARTS=B run-tests.sh
  expect_status 1
  expect 'FAILED  20 failures open the circuit'
}

@test "a client without retries fails the tests" {
  start_fast_lab RETRY_MAX_ATTEMPTS=1
  play BASE_URL="$client_url" PARTS=A run-tests.sh
  expect_status 1
  expect 'FAILED  with resilience more succeed'
  play BASE_URL="$client_url" PARTS=C run-tests.sh
  expect_status 1
  expect 'FAILED  throttled calls are repeated'
}

@test "another service in place of the client is a one-line error" {
  start_backend 0
  play BASE_URL="$backend_url" run-tests.sh
  expect_refusal 'is not client-service'
}

@test "a missing lab, an invalid setting or a missing tool is a one-line error" {
  local url
  url=http://127.0.0.1:$(free_port)
  play BASE_URL="$url/" run-tests.sh
  expect_refusal "nothing answers at $url/health"
  play BASE_URL=localhost run-tests.sh
  expect_refusal 'BASE_URL="localhost" is not valid'
  play PARTS=D run-tests.sh
  expect_refusal 'PARTS="D" is not valid'
  cp -R "$tools" "$work_dir/tools"
  rm "$work_dir/tools/jq"
  tools=$work_dir/tools play run-tests.sh
  expect_refusal 'jq not found'
}

@test "Ctrl-C ends the script" {
  start_fast_lab BREAKER_RESET_TIMEOUT=100
  start_play BASE_URL="$client_url" PARTS=B run-tests.sh
  expect_soon 'Left alone for the reset timeout'
  signal_job INT "$job"
  reap "$job"
  expect_status 130
  expect_not 'error:'
}
