# SPDX-License-Identifier: AGPL-3.0-or-later
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
