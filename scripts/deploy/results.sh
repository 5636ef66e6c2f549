# shellcheck shell=bash disable=SC2154  # variables of deploy.sh
# What deploy.sh prints at its end: objects of another overlay, and the URLs. Sourced by deploy.sh.

# An apply removes nothing. Objects with the lab's label that are not in the overlay are named, not deleted: a user may
# have made them by hand.
print_left_over() {
  local own all left
  if ! own=$(kubectl get -k "$manifests" --output name --ignore-not-found --request-timeout=10s) ||
    ! all=$(in_namespace get "$kinds" --selector "app.kubernetes.io/part-of=$namespace" --output name --request-timeout=10s); then
    complain "warning: what another overlay may have left cannot be listed; kubectl's output is above"
    return
  fi
  left=$(grep -vxF -- "$own" <<<"$all") || return 0
  say
  say "Not part of $manifests, but still in force:"
  say "  ${left//$'\n'/$'\n'  }"
  say "This removes them, and deploys $manifests alone:"
  say "  kubectl --namespace $namespace delete ${left//$'\n'/ } && scripts/deploy.sh${overlay:+ --overlay $overlay}"
}

print_urls() {
  local service type node_port port host url=''
  service=$(in_namespace get service client-service --output json)
  type=$(jq -r .spec.type <<<"$service")
  port=$(jq -r '.spec.ports[0].port' <<<"$service")
  node_port=$(jq -r '.spec.ports[0].nodePort // empty' <<<"$service")
  host=$(jq -r '.status.loadBalancer.ingress[0]? | .ip // .hostname // empty' <<<"$service")
  say
  if [ "$type" = LoadBalancer ]; then
    if [ -n "$host" ]; then
      url=http://$host:$port
    else
      say "The load balancer has no address yet: kubectl get service -n $namespace client-service"
    fi
  elif [ -n "$node_port" ] && [ "$context" != minikube ]; then
    url=http://localhost:$node_port
  fi
  if [ -n "$url" ] && answers "$url"; then
    say "The client answers on $url"
    say "  curl $url/api/call-backend"
    if [ "$url" = http://localhost:30080 ]; then
      say "  scripts/run-tests.sh"
    else
      say "  BASE_URL=$url scripts/run-tests.sh"
    fi
  elif [ -n "$url" ]; then
    say "$url does not answer from here."
  fi
  case $context in
    minikube) say "On minikube, its address is: minikube service --namespace $namespace client-service --url" ;;
    kind-*) say "On kind, port $node_port answers here if the cluster was made with extraPortMappings for it." ;;
  esac
  say "From anywhere with kubectl, on http://localhost:30080:" \
    "kubectl port-forward --namespace $namespace service/client-service 30080:$port"
}

# The node's proxy may know a new Service a second or two after its pods are ready.
answers() {
  [[ $(get_patiently "$1/health") == *'"client-service"'* ]]
}
