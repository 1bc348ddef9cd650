# SPDX-License-Identifier: AGPL-3.0-or-later
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
