# SPDX-License-Identifier: AGPL-3.0-or-later
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
