# shellcheck shell=bash disable=SC2154  # variables of lib.sh and check.sh
# Stages of check.sh that look at the lab: its manifests, and its services as they run. Each runs in its own shell, in
# the repository, and ends at its first failed command. Sourced by check.sh.

stage_manifests() {
  ensure_python_tools
  yamllint --strict .yamllint deploy
  python3 -m pytest scripts/checks/manifests
}

stage_policies() {
  local name directory config excepted
  ensure_python_tools
  # No request to the network, and no report.
  unset BC_API_KEY
  export CKV_SKIP_PACKAGE_UPDATE_CHECK=true
  for name in base production gateway sidecar; do
    directory=deploy/base
    [ "$name" = base ] || directory=deploy/overlays/$name
    config=$directory/.checkov.yaml
    kubectl kustomize "$directory" >"$work_dir/$name.yaml"
    checkov --config-file "$config" --file "$work_dir/$name.yaml"
    # Without the exceptions, checkov must find each of them.
    excepted=$(sed -n 's/^  - \(CKV.*\)/\1/p' "$config" | sort)
    checkov --framework kubernetes --skip-download --quiet --compact --soft-fail \
      --file "$work_dir/$name.yaml" >"$work_dir/$name.findings"
    diff <(sed -n 's/^Check: \(CKV[0-9A-Z_]*\):.*/\1/p' "$work_dir/$name.findings" | sort -u) - <<<"$excepted" ||
      die "$config excepts (>) what checkov does not find"
    say "$name: nothing found but $(wc -l <<<"$excepted") exceptions, each named and needed"
  done
}

stage_dockerfiles() {
  ensure_python_tools
  hadolint backend/Dockerfile client/Dockerfile
}

stage_e2e() {
  ensure_linker
  ensure curl jq
  ensure_report_tools
  ensure_python_tools
  build_static_services
  E2E_BIN_DIR=$bin_dir cargo test --workspace --locked --test e2e
  export BIN_DIR=$bin_dir
  scripts/checks/compare-baseline.sh
  python3 -m pytest scripts/checks/upstreams
}

stage_scripts() {
  ensure curl jq script=bsdutils bats parallel
  # In parallel: they mostly wait.
  with_services bats --jobs 2 --no-parallelize-within-files scripts/checks
}

stage_monitoring() {
  ensure_prometheus
  ensure_python_tools
  with_services scripts/checks/monitoring.sh
}

stage_dashboard() {
  ensure curl chromium
  ensure_venv
  with_services scripts/checks/dashboard.sh
}

stage_openapi() {
  ensure curl
  ensure_venv
  with_services scripts/checks/openapi.sh
}

stage_chaos() {
  ensure ip=iproute2 nft=nftables unshare=util-linux mount ps=procps
  ensure_python_tools
  ensure_report_tools
  yamllint --strict -c .yamllint chaos-experiments/*.yaml
  unshare --net true 2>/dev/null || unshare --user --net true 2>/dev/null || skip "network namespaces are not allowed here"
  with_services scripts/checks/chaos.sh
}

stage_images() {
  ensure_linker
  ensure curl jq
  ensure_docker
  # The lab's own port, unless a lab runs on it.
  if port_is_free 30080; then
    scripts/checks/images.sh
  else
    CLIENT_PORT=$(free_port) scripts/checks/images.sh
  fi
  [ "$(id -u)" = 0 ] || skip "images.sh is green; pod-end.sh needs root"
  ensure nft=nftables nsenter=util-linux
  SKIP_BUILD=1 scripts/checks/pod-end.sh
}

# with_services COMMAND...: runs it with the binaries of the images in BIN_DIR.
with_services() {
  ensure_linker
  build_static_services
  BIN_DIR=$bin_dir "$@"
}
