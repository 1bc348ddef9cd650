# SPDX-License-Identifier: AGPL-3.0-or-later
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
