"""The simulated panel as a program: python3 -m simpanel --port 0 --print-port …"""

import argparse
import asyncio
import json
import os
import signal
import sys

from .panel import DEFAULTS, Panel


def parse(argv):
    p = argparse.ArgumentParser(prog="simpanel", description=__doc__)
    p.add_argument("--version", type=int, choices=(4, 5), default=5, help="panel 4 or 5")
    p.add_argument("--host", default=DEFAULTS["host"], help="a loopback address")
    p.add_argument("--port", type=int, default=0, help="port of the panel (0: any)")
    p.add_argument("--control-port", type=int, default=0, help="port of the control API (0: any)")
    p.add_argument("--print-port", action="store_true",
                   help="print one JSON line with ports, URLs, certificate and pin when ready")
    p.add_argument("--http", dest="tls", action="store_false", help="plain http")
    p.add_argument("--cert", help="certificate (PEM) instead of a generated one")
    p.add_argument("--key", help="its key (PEM)")
    p.add_argument("--cert-days", type=int, default=30, help="life of the generated one (0: none)")
    p.add_argument("--lab", action="store_true", help="the users and nodes of the recordings")
    p.add_argument("--users", type=int, default=0, help="generated users")
    p.add_argument("--nodes", type=int, default=1, help="generated nodes")
    p.add_argument("--admin", default=DEFAULTS["admin"])
    p.add_argument("--password", default=DEFAULTS["password"])
    p.add_argument("--latency", choices=("none", "real"), default="none")
    p.add_argument("--ping-interval", type=float, default=15.0)
    p.add_argument("--token-ttl", type=float, default=DEFAULTS["token_ttl"], help="seconds")
    p.add_argument("--exit-with-parent", action="store_true",
                   help="end when the process that started it is gone")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args(argv)


async def watch_parent(parent, stop):
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


async def run(options, show, with_parent):
    parent = os.getppid()  # once we have said where we listen, it may be gone
    panel = Panel(**options)
    await panel.start()
    if show:
        print(json.dumps(panel.info()), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = asyncio.create_task(watch_parent(parent, stop)) if with_parent else None
    await stop.wait()
    if watch is not None:
        watch.cancel()
    await panel.stop()


def main(argv=None):
    options = vars(parse(sys.argv[1:] if argv is None else argv))
    show = options.pop("print_port")
    with_parent = options.pop("exit_with_parent")
    asyncio.run(run(options, show, with_parent))


if __name__ == "__main__":
    main()
