"""A machine for `pg-limiter.sh`: a folder in place of /, stand-ins of systemctl, docker, apt and dpkg in PATH.

The program is the real one. systemctl really starts the daemon, apt-get "installs" real packages (made here,
empty), docker keeps containers as folders.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from daemon import ROOT, TROUBLE, program
from terminal import talk

SCRIPT = ROOT / "pg-limiter.sh"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]

TOOLS = {
    "systemctl": r"""
# One that has ended and that process 1 has not looked at yet does not count.
alive() { case $(ps -o stat= -p "$(cat "$FAKE/pid" 2>/dev/null)" 2>/dev/null) in ''|Z*) return 1 ;; esac; }
case "$1" in
is-active) if alive; then echo active; else echo inactive; exit 3; fi ;;
enable) ;;
daemon-reload) [ ! -e "$FAKE/at-reload" ] || . "$FAKE/at-reload" ;;
start|restart)
    [ ! -e "$FAKE/refuse" ] || exit 1
    # A job of process 1: one at a time, and it goes on when who asked for it is killed.
    exec setsid --wait flock -o "$FAKE/job" "$0" "job-$1" 3<&- 9<&- ;;
job-*)
    if alive; then
        [ "$1" = job-restart ] || exit 0
        kill "$(cat "$FAKE/pid")" 2>/dev/null
        for _ in {1..600}; do alive || break; sleep 0.1; done
    fi
    env -i PATH="$PATH" PG_LIMITER_ENV="$PG_ROOT/etc/opt/pg-limiter/.env" ASAN_OPTIONS=detect_leaks=0 \
        "$FAKE/program" run >>"$FAKE/daemon.log" 2>&1 </dev/null &
    echo $! >"$FAKE/pid"; sleep 1 ;;
disable) unit=${3:-$2}
    [ ! -e "$FAKE/unit.$unit" ] || kill "$(cat "$FAKE/unit.$unit")" ;;
esac
""",
    "apt-get": r"""
for deb in "$@"; do :; done
case " $* " in
*" install "*)
    [ ! -e "$FAKE/apt-fails" ] || { echo "E: Unable to fetch some archives"; exit 100; }
    case $deb in *.deb) ;; *) touch "$FAKE/installed-$deb"; exit 0;; esac
    if [ -e "$FAKE/apt-half" ]; then echo unpacked >"$FAKE/status"; echo "E: broken pipe"; exit 100; fi
    dpkg-deb -f "$deb" Version >"$FAKE/version"; echo installed >"$FAKE/status"
    mkdir -p "$PG_ROOT/etc/opt/pg-limiter" "$PG_ROOT/var/lib/pg-limiter"
    [ -e "$PG_ROOT/etc/opt/pg-limiter/.env" ] || "$FAKE/program" config example >"$PG_ROOT/etc/opt/pg-limiter/.env"
    if [ -e "$FAKE/pid" ]; then systemctl restart pg-limiter.service || true; fi ;;
esac
""",
    "dpkg-query": r"""
[ -e "$FAKE/status" ] || exit 1
case "$*" in *Status-Status*) cat "$FAKE/status" ;; *) cat "$FAKE/version" ;; esac | tr -d '\n'
""",
    "dpkg": r"""
case "$1" in
--configure) [ -e "$FAKE/mends" ] && echo installed >"$FAKE/status" ;;
--compare-versions) exec /usr/bin/dpkg "$@" ;;
esac
""",
    "docker": r"""
