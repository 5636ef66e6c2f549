# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# watch-transitions.sh, on a fake of kubectl and on a lab of this machine.

load helper

# The first call of kubectl ends as if a pod had ended. The second call finds another pod.
fake_two_pods() {
  fake_kubectl kind-lab <<END
first='[pod/client-service-a/client-service] 2026-01-01T10:00:00.000Z INFO  resilience_actors::breaker circuit_breaker: closed -> open (5 consecutive failures, last: status 500; half-open in 30.0s)'
second='[pod/client-service-b/client-service] {"level":"INFO","message":"circuit_breaker: half-open -> open (trial failed: \"x\"; half-open in 30.0s)","target":"t","timestamp":"2026-01-01T10:00:30.000Z"}'
case "\$*" in
  *'get deployment client-service'*) echo deployment.apps/client-service ;;
  *'get pods'*) echo client-service-a Running 0 ;;
  *' logs '*)
    echo '[pod/client-service-a/client-service] 2026-01-01T09:59:59.000Z INFO  x retry: call 1 circuit_breaker: of no interest'
    echo "\$first"
    if [ -e "$work_dir/again" ]; then echo "\$second"; exec sleep 100; fi
    touch "$work_dir/again"
    ;;
esac
END
}

@test "transitions on a cluster are followed across pods, each shown once; Ctrl-C ends with status 0" {
  fake_two_pods
  start_play watch-transitions.sh
  expect_soon client-service-b
  interrupt_play
  expect_status 0
  expect_call 'kubectl --namespace lab3-resilience logs --selector app=client-service --follow --prefix --since=1h --tail=-1 --max-log-requests=100 --ignore-errors'
  expect '10:00:00.000Z  client-service-a  closed -> open       (5 consecutive failures, last: status 500; half-open in 30.0s)'
  expect '10:00:30.000Z  client-service-b  half-open -> open    (trial failed: "x"; half-open in 30.0s)'
  (($(grep -c 'closed -> open ' "$shown") == 1)) || fail "a transition is shown twice"
  expect_not 'of no interest'
}

@test "a missing lab or an invalid duration is a one-line error" {
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
}

# follows_local_lab LOG_FORMAT
follows_local_lab() {
  start_fast_lab LOG_FORMAT="$1"
  ln -s client.log "$work_dir/client-$client_port.log"
  start_play LOG_DIR="$work_dir" CLIENT_PORT="$client_port" watch-transitions.sh
  expect_soon "Following $work_dir/client-$client_port.log"
  plain_curl -o /dev/null "$client_url/api/stress-test" -d '{}' -H 'Content-Type: application/json'
  expect_soon '  local  closed -> open       (5 consecutive failures, last: status 500; half-open in 2.0s)'
  plain_curl -o /dev/null -X POST "$client_url/api/circuit-breaker/reset"
  expect_soon '  local  open -> closed       (manual reset)'
  interrupt_play
  expect_status 0
}

@test "transitions of a local lab are followed in its log" {
  follows_local_lab text
}

@test "transitions of a local lab are followed in a log in JSON" {
  follows_local_lab json
}
