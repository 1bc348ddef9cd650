#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Part of `make deb SUITE=… ARCH=…` (tools/make_deb): builds a source tree with debian/ in a bare system.

    deb_in_root.py SUITE ARCH TREE

The packages come to stand beside TREE, and what lintian says of them is an error.
"""

import pathlib
import shutil
import subprocess
import sys
import time

import debroot

TOOLS = "build-essential debhelper fakeroot lintian"


def prepare(suite, arch):
    """The system with what every build needs; kept."""
    place = debroot.ROOTS / f"deb-{suite}-{arch}"
    own = debroot.native()
    if (place / "root" / ".ready").exists():
        return place
    debroot.copy(debroot.make(suite, own), place.name)
    if arch == own:
        debroot.run(place, own, f"apt-get -qq update; apt-get -qq -y install --no-install-recommends {TOOLS} "
                    ">/root/tools.log 2>&1")
    else:
        debroot.run(place, own, f"dpkg --add-architecture {arch}; apt-get -qq update; "
                    f"apt-get -qq -y install --no-install-recommends {TOOLS} crossbuild-essential-{arch} "
                    f"qemu-user-static >/root/tools.log 2>&1")
    (place / "root" / ".ready").touch()
    return place


def main():
    suite, arch, tree = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    begun = time.monotonic()
    place, own = prepare(suite, arch), debroot.native()
    cross = "" if arch == own else f"-a{arch}"
    work = place / "build"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    subprocess.run(["cp", "-a", tree, work / "src"], check=True)
    subprocess.run(["chown", "-R", "0:0", work], check=True)
    debroot.run(place, own, f"apt-get -qq update; apt-get -qq -y build-dep --no-install-recommends {cross} "
                f"{'-Pcross' if cross else ''} ./ >/root/dep.log 2>&1 || {{ tail -n 20 /root/dep.log; exit 1; }}", where="/build/src")
    ready = time.monotonic()
    debroot.run(place, own, f"dpkg-buildpackage -us -uc -b {cross} 2>&1", {"DEB_BUILD_OPTIONS": "nocheck"},
                where="/build/src")
    built = time.monotonic()
    debroot.run(place, own, "lintian --version; lintian --allow-root --fail-on error,warning "
                "--suppress-tags bogus-mail-host pg-limiter_*.deb && echo 'lintian: clean'", where="/build")
    for deb in work.glob("*.deb"):
        shutil.copy(deb, tree.parent / deb.name)
    print(f"made ready in {ready - begun:.0f} s, built in {built - ready:.0f} s, lintian {time.monotonic() - built:.0f} s")


if __name__ == "__main__":
    main()
