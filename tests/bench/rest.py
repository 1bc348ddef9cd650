# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the REST API costs while lines come in: 10,000 requests by 50 clients beside 10,000 lines/s.

    .venv/bin/python tests/bench/rest.py [--binary build/pg-limiter] [--requests 10000] [--clients 50] [--rate 10000]

Prints latencies as the clients see them; of the same requests what the daemon itself needed, the length of
its turns, its processor time and how long its loop was kept waiting for a processor (/metrics, schedstat), so
that a busy machine can be told from a slow daemon; lines sent and received; memory before and after. Reports,
judges nothing.
"""

import argparse
import asyncio
import base64
import os
import pathlib
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

PATHS = ("/status", "/users/active?limit=20", "/users/limits", "/config", "/nodes", "/violations",
         "/users/id:1", "/users/limits/id:2")


def rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def metrics(port):
    login = base64.b64encode(b"admin:bench-secret").decode()
    ask = urllib.request.Request(f"http://127.0.0.1:{port}/metrics",
                                 headers={"Authorization": f"Basic {login}"})
    found = {}
    for line in urllib.request.urlopen(ask, timeout=20).read().decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    return found


def quantiles(before, after, name):
    """"p50 <= 0.5": the step of the histogram in which each quantile lies, in ms."""
    steps = [(float(k.split('"')[1]), after[k] - before[k]) for k in after
             if k.startswith(f"pg_limiter_{name}_bucket")]
    n = steps[-1][1]
    return ", ".join(f"p{q:g} <= {next(le for le, c in steps if c >= n * q / 100) * 1000:g}"
                     for q in (50, 90, 99, 99.9)) + f" of {n:.0f}"


def loop_times(pid):
    """Seconds that the thread of the loop ran, and waited for a processor."""
    ran, waited, _ = pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


async def client(port, number, times, bad, think_s):
    login = base64.b64encode(b"admin:bench-secret").decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in range(number):
        path = PATHS[i % len(PATHS)]
        begun = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {login}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n")
                      if h.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        times.append(time.perf_counter() - begun)
        if not head.startswith(b"HTTP/1.1 200"):
            bad.append((path, head[:40]))
        await asyncio.sleep(think_s)
    writer.close()


async def load(port, requests, clients, think_s):
    times, bad = [], []
    await asyncio.gather(*[client(port, requests // clients, times, bad, think_s)
                           for _ in range(clients)])
    return sorted(times), bad


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--binary", default="build/pg-limiter")
    p.add_argument("--requests", type=int, default=10000)
    p.add_argument("--clients", type=int, default=50)
    p.add_argument("--rate", type=int, default=10000)
    p.add_argument("--think", type=float, default=0.05, help="seconds a client rests between two")
    a = p.parse_args()
    os.environ["PG_LIMITER"] = str(pathlib.Path(a.binary).resolve())
    from daemon import Daemon, settings_for
    from rest_client import free_port
    from simpanel import as_process
    with as_process("--nodes", "10", "--users", "2000") as sim:
        port = free_port()
        d = Daemon(settings_for(sim, API_ENABLED="true", API_PORT=port, API_PASSWORD="bench-secret",
                                GENERAL_LIMIT=100))
        try:
            d.start()
            d.wait_log("users known", 30)
            sim.wait(lambda: len(sim.streams()) == 10, 20)
            sim.post("/generate", {"rate": a.rate, "seconds": 3600})
            time.sleep(3)
            before, lines = rss_mb(d.process.pid), d.status()["lines"]["total"]
            at, (ran, waited) = metrics(port), loop_times(d.process.pid)
            begun = time.monotonic()
            times, bad = asyncio.run(load(port, a.requests, a.clients, a.think))
            took = time.monotonic() - begun
            end, (ran_end, waited_end) = metrics(port), loop_times(d.process.pid)
            came = d.status()["lines"]["total"] - lines
            sim.call("DELETE", "/jobs")
            d.wait(lambda: sim_total(sim) == d.status()["lines"]["total"], 10, "every line")
            n = len(times)
            print(f"{n} requests by {a.clients} clients in {took:.1f} s, {len(bad)} not 200 {bad[:3]}")
            print("latency ms: " + ", ".join(f"p{q} {times[int(n * q / 100) - 1] * 1000:.1f}"
                                             for q in (50, 90, 99, 100)))
            cpu = end["process_cpu_seconds_total"] - at["process_cpu_seconds_total"]
            print(f"in the daemon, ms: requests {quantiles(at, end, 'api_request_seconds')}; turns "
                  f"{quantiles(at, end, 'loop_turn_seconds')}; their processor time "
                  f"{quantiles(at, end, 'loop_turn_cpu_seconds')}")
            print(f"processor: {cpu:.2f} s ({cpu / took:.0%} of one); its loop ran {ran_end - ran:.2f} s and "
                  f"waited {waited_end - waited:.2f} s for a processor; load {os.getloadavg()[0]:.1f}")
            print(f"lines meanwhile {came} ({came / took:.0f}/s); sent in all {sim_total(sim)}, "
                  f"received {d.status()['lines']['total']}; memory {before:.1f} -> "
                  f"{rss_mb(d.process.pid):.1f} MB")
        finally:
            d.close()


def sim_total(sim):
    """Lines that the panel has written into the streams."""
    return sum(s["lines"] for s in sim.streams())


main()