box=$FAKE/containers
[ ! -e "$FAKE/docker-silent" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
for last in "$@"; do :; done
case "$1" in
ps) [ "${2:-}" = -a ] || exit 0
    for c in "$box"/*/; do [ -d "$c" ] && printf '%s\t%s\t%s\t%s\n' "id$(basename "$c")" "$(basename "$c")" "$(cat "$c/image")" "$(cat "$c/state")"; done ;;
inspect) c=$box/${last#id}; [ -d "$c" ] || exit 1
    text=${3//'{{.Path}}'/$(cat "$c/path")}; text=${text//'{{.HostConfig.RestartPolicy.Name}}'/$(cat "$c/restart")}
    echo "${text//'{{.State.Status}}'/$(cat "$c/state")}" ;;
cp) c=$box/${2%%:*}; from=${2#*:}
    [ ! -e "$FAKE/cp-fails" ] || { echo "Error response from daemon: i/o timeout" >&2; exit 1; }
    [ -e "$c/fs$from" ] || { echo "Error response from daemon: Could not find the file $from in container ${2%%:*}" >&2; exit 1; }
    cp -a "$c/fs$from" "$3" ;;
update) echo no >"$box/$last/restart" ;;
stop) [ ! -e "$FAKE/at-stop" ] || . "$FAKE/at-stop"; echo exited >"$box/$last/state" ;;
load) echo "Loaded image: pg-limiter:0.1.0"; touch "$FAKE/image" ;;
tag) ;;
image) [ -e "$FAKE/image" ] || exit 1
    case "$*" in *Config.User*) echo "${IMAGE_USER:-0:0}" ;; *) cat "$FAKE/image"; echo sha256:1 ;; esac ;;
run) shift; dir=''
    while [ $# -gt 0 ]; do case $1 in
        -v) case $2 in *:/etc/opt/pg-limiter*) dir=${2%%:*} ;; *:/old:ro) old=${2%%:*} ;; esac; shift ;;
        --network|--add-host) shift ;; --rm|-i) ;; *) break ;; esac; shift; done
    shift # the image
    [ -z "$dir" ] || export PG_LIMITER_ENV=$dir/.env
    exec env -i PATH="$PATH" PG_LIMITER_ENV="${PG_LIMITER_ENV:-}" "$FAKE/program" "${@/#\/old/${old:-}}" ;;
compose) shift
    [ "$COMPOSE_DISABLE_ENV_FILE" = 1 ] || [ "$1" = version ] || exit 9
    case "$*" in
    version) [ -e "$FAKE/has-compose" ] ;;
    *" ps "*) [ ! -e "$FAKE/up" ] || echo limiter ;;
    *" up -d"*) touch "$FAKE/up" ;;
    *" stop"|*" down") rm -f "$FAKE/up" ;;
    *" exec "*) echo '{"data": [], "total": 2}' ;;
    esac ;;
esac
""",
    "crontab": r"""
[ "$1" = -u ] && cat "$3" >"$PG_ROOT/var/spool/cron/crontabs/$2"
""",
}
QUIET = re.compile(r"^(systemctl (is-active|job-)|docker (ps|inspect|cp)|docker compose .*( ps |version)|dpkg |dpkg-query )")


class Box:
    def __init__(self, folder):
        self.folder = folder
        self.fake = folder / "fake"
        self.root = folder / "root"
        self.bin = folder / "bin"
        self.etc = self.root / "etc/opt/pg-limiter"
        self.env = self.etc / ".env"
        self.lib = self.root / "var/lib/pg-limiter"
        self.keep = self.root / "var/lib/pg-limiter-install"
        for place in (self.fake / "containers", self.bin, self.root / "etc", self.root / "run/systemd/system"):
            place.mkdir(parents=True)
        (self.root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n')
        (self.root / "etc/timezone").write_text("Asia/Tehran\n")
        for name, text in TOOLS.items():
            self.tool(name, f'#!/bin/bash\necho "{name} $*" >>"$FAKE/calls"\n{text}')
        self.program = self.fake / "program"
        self.tool(self.program, f"#!/bin/bash\nexport DATA_DIR={self.lib} ASAN_OPTIONS=detect_leaks=0\n"
                                f"exec {program()} \"$@\"\n")

    def tool(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def deb(self, version="0.1.0", arch=ARCH, name="pg-limiter"):
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\n"
                                             "Maintainer: x <x@y.example>\nDescription: x\n")
        out = self.folder / f"pg-limiter_{version}_{arch}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, out], check=True, stdout=subprocess.DEVNULL)
        return out

    def container(self, name="pg-limiter", state="running", restart="always", path="/app/start.sh"):
        """An old program's container; the folder in place of its /."""
        place = self.fake / "containers" / name
        (place / "fs/app").mkdir(parents=True)
        for key, value in {"image": "ghcr.example/pg-limiter:latest", "state": state, "restart": restart,
                           "path": path}.items():
            (place / key).write_text(value + "\n")
        return place / "fs"

    def of_container(self, key, name="pg-limiter"):
        return (self.fake / "containers" / name / key).read_text().strip()

    def calls(self):
        path = self.fake / "calls"
        text = path.read_text() if path.exists() else ""
        path.write_text("")
        return [line for line in text.splitlines() if not QUIET.match(line)]

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("PANEL_", "PG_")) and not k.lower().endswith("_proxy") and k not in ("TZ", "NO_COLOR")}
        return env | {"PATH": f"{self.bin}:{env['PATH']}", "FAKE": str(self.fake), "PG_ROOT": str(self.root),
                      "PG_PROGRAM": str(self.program), "PG_OWNER": "root:root", "PG_PAUSE": "0.1",
                      "NO_COLOR": "1"} | {k: str(v) for k, v in more.items()}

    def run(self, *words, code=0, feed=None, **more):
        """Without a terminal."""
        done = subprocess.run(["bash", str(SCRIPT), *map(str, words)], env=self.environment(**more), text=True,
                              input=feed if feed is not None else "", capture_output=True, timeout=240,
                              start_new_session=True)
        said = done.stdout + done.stderr
        assert not TROUBLE.search(said), said
        assert done.returncode == code, (done.returncode, said)
        return said

    def install(self, *words, code=0, **more):
        return self.run("install", "--yes", *words, code=code, **more)

    def talk(self, *words, answers=(), code=0, interrupt=None, feed=None, argv=None, **more):
        """With a person at a terminal."""
        got, said = talk(argv or ["bash", str(SCRIPT), "install", *map(str, words)], answers,
                         self.environment(**more), seconds=150, interrupt=interrupt, feed=feed)
        assert not TROUBLE.search(said), said
        assert got == code, (got, said)
        return said

    def ours(self):
        """Everything that is in the root, but for what a daemon writes and the installer's logs."""
        return {str(p.relative_to(self.root)): (p.read_bytes() if p.is_file() else None, p.stat().st_mode)
                for p in sorted(self.root.rglob("*"))
                if not re.search(r"pg-limiter/(data|run|logs|geo)|-install/[a-z]+\.log", str(p)) and not p.is_socket()}

    def close(self):
        """Ends the daemon, which would go on writing into the folder, when no job of starting it is left."""
        with (self.fake / "job").open("w") as job:
            fcntl.flock(job, fcntl.LOCK_EX)
        self.end_daemon()

    def end_daemon(self):
        """Ends it as systemd does, and waits for it."""
        for path in self.fake.glob("pid"):
            pid, end = int(path.read_text()), time.monotonic() + 60
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                if str(self.root).encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes():
                    continue  # it has ended, and another process has its number
                os.kill(pid, signal.SIGTERM)
                # It is the child of a stand-in that has ended: nobody here can wait for it.
                while time.monotonic() < end and not self.has_ended(pid):
                    time.sleep(0.05)
                os.kill(pid, signal.SIGKILL)

    @staticmethod
    def has_ended(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True
