# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bare Debian with systemd as its first process, and a shell in it: for tools/installer_story, tools/readme_story.

It runs in namespaces of its own for everything but the network, since the panel is the simulated one of the tests.
Its root is only read: what it writes is in memory, and what it mounts is seen by nobody else. Needs root.
"""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "HOME": "/root"}
# The kernel, its clock and its devices belong to the machine around.
MASKED = ("systemd-sysctl", "systemd-modules-load", "systemd-udevd", "systemd-udev-trigger", "systemd-timesyncd",
          "systemd-logind", "systemd-binfmt", "e2scrub_reap", "console-getty", "systemd-remount-fs",
          "systemd-random-seed", "systemd-hwdb-update")
BOOT = r"""
set -e
mount --make-rprivate /
# The root is only read; what is written goes into memory, and / is a mount, as the sandbox of units needs it.
mount -t tmpfs tmpfs "$2"
mkdir "$2/up" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" overlay "$2/root"
cd "$2/root"
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs sys
mkdir -p sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir .outside
pivot_root . .outside
exec chroot . /usr/bin/env -i container=pg-limiter-story PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c \
    'umount -l /.outside && rmdir /.outside && exec /lib/systemd/systemd --log-target=journal --show-status=no'
"""


class Story:
    """A system that runs, and a shell in it."""

    def __init__(self, place):
        self.over = tempfile.mkdtemp(prefix="pgs")
        masks = "".join(f"ln -sf /dev/null etc/systemd/system/{name}.service\n" for name in MASKED)
        self.process = subprocess.Popen(
            ["unshare", "-m", "-p", "-u", "-i", "-C", "--fork", "--kill-child", "bash", "-c",
             BOOT.replace("mkdir .outside\n", masks + "mkdir .outside\n"), "boot", os.path.realpath(place), self.over],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.first = None
        self.wait(self.is_up, None, 60)

    def is_up(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children or self.process.poll() is not None:
            return False
        self.first = children[0]
        self.place = pathlib.Path(f"/proc/{self.first}/root")
        said = self.inside("systemctl is-system-running").stdout.strip()
        return said in ("running", "degraded")

    def words(self, command, user=None, folder="/root"):
        """What runs the command there, as one of its users."""
        line = f"cd {folder} && {command}"
        if user:
            line = f"exec runuser -u {user} -- env HOME=/home/{user} bash -c {shlex.quote(line)}"
        return ["nsenter", "-t", self.first, "-m", "-p", "-u", "-i", "-C", "-r", "-w", "--", "bash", "-c", line]

    def inside(self, command, user=None, folder="/root", typed="", **env):
        return subprocess.run(self.words(command, user, folder), env=ENV | env, input=typed, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=1200)

    def say(self, text):
        print(f"\n## {text}\n", flush=True)

    def run(self, command, code=0, last=None, shown=None, user=None, **more):
        """Shows and runs a command; what it said. last: only so many lines of it are shown."""
        done = self.inside(command, user, **more)
        self.show(shown or command, user, done.stdout, last)
        if done.returncode != code:
            sys.exit(f"{command}: ended with {done.returncode}: {done.stdout[-3000:]}")
        return done.stdout

    @staticmethod
    def show(command, user, said, last=None):
        lines = said.rstrip("\n").split("\n") if said else []
        print(f"    {'$' if user else '#'} {command}")
        if last is not None and len(lines) > last:
            print("    …")
            lines = lines[-last:]
        for line in lines:
            print(f"    {line}".rstrip())
        sys.stdout.flush()

    def wait(self, check, what, seconds=60):
        end = time.monotonic() + seconds
        while not check():
            if time.monotonic() > end:
                sys.exit(f"not within {seconds} s: {what or 'the system is up'}")
            time.sleep(0.2)
        if what:
            print(f"    ({what})", flush=True)

    def close(self):
        if self.first:
            self.inside("systemctl exit 0 || kill -37 1")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()  # and with it the first process, and all others
            self.process.wait()
        os.rmdir(self.over)
