# SPDX-License-Identifier: AGPL-3.0-or-later
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
