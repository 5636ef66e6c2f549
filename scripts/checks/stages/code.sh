# shellcheck shell=bash disable=SC2154  # variables of lib.sh and check.sh
# Stages of check.sh that look at the code, and its unit tests, models and benchmarks. Each runs in its own shell, in
# the repository, and ends at its first failed command. Sourced by check.sh.

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
  ensure_python_tools
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
  BIN_DIR=$(target_dir)/debug scripts/bench.sh --quick --rounds 1 --uploads
  scripts/bench.sh --from-data docs/data/performance.json --check docs/performance.md
  scripts/bench.sh --from-data docs/data/instructions.json --check docs/performance.md
  scripts/bench.sh --from-data docs/data/gateway-performance.json --check docs/gateway.md
  scripts/bench.sh --from-data docs/data/ejection.json --check docs/gateway.md
  scripts/bench.sh --from-data docs/data/uploads.json --check docs/gateway.md
}

# The same build as for the tests.
stage_soak() {
  ensure_linker
  ensure python3
  cargo build --workspace --locked --bins --examples
  cargo test --workspace --locked --test restarts -- --nocapture --test-threads 1
  BIN_DIR=$(target_dir)/debug scripts/soak.sh --minutes 2 --kills 10
}
