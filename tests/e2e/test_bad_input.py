"""What the machine itself may do to the daemon: a clock that is set, a disk for logs that is full."""

import contextlib
import os
import time

import pytest
from daemon import Sharer, Traffic, built_with, side_by_side, warm_up
from scenes_store import fill, small_disk

HOUR = 3600


def punished(sim, daemon, step, **more):
    """A daemon that has disabled somebody for a while, and whose clock will then be set."""
    user = sim.add_user("sharer")
    d = daemon(sim, start=False, TIME_TO_ACTIVE_USERS=45, **more)
    d.start(environment={"PG_TIME_STEP": step})
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        row = d.wait_state("sharer", "applied")
    return user, d, row


def set_while_it_runs(sim, daemon, by, within):
    """The user is enabled not later than his time by a clock that was never touched, plus `within`."""
    begun = time.time()
    user, d, row = punished(sim, daemon, f"35:{by}")
    assert time.time() - begun < 34, "the clock was to be set after the verdict"
    if by < 0:
        d.wait_log("the clock of this machine was set back by [0-9]+ s", 30)
    else:
        d.wait_log("the clock of this machine was set forward by [0-9]+ s", 30)
    sim.wait(lambda: sim.user(user)["status"] == "active", 90)
    late = time.time() - row["due_at"] / 1000
    d.wait_state("sharer", "restored", 5)
    assert d.get("/healthz") and d.status()["nodes"]["streams_open"] == 1
    print(f"\nclock set by {by} s: enabled {late:+.1f} s from his time by the old clock")
    assert late <= within, late


def wrong_for_years(sim, daemon):
    """Disabled by a clock a year ahead, which is set right while the daemon is away."""
    ahead = 365 * 24 * HOUR
    user = sim.add_user("sharer")
    d = daemon(sim, start=False, TIME_TO_ACTIVE_USERS=600)
    d.start(environment={"PG_TIME_STEP": f"0:{ahead}"})
    sim.wait(sim.streams, 10)
    warm_up(d, sim, shift=lambda: ahead)
    with Traffic(sim, Sharer("sharer"), shift=lambda: ahead):
        row = d.wait_state("sharer", "applied", 20)
    assert row["due_at"] / 1000 > time.time() + ahead / 2
    d.kill()
    d.start()
    sim.wait(lambda: sim.user(user)["status"] == "active", 10)
    d.wait_state("sharer", "restored", 5)


@pytest.mark.skipif(not built_with("PG_TIME_STEP"), reason="needs a build with -Dtest_clock=true")
def test_the_clock_is_set(lab, daemon):
    side_by_side(lambda: set_while_it_runs(lab(), daemon, -2 * HOUR, 10),
                 lambda: set_while_it_runs(lab(), daemon, 3 * HOUR, 0),
                 lambda: set_while_it_runs(lab(), daemon, -365 * 24 * HOUR, 10),
                 lambda: wrong_for_years(lab(), daemon))


def test_the_disk_of_the_logs_is_full(lab, daemon):
    """Nothing but lines of the log is lost, that is said once, and a user is let in as ever."""
    with small_disk("1m") as disk, contextlib.ExitStack() as stack:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        sim = lab()
        user = sim.add_user("sharer")
        d = daemon(sim, LOG_DIR=disk / "logs", TIME_TO_ACTIVE_USERS=15)
        sim.wait(sim.streams, 10)
        warm_up(d, sim)
        fill(disk / "ballast")
        stack.callback(d.kill)  # before the disk goes
        with Traffic(sim, Sharer("sharer")):
            d.wait_state("sharer", "applied", 25)
            # The page the file ends in has room for some lines more.
            d.wait(lambda: d.reload() or d.logged("limiter.log cannot be written"), 20)
            line = d.wait_log("limiter.log cannot be written: No space left", 1)
        assert line.level == "ERROR"
        sim.wait(lambda: sim.user(user)["status"] == "active", 30)
        d.wait_state("sharer", "restored", 5)
        assert len(d.logged("limiter.log cannot be written")) == 1
        os.unlink(disk / "ballast")
        # What failed is tried again after a second.
        d.wait(lambda: d.reload() or d.logged("limiter.log is written again; [1-9]"), 10, step=0.5)
        text = (disk / "logs" / "limiter.log").read_text()
        assert "\0" not in text and all(line for line in text.splitlines())
        d.stop()
