# SPDX-License-Identifier: AGPL-3.0-or-later
# ---- talking ----

say() { printf '%s\n' "$*"; }
head_line() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
warn() { printf '%s! %s%s\n' "$yellow" "$*" "$plain" >&2; }
die() {
    local code=$1
    shift
    printf '%s%s%s\n' "$red" "$1" "$plain" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit "$code"
}
did() {
    changed=1
    printf '%s+%s %s\n' "$green" "$plain" "$*"
}
is_yes() { [[ ${1,,} =~ ^(y|yes|true|1|on)$ ]]; }

colours() {
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
    else
        bold='' red='' green='' yellow='' plain=''
    fi
}

# Answers come from standard input, but for `curl … | bash`, where that is this script itself.
open_answers() {
    [ "$yes" = 0 ] || return 0
    if [ -f "${BASH_SOURCE[0]:-}" ]; then
        exec 3<&0
    elif ! { exec 3</dev/tty; } 2>/dev/null; then
        die 2 "There is no terminal to ask on." "Say --yes and give what is needed in variables: --help lists them."
    fi
}

read_answer() {
    local -n _to=$1
    IFS= read -r -u 3 _to || die 1 "The answers have ended: stopped here." \
        "What is done stays done; start it again to go on, or with --yes and variables."
}

# ask NAME QUESTION DEFAULT [SHOWN]
ask() {
    local -n _answer=$1
    local _line
    _answer=$3
    [ "$yes" = 0 ] || return 0
    printf '%s [%s]: ' "$2" "${4:-${3:-none}}"
    read_answer _line
    [ -t 3 ] || say
    [ -z "$_line" ] || _answer=$_line
}

# ask_yes QUESTION y|n
ask_yes() {
    local line
    [ "$yes" = 0 ] || { [ "$2" = y ]; return; }
    while :; do
        if [ "$2" = y ]; then printf '%s [Y/n]: ' "$1"; else printf '%s [y/N]: ' "$1"; fi
        read_answer line
        [ -t 3 ] || say
        case ${line,,} in
            '') [ "$2" = y ]; return ;;
            y | yes) return 0 ;;
            n | no) return 1 ;;
        esac
        say "y or n, please."
    done
}

ask_secret() {
    local -n _secret=$1
    # Silent before the question stands there: who answers at once is not shown either.
    [ ! -t 3 ] || stty -echo <&3
    printf '%s [none]: ' "$2"
    read_answer _secret
    [ ! -t 3 ] || stty echo <&3
    say
}

at_end() {
    local code=$?
    if [ -n "${bold+x}" ] && { true <&3; } 2>/dev/null && [ -t 3 ]; then stty echo <&3; fi
    [ ${#temporary[@]} -eq 0 ] || rm -rf "${temporary[@]}"
    return "$code"
}

interrupted() {
    printf '\n%sStopped.%s Nothing is left half-written: start it again and it goes on from here.\n' \
        "$yellow" "$plain" >&2
    exit 130
}

new_temporary() {
    local -n _path=$1
    _path=$(mktemp -d "${TMPDIR:-/tmp}/pg-limiter-install.XXXXXX") || die 1 "No temporary folder can be made."
    temporary+=("$_path")
}

have() { command -v "$1" >/dev/null 2>&1; }
