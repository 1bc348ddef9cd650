#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bare Debian systems in folders, and commands in them: for building and trying packages and images.

    tools/debroot.py SUITE ARCH [COMMAND…]     bookworm or trixie; amd64 or arm64

Makes build/roots/SUITE-ARCH with debootstrap (from the mirror that this machine's apt uses) when it is not there, and
runs the command in it (a shell without one), in mount and process namespaces of its own: what it mounts is seen by
nobody else and gone with it. Programs of another architecture are run by qemu-user-static, which is told to the
kernel within a user namespace only. Needs root, debootstrap, and for another architecture qemu-user-static.
"""

import argparse
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOTS = ROOT / "build" / "roots"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x10000000, 0x20000000
LIBC = ctypes.CDLL(None, use_errno=True)


def native():
    return next(name for name, machine in MACHINES.items() if machine == os.uname().machine)


def mirror():
    """The Debian mirror of this machine."""
    for path in sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.sources")) + [
            pathlib.Path("/etc/apt/sources.list")] + sorted(pathlib.Path("/etc/apt").glob("sources.list.d/*.list")):
        if not path.exists():
            continue
        for line in path.read_text().splitlines():
            found = re.match(r"(?:URIs:|deb (?:\[[^]]*\] )?)\s*(\S+/debian)/?(?:\s|$)", line)
            if found:
                return found.group(1)
    sys.exit("no Debian mirror in /etc/apt/sources.list*")


def call(function, *args):
    if function(*args):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0, data=None):
    def text(value):
        return None if value is None else os.fsencode(str(value))
    call(LIBC.mount, text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data))


def tell_emulator(machine):
    """Within this user namespace (Linux 6.7), programs of that machine are run by qemu."""
    mount("binfmt_misc", "/proc/sys/fs/binfmt_misc", "binfmt_misc")
    row = pathlib.Path(f"/usr/lib/binfmt.d/qemu-{machine}.conf").read_text()
    pathlib.Path("/proc/sys/fs/binfmt_misc/register").write_text(row.strip())


def enclosed(work, emulated=None):
    """
    Calls work() as process 1 of new namespaces, /proc mounted. emulated: a machine whose programs are to run, too.
    The exit code, which is what work returns.
    """
    ready, go = os.pipe(), os.pipe()
    outer = os.fork()
    if outer == 0:
        code = 70
        try:
            call(LIBC.prctl, 1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            call(LIBC.unshare, CLONE_NEWNS | CLONE_NEWPID | (CLONE_NEWUSER if emulated else 0))
            os.close(go[1])
            os.write(ready[1], b".")
            os.read(go[0], 1)
            mount("none", "/", flags=0x44000)  # MS_REC | MS_PRIVATE
            inner = os.fork()
            if inner == 0:
                try:
                    call(LIBC.prctl, 1, signal.SIGKILL)
                    mount("proc", "/proc", "proc")
                    if emulated:
                        tell_emulator(emulated)
                    code = work()
                except OSError as error:
                    print(f"debroot: {error}", file=sys.stderr)
                finally:
                    sys.stdout.flush()
                    os._exit(code)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda n, _: os.kill(inner, n))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 255
        except OSError as error:
            print(f"debroot: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    os.close(ready[1])
    os.read(ready[0], 1)
    if emulated:
        # Everybody is who he is outside.
        for name in ("uid_map", "gid_map"):
            pathlib.Path(f"/proc/{outer}/{name}").write_text("0 0 65536\n")
    os.write(go[1], b".")
    os.close(go[1])
    os.close(go[0])
    os.close(ready[0])
    return os.waitstatus_to_exitcode(os.waitpid(outer, 0)[1])


def enter(place, command, env=None, where="/"):
    """Becomes the command, in place; to be called within enclosed()."""
    place = str(place)
    if os.path.exists("/etc/resolv.conf") and os.path.isdir(f"{place}/etc"):
        shutil.copyfile("/etc/resolv.conf", f"{place}/etc/resolv.conf")
    mount("proc", f"{place}/proc", "proc")
    os.chroot(place)
    os.chdir(where)
    os.execvpe(command[0], command, env or ENV)


def environment(more=None):
    return {**ENV, **{k: os.environ[k] for k in PROXIES if k in os.environ}, **(more or {})}


def run(place, arch, command, env=None, where="/", check=True):
    """Runs command (words, or a line for sh) in the system at place; its exit code."""
    words = ["/bin/sh", "-ec", command] if isinstance(command, str) else list(map(str, command))
    sys.stdout.flush()
    code = enclosed(lambda: enter(place, words, environment(env), where),
                    None if arch == native() else MACHINES[arch])
    if check and code:
        sys.exit(f"{' '.join(words)[:300]}: ended with {code}")
    return code


def suites(suite):
    where, text = mirror(), ""
    for name, path in ((suite, where), (f"{suite}-updates", where), (f"{suite}-security", f"{where}-security")):
        text += f"deb {path} {name} main\n"
    return text


def make(suite, arch):
    """The bare system's folder, made when it is not there (a minute; 10 in emulation)."""
    place = ROOTS / f"{suite}-{arch}"
    if (place / "root" / ".made").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    foreign = [] if arch == native() else ["--foreign"]
    print(f"debroot: making {place.relative_to(ROOT)}", flush=True)
    with open(ROOTS / f"{suite}-{arch}.log", "w") as log:
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--arch={arch}", *foreign, suite, place, mirror()],
                              stdout=log, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"debootstrap failed: {log.name}")
    if foreign:
        # Device nodes, which a user namespace may not make, are there by now: "lxc" makes it go on without trying.
        run(place, arch, "/debootstrap/debootstrap --second-stage >/root/second.log 2>&1", {"container": "lxc"})
    (place / "etc/apt/sources.list").write_text(suites(suite))
    (place / "etc/apt/apt.conf.d/00plain").write_text('Dpkg::Use-Pty "0";\n')
    run(place, arch, "apt-get -qq update && apt-get -qq -y upgrade >/root/upgrade.log && apt-get clean")
    (place / "root" / ".made").touch()
    return place


def copy(place, name):
    """A copy of a system as build/roots/NAME, in place of what stood there."""
    to = ROOTS / name
    remove(to)
    subprocess.run(["cp", "-a", "--reflink=auto", place, to], check=True)
    return to


def remove(place):
    if os.path.ismount(f"{place}/proc"):
        sys.exit(f"{place}/proc is mounted: not removed")
    subprocess.run(["rm", "-rf", "--one-file-system", place], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=("bookworm", "trixie"))
    parser.add_argument("arch", choices=sorted(MACHINES))
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("needs root and debootstrap")
    sys.exit(run(make(given.suite, given.arch), given.arch, given.command or ["/bin/sh"], check=False))


if __name__ == "__main__":
    main()
