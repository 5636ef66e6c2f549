#!/usr/bin/env bash
# Measures what a call costs: ours, others of the same trade, and the floors under them, side by side.
#
# Usage: scripts/bench.sh [OPTION...]
#
# One healthy backend, and one process of each contender before it, all on 127.0.0.1, each with the
# same number of workers. In each round every contender has its turn under wrk, in random order.
# The tables have the medians over all rounds with their 95 % confidence intervals (bootstrap): requests
# per second, latency, and microseconds of CPU time per request of the process under test with its
# children (user and system, as the system counts it: the figure that depends least on what else the
# machine does). Figures with a limit are ratios of what was measured in the same round; a limit is
# missed only where all of the interval is above it.
#
# A round fails, and with it the run, unless all answers have the status that they must have, and the
# backend gave exactly as many.
#
#   --rounds N           rounds (default 20)
#   --seconds N          length of a measurement (default 3)
#   --warm-up N          seconds before each, in which each single answer is looked at (default 1)
#   --connections N      connections of the load generator (default 32)
#   --workers N          workers of the backend and of each contender (default 1)
#   --contenders A,B...  only these of call-backend, baseline, bare-awc, haproxy, nginx, envoy, lab,
#                        health, open, lab-open
#   --seed N             for the order of the contenders (default: a new one, which is told)
#   --quick              a smoke test: 2 rounds of 1 s, nothing is installed, contenders that are not
#                        there are left out, and a missed limit is no failure
#   --instructions       measure nothing: count the instructions of a request in user mode, of our own
#                        contenders, under valgrind; the same on a busy machine, in two minutes
#   --json FILE          write all that was measured
#   --criterion DIR      add what `cargo bench` left in DIR, such as target/criterion
#   --runtime-json FILE  add what criterion cannot tell: allocations_per_closed_call, bytes_per_waiting_call
#   --from-data FILE     measure nothing: take what --json has written
#   --markdown           print the tables as Markdown
#   --update FILE        write the tables into a document, each after its <!-- bench: NAME --> and up
#                        to <!-- /bench -->; NAME is contenders, limits or runtime
#   --check FILE         fail unless the document has these tables already
#   --help               this text
#
# Environment:
#   BIN_DIR  take the binaries that are there (and examples/bare_awc), instead of building them
#
# Needs Linux and Python 3.11 or later. wrk, haproxy and nginx are taken from the PATH, or else from
# Debian's packages; Envoy, and what the lab was first written with, come from PyPI. What is installed
# for this is below cargo's target directory.
# Exit status: 0, 1 if something went wrong, 2 if a limit was missed.
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
  # The package bench is in scripts; its data are stored as the lab report's.
  export PYTHONPATH=$repo_root/scripts:$repo_root/chaos-experiments PYTHONDONTWRITEBYTECODE=1
  # Wrong arguments are told before anything is built.
  servers=$(python3 -m bench "$@" --list-servers) || exit 1
  arguments=("$@")
  # Files in the arguments are relative to where we are.
  here=$PWD

  clean_up_at_exit
  # No servers: it is all from a file.
  [ -z "$servers" ] || prepare
  start_job python3 -m bench "${arguments[@]}"
  reap "$job"
  # Bash reads on where it stopped: an edit during a long run must not matter.
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
  ! wanted envoy || provide_python envoy "$repo_root/scripts/bench/envoy-requirements.txt"
  ! wanted lab || provide_python lab "$repo_root/scripts/bench/lab/requirements.txt"
  cd "$here" || die "cannot return to $here"
  # Their python3 is not to be ours, and the command that Envoy's package has is not the program.
  PATH=$path:/usr/sbin
  for directory in "$tools"/tools-{wrk,haproxy,nginx}/usr/{bin,sbin} \
    "$tools"/tools-envoy/lib/python3*/site-packages/envoy/_bin "$tools"/tools-lab/bin; do
    [ ! -d "$directory" ] || PATH=$PATH:$directory
  done
  for directory in "$tools"/tools-{wrk,haproxy}/usr/lib/*-linux-*; do
    [ ! -d "$directory" ] || export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$directory
  done
  arguments+=(--bin-dir "$bin_dir" --work-dir "$work_dir")
}

# By itself: together with the services, they would be built with features that only tests and examples need.
build_floor() {
  ! wanted bare-awc || run_job cargo build --release --locked -p client-service --example bare_awc
}

# Whether a server is asked for; lab and lab-open are one.
wanted() {
  [[ " $servers " == *" $1"[\ -]* ]]
}

# provide_debian PROGRAM DIRECTORY PACKAGE...: unpacked, not installed: nothing of it starts a service.
provide_debian() {
  local program=$1 directory=$tools/tools-$1 place=$2 package
  shift 2
  if PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || [ -x "$directory/$place/$program" ] || [ $may_install = no ]; then
    return
  fi
  need apt-get "it is to unpack $program; or install $program with your system's package manager"
  say "Unpacking Debian's $program" >&2
  mkdir -p "$directory"
  # The program's own package comes first, and says last that all is there.
  for package in "${@:2}" "$1"; do
    unpack_package "$package" "$directory" || die "Debian's package $package could not be unpacked"
  done
}

provide_python() {
  [ $may_install = no ] || CARGO_TARGET_DIR=$tools provide_python_tools "$@" >&2
}

main "$@"
