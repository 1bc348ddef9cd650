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
