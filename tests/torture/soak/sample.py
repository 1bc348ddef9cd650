"""What is measured of the daemon while it runs."""

import os
import pathlib


def memory(pid):
    """(resident, of it anonymous) in MB, and threads."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        found[name] = value.split()
    return (int(found["VmRSS"][0]) / 1024, int(found["RssAnon"][0]) / 1024,
            int(found["Threads"][0]))


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size_mb(path):
    return path.stat().st_size / 1e6 if path.exists() else 0.0


class Sample:
    """One look. `at` is the played time; the rest as it was at that moment."""

    def __init__(self, soak, status):
        pid = soak.daemon.process.pid
        self.at = soak.clock.now()
        self.run = soak.daemon.runs
        self.rss, self.anon, self.threads = memory(pid)
        self.fds = len(os.listdir(f"/proc/{pid}/fd"))
        self.cpu = cpu_s(pid)
        self.db = size_mb(soak.daemon.db_file)
        self.wal = size_mb(soak.daemon.db_file.with_name(soak.daemon.db_file.name + "-wal"))
        self.lines = status["lines"]["total"]
        self.streams = status["nodes"]["streams_open"]
        self.besides = self.fds - self.streams  # nodes come and go, and a stream with each
        self.nodes = status["nodes"]["total"]
        self.tracked = status["users"]["tracked"]
        self.active = status["users"]["active"]
        self.disabled = status["users"]["disabled"]
        self.monitoring = status["users"]["monitoring"]
        self.outbox = status["telegram"]["waiting"]
        self.given_up = status["telegram"]["given_up"]
        self.store = status["store_waiting"]


def turns(metrics):
    """The daemon's histogram of loop turns: [(upper bound in s, count so far)], and their sum."""
    found = []
    for line in metrics.splitlines():
        if line.startswith("pg_limiter_loop_turn_seconds_bucket"):
            bound = line.split('le="')[1].split('"')[0]
            found.append((float("inf") if bound == "+Inf" else float(bound),
                          int(line.rsplit(" ", 1)[1])))
    return found


def quantile(histogram, q):
    """The bound below which the share q of all turns stayed."""
    total = histogram[-1][1] if histogram else 0
    return next((bound for bound, n in histogram if n >= q * total), 0.0) if total else 0.0


def slope(points):
    """Least squares: how much y grows with one x."""
    n = len(points)
    if n < 3:
        return 0.0
    mx = sum(x for x, _ in points) / n
    my = sum(y for _, y in points) / n
    below = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / below if below else 0.0


def percentile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0.0
