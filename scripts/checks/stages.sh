# shellcheck shell=bash disable=SC2154  # variables of lib.sh and check.sh
# The stages of check.sh. Each runs in its own shell, in the repository, and ends at its first failed command. Sourced
# by check.sh.

stage_fmt() {
  ensure_component fmt rustfmt
  cargo fmt --all --check
}

# The binaries of the images, so that the tests run what is deployed.
stage_services() {
  ensure_linker
  build_static_services
}

stage_clippy() {
  ensure_component clippy clippy
  ensure_linker
  # --all-targets would leave out what `cargo test` leaves out: e2e and restarts.
  cargo clippy --workspace --lib --bins --examples --benches --test '*' --locked -- -D warnings
}

# With an example, the dependencies have the features that they have for clippy, whose metadata this uses.
stage_doc() {
  ensure_linker
  RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --workspace --all-features --no-deps --locked \
    --lib --example hello --document-private-items
}

# The stage simulation plays the same episodes, and more.
stage_test() {
  ensure_linker
  SIMULATION_STEPS=${SIMULATION_STEPS:-1000} cargo test --workspace --locked
}

# Sets the flag for this crate only: some dependencies also react to `--cfg loom`.
stage_loom() {
  local binary
  ensure_linker
  binary=$(cargo rustc -p resilience-actors --locked --lib --profile test --message-format json-render-diagnostics \
    -- --cfg loom | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
  "$binary" loom
}

# The build of the tests, but with an optimized runtime: a third of the CPU time, with the compilation.
stage_simulation() {
  ensure_linker
  SIMULATION_STEPS=${SIMULATION_STEPS:-1000000} cargo test --workspace --locked --test simulation \
    --config profile.dev.package.resilience-actors.opt-level=1 -- --nocapture
}

stage_examples() {
  local source example found=no
  ensure_linker
  cargo build --workspace --locked --examples
  for source in actors/runtime/examples/*.rs actors/runtime/examples/*/main.rs; do
    [ -e "$source" ] || continue
    found=yes
    example=${source#actors/runtime/examples/}
    example=${example%%[./]*}
    say "--- $example"
    timeout 60 "$(target_dir)/debug/examples/$example"
  done
  [ "$found" = yes ] || die "actors/runtime/examples has no example"
}

stage_shellcheck() {
  local -a scripts
  local script
  ensure_shellcheck
  mapfile -t scripts < <(find . \( -name target -o -name .git -o -name .run \) -prune -o -type f -print |
    sort | while IFS= read -r script; do is_script "$script" && say "$script"; done)
  say "${scripts[@]}"
  shellcheck --external-sources --source-path=. "${scripts[@]}"
  for script in "${scripts[@]}"; do
    # A file without a shebang is sourced.
    [[ $(head -c 2 "$script") == '#!' ]] || continue
    [ -x "$script" ] || die "$script cannot be executed: chmod +x $script"
    [[ $script != ./scripts/* ]] || "$script" --help | grep '^Usage: ' >/dev/null || die "$script --help shows no usage"
  done
}

stage_python() {
  ensure_python_tools
  # The tests of bench.sh look at processes.
  ensure ps=procps
  ruff check .
  ruff format --check .
  python3 -m pytest scripts/bench scripts/soak
}

# Tests the modules of the chaos experiments, except those that depend on time: chaos.sh runs these. Checks that the
# documents in the repository match the data in docs/data.
stage_report() {
  local document docs=$work_dir/docs
  ensure_report_tools
  python3 -m pytest chaos-experiments/tests --ignore chaos-experiments/tests/local/test_lab.py
  mkdir "$docs"
  cp -r docs/data docs/trips.md docs/experiments.md "$docs"
  scripts/lab-report.sh --from-data --output "$docs"
  scripts/curves.sh --from-data --output "$docs"
  for document in "$docs"/*.md "$docs"/figures/*; do
    cmp "$document" "docs/${document#"$docs/"}" ||
      die "docs/${document#"$docs/"} does not match its data; run" \
        "scripts/lab-report.sh --from-data and scripts/curves.sh --from-data"
  done
}

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

# Uses the debug build of the tests: this checks that the benchmark works, not its figures.
stage_bench() {
  ensure_linker
  ensure python3
  PATH=$PATH:/usr/sbin
  ensure wrk haproxy
  # Without criterion's --bench, each benchmark runs once.
  cargo test --workspace --locked --bench '*'
  cargo build --workspace --locked --bins --examples
  BIN_DIR=$(target_dir)/debug scripts/bench.sh --quick
  BIN_DIR=$(target_dir)/debug scripts/bench.sh --rounds 1 --seconds 1 --contenders gateway-https-large
  scripts/bench.sh --from-data docs/data/performance.json --check docs/performance.md
  scripts/bench.sh --from-data docs/data/gateway-performance.json --check docs/gateway.md
  scripts/bench.sh --from-data docs/data/ejection.json --check docs/gateway.md
}

# The same build as for the tests.
stage_soak() {
  ensure_linker
  ensure python3
  cargo build --workspace --locked --bins --examples
  cargo test --workspace --locked --test restarts -- --nocapture --test-threads 1
  BIN_DIR=$(target_dir)/debug scripts/soak.sh --minutes 2 --kills 10
}

stage_scripts() {
  ensure_linker
  ensure curl jq script=bsdutils bats parallel
  build_static_services
  # In parallel: they mostly wait.
  BIN_DIR=$bin_dir bats --jobs 2 --no-parallelize-within-files scripts/checks
}

stage_monitoring() {
  ensure_linker
  ensure_prometheus
  ensure_python_tools
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/monitoring.sh
}

stage_dashboard() {
  ensure_linker
  ensure curl chromium
  ensure_venv
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/dashboard.sh
}

stage_openapi() {
  ensure_linker
  ensure curl
  ensure_venv
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/openapi.sh
}

stage_chaos() {
  ensure_linker
  ensure ip=iproute2 nft=nftables unshare=util-linux mount ps=procps
  ensure_python_tools
  ensure_report_tools
  yamllint --strict -c .yamllint chaos-experiments/*.yaml
  unshare --net true 2>/dev/null || unshare --user --net true 2>/dev/null || skip "network namespaces are not allowed here"
  build_static_services
  BIN_DIR=$bin_dir scripts/checks/chaos.sh
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
