#!/usr/bin/env bash
# Soaks the lab: steady mixed load on a client whose backend flaps through random faults and is killed
# with SIGKILL time and again. In the first half, the client's file of upstreams is rewritten once a second,
# while calls are passed on. At the end it is judged: each caller that stays gets an answer, and it is
# a documented one, of the right upstream; each file was reloaded, and nothing is left of it; memory, threads
# and open files stay flat; the client's statistics are what the callers saw; the circuit opened, closed
# again, and the last calls succeed.
#
# Usage: scripts/soak.sh [--help] [--minutes N] [--kills N] [--seed N] [--callers N] [--json FILE]
#
#   --minutes N  how long the load lasts, 1 to 1440 (default 10)
#   --kills N    how often the backend is killed, 0 to 20 a minute (default 50, or 5 a minute where that is less)
#   --seed N     lets the draws repeat: faults, deaths, what each caller asks for; 0 to 999999999 (default: by
#                chance, and printed)
#   --callers N  callers at a time, 8 to 256 (default 24)
#   --json FILE  writes all figures there, each sample of memory, files and threads among them
#
# It starts the client and three backends for itself, on free ports of 127.0.0.1, and ends them also on
# Ctrl-C. Exit status: 0 if all is as it should be, 1 if not; the last line names what is not.
#
# Flat means: the first quarter of the samples is left out; of the rest, the level of the last third is at most
# that of the first, and a tenth of it, and 3 MiB (5 files, 2 threads). A level is the lowest tenth of the
# samples: what is held also when a fault has just gone by. A leak lifts it, a burst does not.
#
# Environment:
#   BIN_DIR  take the binaries that are there, instead of building the release ones
#
# Needs: Linux, python3 3.11 or later.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local minutes=10 kills='' seed='' callers=24 json=''
  read_arguments --minutes= --kills= --seed= --callers= --json= -- "$@"
  check_integer minutes 1 1440 --minutes
  kills=${kills:-$((minutes < 10 ? minutes * 5 : 50))}
  check_integer kills 0 $((minutes * 20)) --kills
  seed=${seed:-$(((RANDOM * 32768 + RANDOM) % 1000000000))}
  check_integer seed 0 999999999 --seed
  check_integer callers 8 256 --callers
  [ -z "$json" ] || { : >>"$json"; } 2>/dev/null || die "cannot write into --json \"$json\""
  [ -r /proc/self/status ] || die "/proc/self/status is missing: memory and open files are read there, on Linux"
  need_python

  clean_up_at_exit
  provide_services
  make_work_dir
  say "Soaking for $minutes min with $kills kills: --minutes $minutes --kills $kills --callers $callers --seed $seed"
  PYTHONPATH=$repo_root/scripts:$repo_root/chaos-experiments \
    start_job python3 -m soak --bin-dir "$bin_dir" --work-dir "$work_dir" \
    --minutes "$minutes" --kills "$kills" --seed "$seed" --callers "$callers" ${json:+--json "$json"}
  reap "$job"
  ((status == 0)) || die "the soak failed: see above, and repeat it with --seed $seed"
}

main "$@"
