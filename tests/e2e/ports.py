"""Ports for what has to be told its port before it listens.

The kernel's own choice would be given to somebody's outgoing connection before the daemon listens there,
or to a test that runs beside this one. So they come from below that range, and each of the processes that
run tests (pytest-xdist) has ports of its own.
"""

import itertools
import os
import socket

FIRST, EACH = 18000, 1000
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_next = itertools.count(os.getpid() % EACH)


def free_port():
    """A port on 127.0.0.1 where nobody listens now, and not one that was given out lately."""
    for _ in range(EACH):
        port = FIRST + _worker % 10 * EACH + next(_next) % EACH
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
