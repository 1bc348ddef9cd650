"""The one clock of a soak: the daemon's (a build with -Dtest_clock=true) and the simulated panel's."""

import time
import types

# The modules of the simulated panel whose times of day a client sees.
SEEN = ("auth", "control", "feed", "http", "routes_nodes", "routes_users", "state", "views")


class Clock:
    """Runs `scale` times as fast as ours from `origin` (unix seconds) on."""

    def __init__(self, scale, origin=None):
        self.scale = float(scale)
        self.origin = time.time() if origin is None else origin

    def now(self):
        return self.origin + (time.time() - self.origin) * self.scale

    def hours(self, at=None):
        """Hours of the played day since its beginning."""
        return ((self.now() if at is None else at) - self.origin) / 3600

    def real(self, seconds):
        """How long that takes on our clock."""
        return seconds / self.scale

    def environment(self):
        # A minute of the machine's time is how late an unanswered call may land, as its deadline is.
        return {"PG_TIME_SCALE": repr(self.scale), "PG_TIME_ORIGIN": repr(self.origin),
                "PG_LATE_S": str(round(60 * self.scale))}

    def rule(self, package):
        """Lets the simulated panel live by this clock; what it measures (monotonic) stays real."""
        shim = types.SimpleNamespace(**{k: getattr(time, k) for k in dir(time) if k[0] != "_"})
        shim.time = self.now
        for name in SEEN:
            module = getattr(package, name, None)
            if module is not None and hasattr(module, "time"):
                module.time = shim


def span(seconds):
    """Seconds in words for a report."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min"
