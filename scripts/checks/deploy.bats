# shellcheck shell=bats disable=SC2016,SC2154  # variables of the fakes and of helper.bash
# deploy.sh when the deployment succeeds, or is refused before it begins. deploy-failures.bats tests the other cases.

load helper

readonly restart='kubectl --namespace lab3-resilience rollout restart deployment/backend-service deployment/client-service'

@test "it applies, waits for both services in one time limit, and prints the URLs" {
  start_fast_lab
  fake_cluster docker-desktop </dev/null
  rm "$work_dir/fakes/curl"
  play NODE_PORT="$client_port" TIMEOUT=50 deploy.sh
  expect_status 0
  expect_call 'kubectl apply -k deploy/base'
  expect_call 'kubectl --namespace lab3-resilience rollout status deployment/backend-service --timeout=50s'
  expect_call_like 'kubectl --namespace lab3-resilience rollout status deployment/client-service --timeout=[45][0-9]s'
  expect_no_call '.* rollout restart'
  expect "The client answers on http://localhost:$client_port"
  expect 'kubectl port-forward --namespace lab3-resilience service/client-service 30080:8000'
}

@test "--restart restarts all pods; a client that cannot be reached is reported" {
  fake_cluster docker-desktop </dev/null
  rm "$work_dir/fakes/curl"
  play NODE_PORT="$(free_port)" deploy.sh --restart
  expect_status 0
  expect_call "$restart"
  expect_line 'http://localhost:[0-9]+ does not answer from here\.'
}

@test "on minikube and on kind, it says how to reach the client" {
  fake_cluster minikube </dev/null
  play deploy.sh
  expect_status 0
  expect 'minikube service --namespace lab3-resilience client-service --url'
  fake_cluster kind-lab </dev/null
  play deploy.sh
  expect_status 0
  expect 'extraPortMappings'
}

@test "an overlay is deployed; its load balancer may have no address yet" {
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
}

@test "an unknown overlay is a one-line error" {
  fake_cluster some-cloud </dev/null
  play deploy.sh --overlay staging
  expect_refusal 'there is no deploy/overlays/staging; overlays: production'
  play deploy.sh --overlay
  expect_refusal '--overlay needs a value'
  play deploy.sh --overlay ../base
  expect_refusal 'is not a name'
  expect_no_call kubectl
}

# A cluster after a deployment of production. FORBIDDEN forbids listing.
fake_two_overlays() {
  fake_cluster kind-lab <<'END'
base='namespace/lab3-resilience service/backend-service service/client-service deployment.apps/backend-service deployment.apps/client-service'
production="$base horizontalpodautoscaler.autoscaling/client-service networkpolicy.networking.k8s.io/default-deny"
case "$*" in
  'get -k deploy/base --output name --ignore-not-found'*) printf '%s\n' $base && exit ;;
  'get -k deploy/overlays/production --output name --ignore-not-found'*) printf '%s\n' $production && exit ;;
  *' --selector app.kubernetes.io/part-of=lab3-resilience --output name'*)
    [ -z "$FORBIDDEN" ] || { echo 'Error from server (Forbidden)' >&2; exit 1; }
    printf '%s\n' ${production#* } && exit ;;
esac
END
}

@test "leftover objects of another overlay are kept, and reported with the command that removes them" {
  fake_two_overlays
  play deploy.sh
  expect_status 0
  expect 'Not part of deploy/base, but still in force:'
  expect '  networkpolicy.networking.k8s.io/default-deny'
  expect "  kubectl --namespace lab3-resilience delete horizontalpodautoscaler.autoscaling/client-service \
networkpolicy.networking.k8s.io/default-deny && scripts/deploy.sh"
  expect_no_call '.*delete'
}

@test "an overlay with all objects reports no leftover objects" {
  fake_two_overlays
  play deploy.sh --overlay production
  expect_status 0
  expect_not 'still in force'
}

@test "without permission to list objects, it warns and deploys" {
  fake_two_overlays
  play FORBIDDEN=yes deploy.sh
  expect_status 0
  expect 'Both services are ready'
  expect 'what another overlay may have left cannot be listed'
  expect_not 'still in force'
}

@test "a missing kubectl, context or cluster is a one-line error" {
  play deploy.sh
  expect_refusal 'kubectl not found'
  fake_kubectl '' </dev/null
  play deploy.sh
  expect_refusal 'kubectl has no current context: start a cluster'
  fake_kubectl kind-gone <<<'echo "The connection to the server 127.0.0.1:6443 was refused" >&2; exit 1'
  play deploy.sh
  expect_refusal 'the cluster of context kind-gone does not answer: The connection to the server'
  expect_no_call '.* apply'
}

@test "a failed apply ends the script" {
  fake_cluster kind-lab <<<'if [ "$1" = apply ]; then echo "error: forbidden" >&2; exit 1; fi'
  play deploy.sh
  expect_status 1
  expect 'error: kubectl apply failed'
  expect_no_call '.* rollout'
}

@test "it waits for a namespace that is being deleted" {
  fake_cluster kind-lab <<<'case "$*" in "get namespace"*) echo Terminating; exit ;; esac'
  play TIMEOUT=20 deploy.sh
  expect_status 0
  [[ $(sed -n '/wait\|apply/p' "$calls" | head -n 1) == 'kubectl wait --for=delete namespace/lab3-resilience --timeout=20s' ]] ||
    fail "it does not wait for the old namespace first"
}

@test "Ctrl-C ends the script and its kubectl" {
  fake_cluster kind-lab <<<'case "$*" in *"rollout status"*) echo "process $$"; echo waiting; exec sleep 100 ;; esac'
  start_play deploy.sh
  expect_soon waiting
  interrupt_play
  expect_status 130
  await "kubectl ends" 5 has_ended "$(sed -n 's/^process //p' "$shown")"
}
