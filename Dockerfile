# SPDX-License-Identifier: AGPL-3.0-or-later
# The image of PG-Limiter, for amd64 and arm64. Needs BuildKit (Docker 23, or DOCKER_BUILDKIT=1) or buildah.
# tools/check_image carries out every line of it without any of them; it knows the instructions used here.

# The compiler runs on the machine that builds, whatever the image is for: nothing is compiled in emulation.
FROM --platform=$BUILDPLATFORM debian:12-slim AS build
ARG TARGETARCH
RUN dpkg --add-architecture "$TARGETARCH" \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        "crossbuild-essential-$TARGETARCH" dpkg-dev meson ninja-build "pkgconf:$TARGETARCH" \
        "libc6-dev:$TARGETARCH" "libcurl4-openssl-dev:$TARGETARCH" "libevent-dev:$TARGETARCH" \
        "libhiredis-dev:$TARGETARCH" "libjansson-dev:$TARGETARCH" "libmaxminddb-dev:$TARGETARCH" \
        "libmicrohttpd-dev:$TARGETARCH" "libsqlite3-dev:$TARGETARCH" "libssl-dev:$TARGETARCH" \
        "libzip-dev:$TARGETARCH"
WORKDIR /src
COPY . .
RUN eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=sh)" \
 && meson env2mfile --cross --debarch "$TARGETARCH" -o /tmp/cross.ini \
 && meson setup /tmp/build --cross-file /tmp/cross.ini --buildtype=release --prefix=/usr -Dtests=false \
 && ninja -C /tmp/build \
 && DESTDIR=/out meson install -C /tmp/build --no-rebuild --strip \
 && rm -r /out/usr/lib \
 && install -D -m 644 LICENSE /out/usr/share/doc/pg-limiter/LICENSE

FROM debian:12-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libevent-core-2.1-7 libevent-openssl-2.1-7 libhiredis0.14 libjansson4 \
        libmaxminddb0 libmicrohttpd12 libsqlite3-0 libssl3 libzip4 tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 8307 pg-limiter \
 && useradd --uid 8307 --gid 8307 --no-create-home --home-dir /var/lib/pg-limiter \
        --shell /usr/sbin/nologin --no-log-init pg-limiter \
 && install -d -m 755 /etc/opt/pg-limiter \
 && install -d -m 750 -o pg-limiter -g pg-limiter /var/lib/pg-limiter
COPY --from=build /out/ /
# A library that is missing shows here, and not on the machine of an operator.
RUN pg-limiter version
LABEL org.opencontainers.image.title="PG-Limiter" \
      org.opencontainers.image.description="Limits how many devices use one account of a PasarGuard panel" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later"
# By number: Kubernetes cannot tell from a name that it is not root.
USER 8307:8307
EXPOSE 8307
# Whether its event loop answers. A panel that is away makes no container unhealthy.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["pg-limiter", "health"]
# Process 1 itself: it takes SIGTERM and SIGHUP, and leaves no zombies.
ENTRYPOINT ["pg-limiter"]
CMD ["run"]
