# SPDX-License-Identifier: AGPL-3.0-or-later
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
