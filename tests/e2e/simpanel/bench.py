"""What the simulator sustains: python3 -m simpanel.bench [--streams 50] [--rate 10000] …

Runs a panel as a process, opens TLS streams to it (one node each), lets the generator write, and
reads them here. Prints one JSON line: lines written and read, CPU of the panel's process, delay of
the generator.
"""

import argparse
import json
import os
import selectors
import socket
import ssl
import time

from .client import as_process


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_stream(sim, context, node, token):
    sock = socket.create_connection(("127.0.0.1", sim.port), timeout=10)
    sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(f"GET /api/node/{node}/logs HTTP/1.1\r\nHost: panel\r\n"
                 f"Authorization: Bearer {token}\r\n\r\n".encode())
    sock.setblocking(False)
    return sock


def token_of(sim, context):
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", sim.port), timeout=10),
                               server_hostname="127.0.0.1")
    form = "username=admin&password=admin-password"
    sock.sendall("POST /api/admin/token HTTP/1.1\r\nHost: panel\r\nConnection: close\r\n"
                 "Content-Type: application/x-www-form-urlencoded\r\n"
                 f"Content-Length: {len(form)}\r\n\r\n{form}".encode())
    data = b""
    while part := sock.recv(65536):
        data += part
    return json.loads(data.partition(b"\r\n\r\n")[2])["access_token"]


def read_for(selector, seconds):
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(min(left, 0.1)):
            try:
                while part := key.fileobj.recv(262144):
                    count += part.count(b"data: ")
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
        # As the limiter may do: each stream at most every 50 ms.
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    return count


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--streams", type=int, default=50)
    p.add_argument("--rate", type=float, default=10_000)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--users", type=int, default=1000)
    a = p.parse_args()
    seconds = min(a.seconds, 60)
    with as_process("--nodes", min(a.streams, 500), "--users", a.users) as sim:
        context = ssl.create_default_context(cafile=sim.cert)
        token = token_of(sim, context)
        selector = selectors.DefaultSelector()
        for node in range(1, a.streams + 1):
            selector.register(open_stream(sim, context, node, token), selectors.EVENT_READ)
        sim.wait(lambda: len(sim.streams()) == a.streams, 30)
        before, begun = cpu_seconds(sim.process.pid), time.monotonic()
        sim.post("/generate", {"rate": a.rate, "seconds": seconds})
        read = read_for(selector, seconds + 0.5)
        spent = cpu_seconds(sim.process.pid) - before
        took = time.monotonic() - begun
        job = sim.get("/jobs")["jobs"][0]
        print(json.dumps({"streams": a.streams, "asked_per_s": a.rate, "written": job["lines"],
                          "written_per_s": round(job["lines"] / max(job["seconds"], 0.001)),
                          "read": read, "dropped": job["dropped"],
                          "panel_cpu_percent": round(100 * spent / took, 1)}))


if __name__ == "__main__":
    main()
