# SPDX-License-Identifier: AGPL-3.0-or-later
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
