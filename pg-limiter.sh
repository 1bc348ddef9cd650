#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Installs PG-Limiter, upgrades it in place, and takes over from the Python program of that name.
#
#   sudo bash pg-limiter.sh install              asks what it needs to know; --help tells the rest
#   curl -fsSL URL | sudo bash -s -- install     the same; it asks on the terminal
#
# Whatever it is stopped at, it is started again and goes on. Everything stands in functions and the last
# line calls one: of a download that breaks off, nothing is run. docs/install.md is its manual. Joined by
# tools/make_installer out of packaging/installer, where changes are made.
#
# shellcheck disable=SC2015 # a && b || c: b is a test, or cannot fail

init() {
    set -uo pipefail
    umask 022
    export LC_ALL=C.UTF-8
    root=${PG_ROOT:-} # for tests, as PG_PROGRAM, PG_OWNER, PG_PAUSE: another machine's folders, program, user, second
    etc=$root/etc/opt/pg-limiter
    env_file=$etc/.env
    compose_file=$etc/docker-compose.yml
    lib=$root/var/lib/pg-limiter
    keep=$root/var/lib/pg-limiter-install # copies of the old program's state, packages, logs; root's own
    restart_due=$keep/restart-due                # .env was changed, and what runs has not read it
    wrapper=$root/usr/local/bin/pg-limiter
    # The public half of the key in src/cli/machine/update_key.h.
    update_key=MCowBQYDK2VwAyEAxLADReV5QBWbcNd2203owUGSgMzDalLIz9RhMGS7b/0=
    mark='x-pg-limiter: 1' # a file of ours and not of the Python program
    old_names='pg[-_]?limiter|v2ip[-_]?limit|iplimit'
    # Where the Python program keeps its state in its container, and the names of the copies (src/cli/machine/docker.c).
    old_places=(/app/.disable_users.json=.disable_users.json /app/.user_groups_backup.json=.user_groups_backup.json
        /app/.violation_history.json=.violation_history.json /app/config.json=config.json /app/.env=.env
        /app/data=app-data /var/lib/pg-limiter/data=data)
    old_files=(.disable_users.json .user_groups_backup.json .violation_history.json config.json backup.json .env data)
    mode=${PG_MODE:-package} package=${PG_PACKAGE:-} image=${PG_IMAGE:-} compose_from=${PG_COMPOSE:-}
    yes=$(is_yes "${PG_YES:-no}" && echo 1 || echo 0) dry=0
    changed=0 start_it=1 old_left=0 temporary=() owner=${PG_OWNER:-pg-limiter:pg-limiter}
    old_containers=() old_units=() old_crons=() old_processes=() old_compose='' old_script='' docker_silent=0
    declare -gA set=() # settings to be written
}

usage() {
    cat <<'HELP'
usage: pg-limiter.sh install [options]     install, upgrade, or finish what was begun
       pg-limiter.sh help

  --package FILE|URL   the Debian package; else UPDATE_URL, or a pg-limiter_*.deb beside this script
  --docker             run it in a container (offers to install Docker)
  --image FILE|NAME    with --docker: an image in a file, or its name (pg-limiter:latest)
  --compose FILE       with --docker: the docker-compose.yml; else the one beside this script
  --yes                ask nothing: defaults and variables hold
  --dry-run            only say what would be done

Without a terminal everything comes from variables: PANEL_DOMAIN, PANEL_USERNAME, PANEL_PASSWORD,
PANEL_API_KEY, PANEL_TLS_PIN, BOT_TOKEN, ADMIN_IDS, ENFORCEMENT and every other setting by its name, and
  PG_OLD=take-over|leave   what becomes of an old PG-Limiter that is found (there is no default)
  PG_IMPORT=yes|no         whether its data is imported (yes)
  PG_START=yes|no          whether it is started (yes)
  PG_SKIP_CHECK=yes        keep an access to the panel that does not work now
  PG_PACKAGE PG_IMAGE PG_COMPOSE PG_MODE=docker PG_YES=yes   as the options
http_proxy, https_proxy and no_proxy hold for what is downloaded.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the panel does not answer or refuses, 130 interrupted.
HELP
}

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

# ---- this machine ----

check_machine() {
    local id='' version=''
    [ "$(id -u)" -eq 0 ] || die 1 "The installation needs root: sudo bash pg-limiter.sh install"
    if [ -r "$root/etc/os-release" ]; then
        id=$(sed -n 's/^ID=//p' "$root/etc/os-release" | tr -d '"')
        version=$(sed -n 's/^VERSION_ID=//p' "$root/etc/os-release" | tr -d '"')
    fi
    case $(uname -m) in
        x86_64) arch=amd64 ;;
        aarch64) arch=arm64 ;;
        *) die 1 "This machine is $(uname -m): amd64 and arm64 are served." ;;
    esac
    if [ "$mode" = docker ]; then return; fi
    if [ "$id" != debian ] || { [ "$version" != 12 ] && [ "$version" != 13 ]; } || ! have apt-get; then
        die 1 "This is ${id:-an unknown system} ${version}: the package is for Debian 12 and 13." \
            "Elsewhere it runs in a container: pg-limiter.sh install --docker"
    fi
}

apt() {
    local log=$keep/apt.log
    mkdir -p "$keep" && chmod 700 "$keep"
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root \
        -o Dpkg::Options::=--force-confold "$@" >"$log" 2>&1 </dev/null 3<&- && return
    tail -n 15 "$log" >&2
    return 1
}

# The lists of packages may be old, or missing.
apt_install() {
    apt install --no-install-recommends "$@" 2>/dev/null && return
    apt update || warn "apt-get update reports errors; going on"
    apt install --no-install-recommends "$@"
}

# need PROGRAM PACKAGE WHY
need() {
    have "$1" && return
    have apt-get || die 1 "$1 is missing ($3), and there is no apt-get to install it."
    say "$1 is needed ($3): installing the package $2."
    apt_install "$2" || die 1 "The package $2 could not be installed (apt-get's words are above)."
    did "package $2"
}

package_status() { dpkg-query -W -f '${db:Status-Status}' pg-limiter 2>/dev/null; }
package_version() { dpkg-query -W -f '${Version}' pg-limiter 2>/dev/null; }
has_systemd() { [ -d "$root/run/systemd/system" ] && have systemctl; }
service_state() { systemctl is-active pg-limiter.service 2>/dev/null || true; }

# The program, in an environment as bare as the service's: neither our variables nor a proxy count there.
pg() {
    local bare=(env -i PATH="$PATH" LC_ALL=C.UTF-8 NO_COLOR=1 HOME=/ PG_LIMITER_ENV="$env_file")
    if [ "$mode" = docker ]; then
        docker run --rm -i --network host --add-host host.docker.internal:host-gateway \
            ${mounts[@]+"${mounts[@]}"} "$image" "$@" 3<&-
    else
        "${bare[@]}" "${PG_PROGRAM:-$root/usr/bin/pg-limiter}" "$@" 3<&-
    fi
}

# ---- .env ----

