# SPDX-License-Identifier: AGPL-3.0-or-later
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
