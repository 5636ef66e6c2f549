# shellcheck shell=bash
# Functions that the scripts share. A script sources this file after `set -euo pipefail`. Nothing runs by itself.

repo_root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# shellcheck source=scripts/lib/jobs.sh
source "$repo_root/scripts/lib/jobs.sh"
# shellcheck source=scripts/lib/tools.sh
source "$repo_root/scripts/lib/tools.sh"
# shellcheck source=scripts/lib/http.sh
source "$repo_root/scripts/lib/http.sh"
# shellcheck source=scripts/lib/cluster.sh
source "$repo_root/scripts/lib/cluster.sh"
# shellcheck source=scripts/lib/services.sh
source "$repo_root/scripts/lib/services.sh"

# ---- output --------------------------------------------------------------------------------------

say() {
  printf '%s\n' "$*"
}

complain() {
  printf '%s\n' "$*" >&2
}

# Prints one line with the reason, and exits with status 1.
die() {
  complain "error: $*"
  exit 1
}

# Prints a line that the next one replaces, on a terminal; prints nothing elsewhere.
show_live() {
  [ ! -t 1 ] || printf '\r\033[K%s' "$*"
}

# Prints the comment at the top of the calling script, which is its help.
print_help() {
  local line
  while IFS= read -r line; do
    case $line in
      '#!'*) ;;
      '#'*) line=${line#'#'} && say "${line# }" ;;
      *) break ;;
    esac
  done <"$0"
}

# ---- the command line ----------------------------------------------------------------------------

# read_arguments SPEC... -- ARGUMENT...: reads a script's arguments into variables. Each SPEC is one of
#
#   --name      a flag: sets $name to true
#   --name=     an option with a value: sets $name to it
#   --name=...  an option that can be repeated: appends each value to the array $name
#   ...         other arguments are allowed: appends each to the array $arguments
#
# Dashes in a name become underscores. The script sets the defaults. --help prints the help and exits.
read_arguments() {
  local specs=' ' name
  while [ "$1" != -- ]; do
    specs="$specs$1 "
    shift
  done
  shift
  while [ $# -gt 0 ]; do
    name=${1#-}
    name=${name#-}
    name=${name//-/_}
    if [[ $1 == -h || $1 == --help ]]; then
      print_help
      exit 0
    elif [[ $specs == *" $1="* ]]; then
      [ -n "${2:-}" ] || die "$1 needs a value; see --help"
      if [[ $specs == *" $1=... "* ]]; then
        eval "$name+=(\"\$2\")"
      else
        printf -v "$name" '%s' "$2"
      fi
      shift
    elif [[ $1 == -* && $1 != *= && $specs == *" $1 "* ]]; then
      printf -v "$name" true
    elif [[ $1 != -* && $specs == *' ... '* ]]; then
      arguments+=("$1")
    else
      die "unknown argument \"$1\"; see --help"
    fi
    shift
  done
}

# check_integer VARIABLE LOWEST HIGHEST [NAME_FOR_THE_USER]: dies unless it is a whole number in that range.
check_integer() {
  local name=$1 value=${!1} low=$2 high=$3
  if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < low || 10#$value > high)); then
    die "${4:-$name}=\"$value\" is not valid: expected a whole number from $low to $high"
  fi
  printf -v "$name" '%d' "$((10#$value))"
}