# The value of a key in a .env, as far as it must be known here: "" is none.
value_in() {
    local text
    text=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$2=//p" "$1" 2>/dev/null | tail -n 1)
    text=${text%$'\r'}
    case $text in
        \'*\' | \"*\") text=${text:1:-1} ;;
        *) text=${text%%[[:space:]]#*} ;;
    esac
    printf '%s' "$text"
}

# The file that the package has put there, or none: nobody has written into it.
env_is_fresh() {
    [ ! -s "$env_file" ] || [ "$(value_in "$env_file" PANEL_DOMAIN)" = panel.example.com:8000 ]
}

quoted() {
    local v=$1
    if [[ $v =~ ^[A-Za-z0-9_.,:/@+=-]*$ ]]; then
        printf '%s' "$v"
    elif [[ $v != *\'* ]]; then
        printf "'%s'" "$v"
    else
        v=${v//\\/\\\\}
        printf '"%s"' "${v//\"/\\\"}"
    fi
}

# The text of .env with what is in `set`: placeholders of a fresh one are filled in, everything else is kept
# letter for letter and added to; of a key that stands there twice the last one counts.
new_env() {
    local line key
    local -A filled=()
    if env_is_fresh; then
        while IFS= read -r line || [ -n "$line" ]; do
            if [[ $line =~ ^#?([A-Z][A-Z0-9_]*)= ]] && key=${BASH_REMATCH[1]} && [ -n "${set[$key]+x}" ]; then
                [ -n "${filled[$key]+x}" ] || printf '%s=%s\n' "$key" "$(quoted "${set[$key]}")"
                filled[$key]=1
            elif [[ $line =~ ^(PANEL_DOMAIN|PANEL_PASSWORD)= ]]; then
                printf '#%s\n' "$line"
            else
                printf '%s\n' "$line"
            fi
        done < <(if [ -s "$env_file" ]; then cat "$env_file"; else pg config example; fi)
    else
        cat "$env_file"
        [ -z "$(tail -c 1 "$env_file")" ] || echo
        printf '\n# Added by pg-limiter.sh on %s.\n' "$(date +%F)"
    fi
    for key in $(printf '%s\n' "${!set[@]}" | sort); do
        [ -n "${filled[$key]+x}" ] || printf '%s=%s\n' "$key" "$(quoted "${set[$key]}")"
    done
}

# Puts it in place at once: killed at any moment, the old file or the new one is there, whole.
write_env() {
    local fresh
    mkdir -p "$etc"
    fresh=$(mktemp "$etc/.env.install-XXXXXX") || die 1 "$etc cannot be written."
    temporary+=("$fresh")
    mkdir -p "$keep" && : >"$restart_due"
    new_env >"$fresh" && chown "$owner" "$fresh" && sync "$fresh" && mv -f "$fresh" "$env_file" ||
        die 1 "$env_file cannot be written." "It is as it was."
    did "$env_file: ${!set[*]}"
}

# ---- access to the panel, and the questions ----

# Tries the access in `set` and .env: the doctor's words go into `findings`, the checks that failed into `failed`.
try_access() {
    local folder code
    new_temporary folder
    new_env >"$folder/.env"
    chmod 600 "$folder/.env"
    [ "$mode" != docker ] || chown -R "$owner" "$folder"
    local mounts=(-v "$folder:/etc/opt/pg-limiter:ro")
    if [ "$mode" = docker ]; then
        findings=$(pg doctor --access 2>&1)
    else
        findings=$(pg doctor --access --env "$folder/.env" 2>&1)
    fi
    code=$?
    rm -rf "$folder"
    failed=$(sed -n 's/^FAILED *\([a-z]*\).*/\1/p' <<<"$findings" | sort -u | tr '\n' ' ')
    [ "$code" -eq 0 ] || [ -n "$failed" ] || {
        failed='program '
        findings="FAILED   program: $(tail -n 3 <<<"$findings")"
    }
    [ -z "$failed" ]
}

# What is wrong of the named checks, with the cure, in the doctor's words.
show_findings() {
    local line on=0
    while IFS= read -r line; do
        if [[ $line =~ ^(FAILED|warning)\ +($1) ]]; then on=1; elif [[ ! $line =~ ^\ +-\> ]]; then on=0; fi
        [ "$on" = 0 ] || printf '  %s\n' "$line"
    done <<<"$findings"
}
blocks() { [[ " $failed" =~ \ (panel|tls|login|permission|nodes|settings|program)\  ]]; }

explain_login() {
    cat <<'TEXT'
How shall it log in?
  1  with name and password of an admin of the panel (an owner, or "sudo" before panel 5)
  2  with an API key, from panel 5.1 on: better, since it can do no more than it needs and is withdrawn
     without a new password. Make one in the panel, under the admin's API keys, with these permissions:
       users   read, read_simple, update      (and revoke_sub, if punishments shall revoke)
       nodes   read, logs, stats
       groups  read            admins  read
TEXT
}

ask_login() {
    local how
    explain_login
    ask how "1 or 2" 1
    if [ "$how" = 2 ]; then
        ask_secret 'set[PANEL_API_KEY]' "API key, pg_key_… (it is not shown)"
        unset 'set[PANEL_PASSWORD]'
        [ -n "${set[PANEL_API_KEY]}" ] || unset 'set[PANEL_API_KEY]'
        return
    fi
    unset 'set[PANEL_API_KEY]'
    ask 'set[PANEL_USERNAME]' "Name of the admin" "${set[PANEL_USERNAME]:-$(value_or PANEL_USERNAME admin)}"
    ask_secret 'set[PANEL_PASSWORD]' "Password (it is not shown)"
    [ -n "${set[PANEL_PASSWORD]}" ] || unset 'set[PANEL_PASSWORD]'
}

value_or() {
    local now=''
    env_is_fresh || now=$(value_in "$env_file" "$1")
    printf '%s' "${now:-$2}"
}

has_login() {
    [ -n "${set[PANEL_PASSWORD]:-}${set[PANEL_API_KEY]:-}" ] || {
        ! env_is_fresh && [ -n "$(value_in "$env_file" PANEL_PASSWORD)$(value_in "$env_file" PANEL_API_KEY)$(
            value_in "$env_file" PANEL_PASSWORD_FILE)$(value_in "$env_file" PANEL_API_KEY_FILE)" ]
    }
}
has_panel() { [ -n "${set[PANEL_DOMAIN]:-}" ] || { ! env_is_fresh && [ -n "$(value_in "$env_file" PANEL_DOMAIN)" ]; }; }

ask_address() {
    local word=${set[PANEL_DOMAIN]:-$(value_or PANEL_DOMAIN 127.0.0.1:8000)}
    [ "$mode" = package ] || {
        word=${word/127.0.0.1/host.docker.internal}
        say "(From a container, a panel on this machine is host.docker.internal:PORT.)"
    }
    say "Where is the panel? As in the browser: host:port, or the whole address with https:// or http://."
    ask 'set[PANEL_DOMAIN]' "Address of the panel" "$word"
    unset 'set[PANEL_TLS_PIN]' 'set[PANEL_CA_FILE]'
}

# One thing that is wrong with the access: says it, and asks for what cures it. 1: go on as it is.
cure_access() {
    local hint pin
    if [[ " $failed" == *" tls "* ]]; then
        show_findings tls
        pin=$(grep -o 'PANEL_TLS_PIN=[^ ]*' <<<"$findings" | head -n 1)
        say "The panel's certificate is not one that the world trusts (self-signed, or of another name)."
        if [ -n "$pin" ] && ask_yes "Is it your panel's? Then trust exactly this key" n; then
            set[PANEL_TLS_PIN]=${pin#*=}
            return
        fi
        ask hint "A file with the certificate (PEM) to trust; none: another address" ""
        if [ -n "$hint" ]; then set[PANEL_CA_FILE]=$hint; else ask_address; fi
    elif [[ " $failed" == *" panel "* ]]; then
        show_findings panel
        # A name that nobody knows is no better by another scheme.
        hint=$(grep -v 'is unknown' <<<"$findings" | grep -o 'PANEL_DOMAIN=http[^ ]*' | head -n 1)
        if [[ $hint == *=https:* ]] && ask_yes "Use ${hint#*=}" y; then
            set[PANEL_DOMAIN]=${hint#*=}
        elif [[ $hint == *=http:* ]] && ask_yes "Use ${hint#*=}? Name and password travel readable then" n; then
            set[PANEL_DOMAIN]=${hint#*=}
        else
            ask_address
        fi
    elif [[ " $failed" == *" login "* ]]; then
        show_findings login
        say "(The panel tells its owner of every login that fails.)"
        ask_login
    elif [[ " $failed" == *" settings "* || " $failed" == *" program "* ]]; then
        show_findings 'settings|program'
        ask_address
        ask_login
    else
        show_findings 'permission|nodes'
        ask hint "Give the role or key these permissions in the panel, then Enter to try again; or: login, go on" again
        case $hint in
            go*) return 1 ;;
            login) ask_login ;;
        esac
    fi
}

# Panel and login, tried until they work. 1: there is none yet, and none was given.
ask_access() {
    has_panel || ask_address
    has_login || ask_login
    while :; do
        if ! has_login; then
            warn "No password and no key: this is left for later (pg-limiter.sh install, or pg-limiter config)."
            return 1
        fi
        say "Asking the panel …"
        if try_access || ! blocks; then break; fi
        cure_access || break
    done
    sed -n 's/^ok *\(version: \|login: \)/  ok: \1/p' <<<"$findings"
    show_findings node
    return 0
}

ask_bot() {
    local token ids proxy
    say "The Telegram bot shows and controls everything. @BotFather gives you its token; without one it runs, too."
    while :; do
        ask token "Token of the bot" ""
        [ -n "$token" ] || return 0
        set[BOT_TOKEN]=$token
        while :; do
            ask ids "Your numeric Telegram id (@userinfobot tells it); several with commas" "${set[ADMIN_IDS]:-}"
            [[ $ids =~ ^([0-9]+(,[0-9]+)*)?$ ]] && break
            say "Numbers with commas between them, please."
        done
        [ -z "$ids" ] || set[ADMIN_IDS]=$ids
        try_access || true
        [[ " $failed" == *" telegram "* || " $failed" == *" settings "* ]] || return 0
        show_findings 'telegram:|settings'
        if [[ " $failed" == *" telegram "* ]] && grep -q 'cannot be reached' <<<"$findings"; then
            ask proxy "A proxy to Telegram, socks5h://host:port; none: leave it so, it goes on trying" ""
            [ -n "$proxy" ] || return 0
            set[TELEGRAM_PROXY]=$proxy
        else
            unset 'set[BOT_TOKEN]' 'set[TELEGRAM_PROXY]'
        fi
    done
}

ask_rest() {
    local zone
    while :; do
        ask 'set[GENERAL_LIMIT]' "How many devices may use one account at the same time" "${set[GENERAL_LIMIT]:-2}"
        [[ ${set[GENERAL_LIMIT]} =~ ^[0-9]{1,4}$ ]] && break
        say "A number, please; 0 is unlimited."
    done
    if [ -z "${set[ENFORCEMENT]:-}" ]; then
        say "In shadow mode everybody is judged and reported, and nobody is disabled: the way to spend the first day."
        say "\`pg-limiter mode on\` ends it."
        if ask_yes "Begin in shadow mode" y; then set[ENFORCEMENT]=shadow; else set[ENFORCEMENT]=on; fi
    fi
    zone=$(cat "$root/etc/timezone" 2>/dev/null || readlink "$root/etc/localtime" 2>/dev/null | sed 's,.*/zoneinfo/,,')
    while :; do
        ask zone "Time zone" "${set[TZ]:-${zone:-UTC}}"
        [[ $zone != /* && $zone != *..* ]] && { [ -e "/usr/share/zoneinfo/$zone" ] || [ "$zone" = UTC ]; } && break
        [ "$yes" = 0 ] || break
        say "$zone is not known; one like Asia/Tehran, please."
    done
    set[TZ]=$zone
}

# Every setting may come by its name from the environment; what stands in .env already stays.
take_variables() {
    local key fresh=0
    env_is_fresh && fresh=1
    for key in $(pg config example | sed -n 's/^#\{0,1\}\([A-Z][A-Z0-9_]*\)=.*/\1/p' | sort -u); do
        # TZ and LOG_LEVEL are often set for reasons of their own; in .env they are wanted only at first.
        [ -n "${!key:-}" ] || continue
        [[ ${!key} != *$'\n'* ]] || die 2 "$key: a value of several lines cannot be written into .env."
        if [ "$fresh" = 1 ]; then
            set[$key]=${!key}
        elif [ -z "$(value_in "$env_file" "$key")" ]; then
            [[ $key =~ ^(TZ|LOG_LEVEL|LOG_DIR|DATA_DIR)$ ]] || set[$key]=${!key}
        elif [ "$(value_in "$env_file" "$key")" != "${!key}" ] && [[ ! $key =~ ^(TZ|LOG_LEVEL)$ ]]; then
            say "$key stands in $env_file with another value: left as it is."
        fi
    done
}

configure_unattended() {
    local first=$1
    if ! has_panel || ! has_login; then
        start_it=0
        [ "${PG_START:-yes}" = no ] || die 1 "Installed, but not configured: PANEL_DOMAIN and a login are missing." \
            "Give PANEL_DOMAIN with PANEL_PASSWORD or PANEL_API_KEY in variables, and start it again."
        return
    fi
    if [ "$first" = 1 ]; then ask_rest; fi
    if ! try_access; then
        show_findings '[a-z]'
        if blocks; then
            is_yes "${PG_SKIP_CHECK:-no}" || die 3 "The panel cannot be used like this; $env_file is as it was."
            warn "kept all the same, as PG_SKIP_CHECK says"
        fi
    fi
}

configure() {
    local first=0 key
    head_line "Settings"
    env_is_fresh && first=1
    take_variables
    if [ "$yes" = 1 ]; then
        configure_unattended "$first"
    elif [ "$first" = 1 ]; then
        if ! ask_access; then
            start_it=0
            return
        fi
        [ -n "${set[BOT_TOKEN]:-}" ] || ask_bot
        ask_rest
    else
        say "$env_file is kept as it is; only what is missing is added, after asking."
        if ! ask_access; then
            start_it=0
            return
        fi
        # New here, and not after an upgrade: the first day of an old program's settings is one in shadow, too.
        if [ ! -e "$lib/data/pg-limiter.db" ] && [ -z "$(value_in "$env_file" ENFORCEMENT)" ]; then
            if ask_yes "Begin in shadow mode (judge and report, disable nobody), for the first day" y; then
                set[ENFORCEMENT]=shadow
            fi
        fi
    fi
    for key in "${!set[@]}"; do
        [ "$first" = 1 ] || [ "$(value_in "$env_file" "$key")" != "${set[$key]}" ] || unset "set[$key]"
    done
    if [ ${#set[@]} -eq 0 ]; then
        say "Nothing is missing in $env_file."
        return
    fi
    if [ "$first" = 0 ]; then
        say "To be added at the end of $env_file (of a key that stands there twice, the last one counts):"
        printf '  %s\n' "${!set[@]}" | sort
        ask_yes "Add them" y || {
            start_it=0
            warn "left as it is, and not started like this"
            return
        }
    fi
    write_env
}

# ---- files and their rights ----

# right PATH OWNER [MODE]: of what is there already
right() {
    local now
    [ -e "$1" ] || return 0
    [ ! -L "$1" ] || die 1 "$1 is a symbolic link: its owner is not changed." "Put the file itself there."
    now=$(stat -c '%U:%G' "$1")
    [[ $2 != [0-9]* ]] || now=$(stat -c '%u:%g' "$1")
    if [ "$now" != "$2" ]; then
        chown -h "$2" "$1" || die 1 "$1: its owner cannot be changed."
        did "$1 belonged to $now, and belongs to $2 now"
    fi
    now=$(stat -c %a "$1")
    if [ -n "${3:-}" ] && [ "$now" != "$3" ]; then
        chmod "$3" "$1" || die 1 "$1: its mode cannot be changed."
        did "$1 had mode $now, and has $3 now"
    fi
}

fix_rights() {
    local path
    rm -f "$etc"/.env.install-?????? # of a run that was killed
    right "$env_file" "$owner" 600
    right "$lib" "$owner" 750
    # The Python program's volume is the same folder, and belongs to root.
    for path in data run geo logs; do right "$lib/$path" "$owner"; done
    for path in "$lib"/data/pg-limiter.db* "$lib"/logs/{limiter,api,telegram}.log*; do right "$path" "$owner"; done
    right "$lib/data/pg-limiter.db" "$owner" 600
    right "$lib/secrets.env" "$owner" 600
    for path in "$root"/etc/credstore/pg-limiter.*; do right "$path" root:root 600; done
}

# ---- the package ----

fetch() {
    need curl curl "to download"
    [ -e "$root/etc/ssl/certs/ca-certificates.crt" ] || [ -n "$root" ] || apt_install ca-certificates || true
    curl -fsSL --proto '=https,http' --proto-redir '=https' --connect-timeout 20 --retry 2 -o "$2" -- "$1"
}

# signed FILE SIGNATURE: whether it is by our key
signed() {
    local key
    need openssl openssl "to check a signature"
    new_temporary key
    printf -- '-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n' "$update_key" >"$key/key.pem"
    openssl pkeyutl -verify -pubin -inkey "$key/key.pem" -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1
}

# A field of one entry of a manifest whose signature is right (tools/sign_update writes it, a line a field).
manifest_field() {
    sed -n "/\"$2\": *{/,/}/s/.*\"$3\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$1" | head -n 1
}

get_offered() {
    local url=$1 to=$2 name hash
    if ! fetch "${url%/}/manifest.json" "$to/manifest.json" || ! fetch "${url%/}/manifest.json.sig" "$to/sig"; then
        die 1 "$url: the manifest, or its signature, could not be fetched."
    fi
    signed "$to/manifest.json" "$to/sig" || die 1 "$url: what stands there is not signed by the key of this program: not used."
    name=$(manifest_field "$to/manifest.json" "$arch.deb" file)
    hash=$(manifest_field "$to/manifest.json" "$arch.deb" sha256)
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._+~-]*\.deb$ && $hash =~ ^[0-9a-f]{64}$ ]] ||
        die 1 "$url: no package for $arch is offered there."
    fetch "${url%/}/$name" "$to/$name" || die 1 "$url/$name could not be fetched."
    [ "$(sha256sum <"$to/$name" | cut -d' ' -f1)" = "$hash" ] || die 1 "$name is not what the manifest says: not used."
    deb=$to/$name
    say "$name: signed, and whole."
}

get_named() {
    local from=$1 to=$2 name=${1##*/} remote=0
    if [[ $from =~ ^https?:// ]]; then
        remote=1
        name=${name%%[?#]*}
        fetch "$from" "$to/${name:=package.deb}" || die 1 "$from could not be fetched."
        fetch "$from.sig" "$to/sig" 2>/dev/null || rm -f "$to/sig"
        deb=$to/$name
    else
        [ -f "$from" ] || die 1 "$from: there is no such file."
        deb=$(realpath "$from")
        [ ! -f "$deb.sig" ] || cp "$deb.sig" "$to/sig"
    fi
    if [ -f "$to/sig" ]; then
        signed "$deb" "$to/sig" || die 1 "$name: its signature is not by the key of this program: not used."
        say "$name: the signature is right."
    elif [ "$remote" = 1 ]; then
        say "$name has no signature. Its SHA-256 is $(sha256sum <"$deb" | cut -d' ' -f1)."
        if [ "${PG_PACKAGE_SHA256:-}" != "$(sha256sum <"$deb" | cut -d' ' -f1)" ]; then
            [ -z "${PG_PACKAGE_SHA256:-}" ] || die 1 "PG_PACKAGE_SHA256 is another: not used."
            if [ "$yes" = 1 ]; then
                [[ $from == https:* ]] || die 1 "Without a signature it is not taken over plain http." \
                    "Give its PG_PACKAGE_SHA256, or download it yourself."
            elif ! ask_yes "Do you trust where it comes from" n; then
                die 1 "Not used; nothing was changed."
            fi
        fi
    fi
}

# Where it comes from: an option, UPDATE_URL, a file beside us, an answer.
get_package() {
    local to beside
    deb=''
    new_temporary to
    if [ -z "$package" ] && [ -z "${UPDATE_URL:-}" ]; then
        beside=$(find "$(dirname "${BASH_SOURCE[0]:-.}")" . -maxdepth 1 -name "pg-limiter_*_$arch.deb" 2>/dev/null |
            sort -V | tail -n 1)
        package=$beside
    fi
    if [ -z "$package" ] && [ -z "${UPDATE_URL:-}" ] && [ "$(package_status)" != installed ]; then
        say "Where is the package, pg-limiter_VERSION_$arch.deb? (\`make deb\` makes one of the source.)"
        ask package "File or URL" ""
        [ -n "$package" ] || die 1 "No package was named; the one that is here: ${now:-none}." "Give one with --package FILE or URL, or set UPDATE_URL."
    fi
    if [ -n "$package" ]; then
        get_named "$package" "$to"
    elif [ -n "${UPDATE_URL:-}" ]; then
        get_offered "$UPDATE_URL" "$to"
    else
        return
    fi
    if [ "$(dpkg-deb -f "$deb" Package 2>/dev/null)" != pg-limiter ]; then
        die 1 "$deb is no package of PG-Limiter."
    fi
    [ "$(dpkg-deb -f "$deb" Architecture)" = "$arch" ] ||
        die 1 "$deb is for $(dpkg-deb -f "$deb" Architecture), and this machine is $arch."
}

install_package() {
    local version now status kept
    head_line "Package"
    status=$(package_status)
    case $status in
        '' | installed | not-installed | config-files) ;;
        *)
            warn "An earlier installation was not finished (dpkg says: $status): finishing it."
            dpkg --configure -a >"$keep/apt.log" 2>&1 </dev/null || true
            status=$(package_status)
            [ "$status" != installed ] || did "the package is whole again"
            ;;
    esac
    now=$(package_version)
    get_package
    if [ -z "$deb" ]; then
        say "Version $now is installed. (Another one: --package FILE or URL.)"
        return
    fi
    version=$(dpkg-deb -f "$deb" Version)
    if [ "$status" = installed ] && [ "$now" = "$version" ]; then
        say "Version $version is installed already."
        return
    fi
    if [ "$status" = installed ] && dpkg --compare-versions "$version" lt "$now"; then
        ask_yes "Version $now is installed; $version is older, and may refuse its database. Install it" n ||
            { say "Left at $now."; return; }
    fi
    mkdir -p "$keep/packages"
    kept=$keep/packages/pg-limiter_${version//:/_}_$arch.deb
    [ "$deb" -ef "$kept" ] || cp "$deb" "$kept.part" && { [ ! -e "$kept.part" ] || mv -f "$kept.part" "$kept"; } ||
        die 1 "$keep cannot be written."
    say "Installing version $version; this takes a moment …"
    apt_install --allow-downgrades --reinstall "$kept" || die 1 "The package could not be installed (apt-get's words are above)." \
        "Start it again when the cause is gone: it goes on from here."
    [ "$(package_status)" = installed ] || die 1 "dpkg says that the package is not whole: $(package_status)"
    if [ "$status" = installed ]; then
        did "upgraded from $now to $version"
        upgraded_from=$now
    else
        did "installed version $version"
    fi
    # This one and the one before stay, for the way back.
    find "$keep/packages" -name '*.deb' ! -name "pg-limiter_${version//:/_}_*" ! -name "pg-limiter_${now//:/_}_*" -delete
}

# ---- an old PG-Limiter ----

is_old_line() {
    local words='(^|[^a-z])limiter\.py|v2iplimit|pg-limiter\.sh|docker.*(start|restart|up).*pg[-_]?limiter'
    [[ ! $1 =~ ^[[:space:]]*(#|$) && ${1,,} =~ $words ]]
}

find_containers() {
    local id name at state path restart
    have docker || return 0
    if ! docker ps >/dev/null 2>&1; then
        docker_silent=1
        return
    fi
    while IFS=$'\t' read -r id name at state; do
        [[ "${name,,} ${at,,}" =~ $old_names ]] && [[ ! ${at,,} =~ redis ]] || continue
        path=$(docker inspect -f '{{.Path}}' "$id" 2>/dev/null)
        [ "${path##*/}" != pg-limiter ] || continue # one of ours
        restart=$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' "$id" 2>/dev/null)
        if [ "$state" != running ] && [[ $restart =~ ^(no)?$ ]] && [ -e "$keep/old/container-$name/.done" ]; then
            continue
        fi
        old_containers+=("$name")
    done < <(docker ps -a --format '{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.State}}')
}

find_processes() {
    local dir words=() mine
    mine=$(readlink /proc/self/ns/pid)
    for dir in /proc/[0-9]*; do
        { mapfile -d '' -t words <"$dir/cmdline"; } 2>/dev/null || continue
        [[ ${words[0]:-} =~ (^|/)python[0-9.]*$ ]] || continue
        # One in a container is the container's.
        [ "$(readlink "$dir/ns/pid" 2>/dev/null)" = "$mine" ] || continue
        case " ${words[*]:1:3} " in
            *' limiter.py '* | */limiter.py\ * | *v2iplimit.py\ *) old_processes+=("${dir#/proc/}") ;;
        esac
    done
}

find_old() {
    local file line
    old_containers=() old_units=() old_crons=() old_processes=()
    find_containers
    for file in "$root"/etc/systemd/system/*.service; do
        [ -f "$file" ] && grep -Eiq '^ExecStart=.*(limiter\.py|v2iplimit|pg-limiter\.sh|docker.*pg[-_]?limiter)' "$file" &&
            old_units+=("$file")
    done
    for file in "$root"/etc/crontab "$root"/etc/cron.d/* "$root"/var/spool/cron/crontabs/* "$root"/etc/rc.local; do
        [ -f "$file" ] || continue
        while IFS= read -r line || [ -n "$line" ]; do
            is_old_line "$line" && { old_crons+=("$file"); break; }
        done <"$file"
    done
    find_processes
    old_compose=''
    [ -f "$compose_file" ] && ! grep -qF "$mark" "$compose_file" && old_compose=$compose_file
    old_script=''
    [ -f "$wrapper" ] && [ "$(head -c 2 "$wrapper")" = '#!' ] && ! grep -qF "$mark" "$wrapper" && old_script=$wrapper
    return 0
}

has_old() {
    [ $((${#old_containers[@]} + ${#old_units[@]} + ${#old_crons[@]} + ${#old_processes[@]})) -gt 0 ] ||
        [ -n "$old_compose$old_script" ] || [ -n "$(pending)" ]
}

# Copies that were made and not imported.
pending() {
    local dir
    for dir in "$keep"/old/*/; do
        [ -d "$dir" ] && [ ! -e "$dir/.done" ] && [[ $dir != *.new/ ]] && printf '%s\n' "${dir%/}"
    done
    return 0
}

tell_old() {
    local one
    for one in ${old_containers[@]+"${old_containers[@]}"}; do
        say "  container $one, $(docker inspect -f '{{.State.Status}}, restart policy {{.HostConfig.RestartPolicy.Name}}' "$one")"
    done
    for one in ${old_units[@]+"${old_units[@]}"}; do say "  unit $one"; done
    for one in ${old_crons[@]+"${old_crons[@]}"}; do say "  a line in $one"; done
    for one in ${old_processes[@]+"${old_processes[@]}"}; do
        say "  process $one, $(tr '\0' ' ' <"/proc/$one/cmdline") in $(readlink "/proc/$one/cwd")"
    done
    [ -z "$old_compose" ] || say "  $old_compose"
    [ -z "$old_script" ] || say "  its command $old_script"
    while IFS= read -r one; do
        [ -z "$one" ] || say "  what was copied of it on $(date -r "$one" '+%F %R'), and is not imported yet"
    done < <(pending)
}

copy_container() {
    local pair said n=0
    for pair in "${old_places[@]}"; do
        if said=$(docker cp "$1:${pair%%=*}" "$2/${pair#*=}" 2>&1 </dev/null); then
            n=$((n + 1))
        elif ! grep -Eiq 'could not find the file|no such container:path|no such file or directory|could not be found' <<<"$said"; then
            # One file that is there and does not come may be the list of everybody who is disabled.
            warn "$1: ${pair%%=*} could not be copied: $(tail -n 1 <<<"$said")"
            return 1
        fi
    done
    [ "$n" -gt 0 ]
}

copy_folder() {
    local name n=0
    for name in "${old_files[@]}"; do
        [ -e "$1/$name" ] || continue
        cp -a "$1/$name" "$2/$name" || return 1
        n=$((n + 1))
    done
    [ "$n" -gt 0 ]
}

# copy_one NAME container|folder FROM: a copy takes the place of an earlier one when it is whole.
copy_one() {
    local to=$keep/old/$1
    rm -rf "$to.new"
    mkdir -p "$to.new" || die 1 "$keep cannot be written: nothing was stopped."
    chmod 700 "$keep" "$keep/old" "$to.new"
    if ! "copy_$2" "$3" "$to.new"; then
        rm -rf "$to.new"
        return 1
    fi
    sync
    rm -rf "$to"
    mv "$to.new" "$to" || return 1
}

# The folder a unit's program works in.
unit_folder() { sed -n 's/^WorkingDirectory=//p' "$1" | tail -n 1; }

copy_old() {
    local one folder
    for one in ${old_containers[@]+"${old_containers[@]}"}; do
        if copy_one "container-$one" container "$one"; then
            say "Copied the state out of container $one."
        elif [ -d "$keep/old/container-$one" ]; then
            warn "container $one gives no new copy: the one from before counts"
        elif [ "${1:-}" = must ]; then
            die 1 "The state in container $one could not be copied, so nothing was stopped." \
                "It may hold the only list of the users whom the old program has disabled."
        fi
    done
    for one in ${old_processes[@]+"${old_processes[@]}"}; do
        folder=$(readlink "/proc/$one/cwd") || continue
        copy_one "folder-${folder//[^A-Za-z0-9]/_}" folder "$folder" && say "Copied the state in $folder."
    done
    for one in ${old_units[@]+"${old_units[@]}"}; do
        [ -f "$one" ] || continue # put away meanwhile; its folder is among the copies
        folder=$(unit_folder "$one")
        [ -d "${folder:-/nowhere}" ] || continue
        copy_one "folder-${folder//[^A-Za-z0-9]/_}" folder "$folder" && say "Copied the state in $folder."
    done
    # A container that is gone has left its volume.
    if [ ${#old_containers[@]} -eq 0 ] && [ -f "$lib/data/pg_limiter.db" ] && [ ! -e "$keep/old/volume" ]; then
        copy_one volume volume "$lib/data" && say "Copied the old database in $lib/data."
    fi
    return 0
}
copy_volume() { cp -a "$1"/pg_limiter.db* "$2"; }

put_away() {
    local to=$keep/replaced/${1##*/}
    mkdir -p "$keep/replaced"
    while [ -e "$to" ]; do to=$to.1; done
    mv "$1" "$to" || die 1 "$1 cannot be moved."
    did "moved $1 to $to"
}

comment_out() {
    local file=$1 fresh line
    new_temporary fresh
    while IFS= read -r line || [ -n "$line" ]; do
        if is_old_line "$line"; then printf '# pg-limiter.sh, %s: %s\n' "$(date +%F)" "$line"; else printf '%s\n' "$line"; fi
    done <"$file" >"$fresh/text"
    mkdir -p "$keep/replaced"
    cp -a "$file" "$keep/replaced/cron-${file##*/}"
    if [[ $file == */crontabs/* ]] && have crontab; then
        crontab -u "${file##*/}" "$fresh/text" || die 1 "crontab does not take the change for ${file##*/}."
    else
        cat "$fresh/text" >"$file" || die 1 "$file cannot be written."
    fi
    did "commented the old program's lines in $file"
}

# One that has ended and whose parent has not looked yet does not count.
lives() { grep -qs '^State:' "/proc/$1/status" && ! grep -qs '^State:.Z' "/proc/$1/status"; }

# First what would start it again, then itself.
stop_old() {
    local one i
    for one in ${old_crons[@]+"${old_crons[@]}"}; do comment_out "$one"; done
    for one in ${old_containers[@]+"${old_containers[@]}"}; do
        if [[ ! $(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' "$one") =~ ^(no)?$ ]]; then
            docker update --restart=no "$one" >/dev/null || die 1 "Docker does not change the restart policy of $one."
            did "container $one is not started by Docker any more"
        fi
    done
    for one in ${old_units[@]+"${old_units[@]}"}; do
        systemctl disable --now "${one##*/}" >/dev/null 2>&1 || true
        put_away "$one"
        systemctl daemon-reload >/dev/null 2>&1 || true
    done
    for one in ${old_containers[@]+"${old_containers[@]}"}; do
        [ "$(docker inspect -f '{{.State.Status}}' "$one")" = running ] || continue
        docker stop -t 20 "$one" >/dev/null || die 1 "Docker does not stop $one."
        did "stopped container $one (it is kept)"
    done
    for one in ${old_processes[@]+"${old_processes[@]}"}; do
        kill -TERM "$one" 2>/dev/null || true
        for ((i = 0; i < 150; i++)); do
            lives "$one" || break
            sleep 0.1
        done
        ! lives "$one" || die 1 "Process $one does not end: end it (kill -9 $one), then start this again."
        did "ended process $one"
    done
    [ -z "$old_compose" ] || put_away "$old_compose"
    [ -z "$old_script" ] || put_away "$old_script"
    old_processes=()
    find_processes
    [ ${#old_processes[@]} -eq 0 ] || die 1 "Something starts the old program again: process ${old_processes[*]}." \
        "Its parent: $(tr '\0' ' ' <"/proc/$(sed -n 's/^PPid:\t//p' "/proc/${old_processes[0]}/status")/cmdline")" \
        "Stop that (screen, pm2, supervisor …), then start this again."
}

import_one() {
    local dir=$1
    shift
    local mounts=()
    if [ "$mode" = docker ]; then
        chown -R "$owner" "$dir"
        mounts=(-v "$etc:/etc/opt/pg-limiter:ro" -v "$lib:/var/lib/pg-limiter" -v "$dir:/old:ro")
        dir=/old
    fi
    pg import "$@" "$dir" </dev/null
}

# The old program goes on until it is known that its data can be taken over.
take_over() {
    local dir wanted=${PG_IMPORT:-yes}
    has_old || return 0
    head_line "The old program"
    tell_old
    if [ "$yes" = 1 ]; then
        case ${PG_OLD:-} in
            take-over) ;;
            leave) old_left=1 ;;
            *) die 1 "An old PG-Limiter is here; PG_OLD=take-over or PG_OLD=leave must say what becomes of it." ;;
        esac
    elif ! ask_yes "Stop it, keep it from starting again, and let the new one take over" y; then
        old_left=1
    fi
    if [ "$old_left" = 1 ]; then
        start_it=0
        warn "The old program goes on, so the new one is not started: two would take each other's log lines."
        for dir in ${old_units[@]+"${old_units[@]}"}; do
            [ "${dir##*/}" != pg-limiter.service ] ||
                say "Until it is taken over, pg-limiter.service is the old program's: \`pg-limiter start\` and \`stop\` refuse."
        done
        return
    fi
    for dir in $(pending); do
        is_yes "$wanted" || break
        say "What would be taken over from ${dir##*/}:"
        import_one "$dir" --dry-run || die 1 "Its data cannot be taken over (the reason is above): nothing was stopped." \
            "When the cause is gone, start this again; PG_IMPORT=no goes on without."
    done
    if [ -n "$(pending)" ] && is_yes "$wanted" && ! ask_yes "Take this over" y; then wanted=no; fi
    stop_old
    copy_old
    for dir in $(pending); do
        if is_yes "$wanted"; then
            import_one "$dir" --yes >"$keep/import.log" 2>&1 || {
                tail -n 20 "$keep/import.log" >&2
                die 1 "The import failed, and the old program is stopped: whom it has disabled stays disabled." \
                    "Start this again: it goes on with the import of $dir."
            }
            tail -n 2 "$keep/import.log"
            did "took over ${dir##*/}"
        fi
        touch "$dir/.done"
    done
    fix_rights
}

# ---- the service ----

wait_active() {
    local i
    for ((i = 0; i < 30; i++)); do
        [ "$(service_state)" != active ] || { [ "$i" -gt 2 ] && return 0; }
        [ "$(service_state)" != failed ] || return 1
        sleep "${PG_PAUSE:-1}"
    done
    return 1
}

start_service() {
    local was
    head_line "Service"
    if ! has_systemd; then
        say "There is no systemd here. To run it: runuser -u pg-limiter -- pg-limiter run"
        return
    fi
    was=$(service_state)
    [ "$was" = active ] || rm -f "$restart_due"
    [ ! -e "$restart_due" ] || changed=1
    if [ "$was" = active ] && [ "$changed" = 0 ]; then
        say "It runs."
        return
    fi
    is_yes "${PG_START:-yes}" && { [ "$was" = active ] || ask_yes "Start it now, and with every start of this machine" y; } || {
        say "Not started. When you want it: systemctl enable --now pg-limiter"
        return
    }
    systemctl daemon-reload >/dev/null 2>&1 || true
    systemctl enable pg-limiter.service >/dev/null 2>&1 || die 1 "systemctl does not enable pg-limiter.service."
    local verb=start
    [ "$was" != active ] || verb=restart
    if ! systemctl "$verb" pg-limiter.service || ! wait_active; then
        die 1 "It does not stay up: journalctl -u pg-limiter -n 30 says why." \
            ${upgraded_from:+"Back to the version before: apt-get install --allow-downgrades $keep/packages/pg-limiter_${upgraded_from//:/_}_$arch.deb"}
    fi
    rm -f "$restart_due"
    did "pg-limiter.service runs"
    show_status
}

# On a slow machine it is active some seconds before it answers.
show_status() {
    local i said=''
    for ((i = 0; i < 30; i++)); do
        ! said=$(pg status 2>/dev/null) || break
        [ "$(service_state)" = active ] || break
        sleep "${PG_PAUSE:-1}"
    done
    head -n 8 <<<"$said"
}

farewell() {
    if [ "$changed" = 0 ]; then
        say
        say "Nothing had to be changed."
        return
    fi
    cat <<'TEXT'

Next:
  pg-limiter status            what it sees
  pg-limiter doctor            what is wrong, and the cure
  pg-limiter mode on           when the first day in shadow mode showed nothing strange
  pg-limiter help              all commands
TEXT
}

# ---- Docker ----

compose() {
    # Compose would take .env for its own and fail at a password with a $ in it.
    if docker compose version >/dev/null 2>&1; then
        COMPOSE_DISABLE_ENV_FILE=1 docker compose -f "$compose_file" "$@"
    else
        COMPOSE_DISABLE_ENV_FILE=1 docker-compose -f "$compose_file" "$@"
    fi
}

compose_runs() { compose ps --services --filter status=running 2>/dev/null | grep -qx limiter; }

get_docker() {
    local packages=(docker.io docker-compose)
    if have docker && { docker compose version >/dev/null 2>&1 || have docker-compose; }; then
        docker ps >/dev/null 2>&1 || die 1 "Docker is installed but does not answer: systemctl start docker"
        return
    fi
    have apt-get || die 1 "Docker with Compose is not here: install it, then start this again."
    ! have docker || packages=(docker-compose)
    ask_yes "Docker with Compose is not here. Install ${packages[*]} of this distribution" y ||
        die 1 "Without Docker there is no container; without --docker it is installed as a package."
    apt_install "${packages[@]}" || die 1 "Docker could not be installed (apt-get's words are above)."
    did "installed ${packages[*]}"
    docker ps >/dev/null 2>&1 || { has_systemd && systemctl start docker; } || true
    docker ps >/dev/null 2>&1 || die 1 "Docker is installed but does not answer yet: start it, then start this again."
}

get_image() {
    local said
    if [ -f "$image" ]; then
        said=$(docker load -i "$image" </dev/null) || die 1 "Docker cannot load $image."
        image=$(sed -n 's/^Loaded image: //p' <<<"$said" | head -n 1)
        [ -n "$image" ] || die 1 "There is no image with a name in that file."
        [ "$image" = pg-limiter:latest ] || docker tag "$image" pg-limiter:latest || die 1 "Docker cannot name $image."
        say "Loaded $image."
        return
    fi
    image=${image:-pg-limiter:latest}
    docker image inspect "$image" >/dev/null 2>&1 && return
    [[ $image == */* ]] || die 1 "There is no image $image here." \
        "Give a file of \`docker save\` or a name with its registry: --image"
    docker pull "$image" </dev/null || die 1 "$image could not be pulled." "(The proxy of the Docker service is its own.)"
    docker tag "$image" pg-limiter:latest || die 1 "Docker cannot name $image."
    did "pulled $image"
}

put_compose() {
    local beside=$compose_from
    [ -n "$beside" ] || beside=$(dirname "${BASH_SOURCE[0]:-.}")/docker-compose.yml
    if [ -f "$compose_file" ] && grep -qF "$mark" "$compose_file"; then
        say "$compose_file is ours: kept as it is."
        return
    fi
    [ ! -e "$compose_file" ] || die 1 "$compose_file is the old program's, which was left: nothing is put in its place."
    grep -qF "$mark" "$beside" 2>/dev/null || die 1 "There is no docker-compose.yml of this program beside this script." \
        "Give the one of the source: --compose FILE"
    mkdir -p "$etc"
    cp "$beside" "$compose_file.part" && mv "$compose_file.part" "$compose_file" || die 1 "$etc cannot be written."
    did "$compose_file"
}

put_wrapper() {
    local text
    if [ -f "${BASH_SOURCE[0]:-}" ]; then
        text=$(cat "${BASH_SOURCE[0]}")
    else
        text=$(printf '#!/bin/bash\n# %s\n' "$mark"; declare -f; printf 'main "$@"\n')
    fi
    [ "$text" != "$(cat "$wrapper" 2>/dev/null)" ] || return 0
    mkdir -p "${wrapper%/*}"
    printf '%s\n' "$text" >"$wrapper.part" && chmod 755 "$wrapper.part" && mv "$wrapper.part" "$wrapper" ||
        die 1 "$wrapper cannot be written."
    did "the command $wrapper"
}

install_docker() {
    local user was_running=0 image_before
    head_line "Docker"
    get_docker
    image_before=$(docker image inspect -f '{{.Id}}' pg-limiter:latest 2>/dev/null)
    get_image
    [ "$(docker image inspect -f '{{.Id}}' pg-limiter:latest 2>/dev/null)" = "$image_before" ] || changed=1
    user=$(docker image inspect -f '{{.Config.User}}' "$image")
    [[ $user =~ ^[0-9]+(:[0-9]+)?$ ]] || die 1 "The image does not say by number as whom it runs (${user:-root})."
    owner=$user
    [[ $owner == *:* ]] || owner=$user:$user
    mkdir -p "$etc" "$lib"
    fix_rights
    configure
    fix_rights
    take_over
    if [ "$old_left" = 1 ]; then return; fi
    put_compose
    put_wrapper
    head_line "Service"
    [ "$start_it" = 1 ] || { say "Not started: it is not configured yet."; return; }
    compose_runs && was_running=1
    [ "$was_running" = 1 ] || rm -f "$restart_due"
    [ ! -e "$restart_due" ] || changed=1
    if [ "$was_running" = 1 ] && [ "$changed" = 0 ]; then
        say "It runs."
        return
    fi
    is_yes "${PG_START:-yes}" && ask_yes "Start it now" y || { say "Not started. When you want it: pg-limiter start"; return; }
    if [ "$was_running" = 1 ]; then compose up -d --force-recreate limiter; else compose up -d; fi </dev/null ||
        die 1 "Docker Compose does not start it (its words are above)."
    rm -f "$restart_due"
    did "the container runs"
}

# `pg-limiter …` on a machine where it runs in a container: what is about the container is done here.
manage() {
    local verb=$1 tty=() n
    shift
    [ -f "$compose_file" ] && grep -qF "$mark" "$compose_file" || die 1 "There is no $compose_file of this program: pg-limiter.sh install"
    [ -t 0 ] && [ -t 1 ] || tty=(-T)
    case $verb in
        start) compose up -d ;;
        restart) compose up -d --force-recreate limiter ;;
        stop | uninstall)
            if [ "${1:-}" = --enable-all ]; then
                compose exec -T limiter pg-limiter disabled enable-all --yes ||
                    die 1 "They were not all enabled: nothing was stopped."
            else
                n=$(compose exec -T limiter pg-limiter disabled list --json --limit 1 2>/dev/null | sed -n 's/.*"total": *\([0-9]*\).*/\1/p')
                [ "$n" = 0 ] || say "${n:-An unknown number of} users are disabled by us, and stay so until it runs again (--enable-all enables them first)."
            fi
            if [ "$verb" = stop ]; then compose stop; else
                compose down || die 1 "Docker Compose does not stop it: nothing was removed."
                rm -f "$wrapper"
                say "Kept: $etc and $lib."
            fi
            ;;
        update) say "A new image: pg-limiter.sh install --docker --image FILE|NAME; it is put in place of the old one." ;;
        *)
            if compose_runs; then
                compose exec ${tty[@]+"${tty[@]}"} limiter pg-limiter "$verb" "$@"
            else
                compose run --rm --no-deps ${tty[@]+"${tty[@]}"} limiter "$verb" "$@"
            fi
            ;;
    esac
}

# ---- all of it ----

plan() {
    head_line "What is here"
    say "  $(sed -n 's/^PRETTY_NAME=//p' "$root/etc/os-release" 2>/dev/null | tr -d '"'), $arch"
    if [ "$mode" = package ]; then
        say "  PG-Limiter: $([ -n "$(package_status)" ] && echo "version $(package_version), $(package_status)" || echo "not installed")"
    fi
    if [ ! -s "$env_file" ]; then say "  $env_file: none yet"
    elif env_is_fresh; then say "  $env_file: not filled in yet"
    else say "  $env_file: is there, and is kept"; fi
    [ "$docker_silent" = 0 ] || warn "Docker does not answer: whether an old PG-Limiter runs in a container cannot be seen."
    if has_old; then
        say "  An older PG-Limiter:"
        tell_old
    fi
    [ "$dry" = 1 ] || return 0
    head_line "What would be done"
    if [ "$mode" = docker ]; then say "  have Docker, the image, docker-compose.yml and the command pg-limiter"
    else say "  install ${package:-the package of ${UPDATE_URL:-a file that is asked for}}, unless that version is here"; fi
    say "  put owner and mode of $env_file and $lib right, where they are wrong"
    if env_is_fresh; then say "  ask for the panel and its login, try them, write them into $env_file"
    else say "  try the access in $env_file"; fi
    if has_old; then
        say "  copy the old program's state, and after asking: keep it from starting, stop it, import"
    fi
    say "  start the service, after asking"
    say
    say "Nothing was changed."
}

install_all() {
    upgraded_from=''
    check_machine
    if [ "$dry" = 0 ]; then
        open_answers
        mkdir -p "$keep" 2>/dev/null && chmod 700 "$keep" && exec 9>"$keep/lock" || die 1 "$keep cannot be written."
        flock -n 9 || die 1 "Another installation is running."
    fi
    find_old
    plan
    [ "$dry" = 0 ] || return 0
    # Before anything else is touched.
    if [ ${#old_containers[@]} -gt 0 ]; then copy_old must; else copy_old; fi
    if [ "$mode" = docker ]; then
        install_docker
    else
        install_package
        fix_rights
        configure
        fix_rights
        take_over
        if [ "$start_it" = 1 ]; then start_service; fi
    fi
    farewell
}

main() {
    local verb=${1:-help}
    init
    colours
    case $verb in
        install) shift ;;
        help | --help | -h) usage; exit 0 ;;
        *)
            [ -f "$compose_file" ] && manage "$@"
            [ -f "$compose_file" ] || { usage >&2; exit 2; }
            exit
            ;;
    esac
    while [ $# -gt 0 ]; do
        case $1 in
            --docker) mode=docker ;;
            --yes | -y) yes=1 ;;
            --dry-run) dry=1 ;;
            --help | -h) usage; exit 0 ;;
            --package | --image | --compose)
                [ $# -gt 1 ] || die 2 "$1: what?"
                case $1 in
                    --package) package=$2 ;;
                    --image) image=$2 ;;
                    --compose) compose_from=$2 ;;
                esac
                shift
                ;;
            *) die 2 "$1: there is no such option (--help lists them)" ;;
        esac
        shift
    done
    [[ $mode =~ ^(package|docker)$ ]] || die 2 "PG_MODE=$mode: package or docker"
    trap at_end EXIT
    trap interrupted INT TERM HUP
    install_all
}

main "$@"
