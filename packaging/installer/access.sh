# SPDX-License-Identifier: AGPL-3.0-or-later
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
