"""The command line's orders, rules and live table against a daemon with the simulated panel."""

import codecs
import fcntl
import json
import os
import pty
import re
import select
import struct
import termios
import time

import pytest
from daemon import Sharer, Traffic, program, warm_up
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from patience import deadline
from test_cli import paste


def said(d, line, pattern="", code=0):
    done = paste(d, "pg-limiter " + line)
    assert done.returncode == code, (line, done)
    assert re.search(pattern, done.stdout + done.stderr), (line, done)
    return done.stdout


@pytest.fixture
def two(daemon, lab):  # noqa: F811
    """A daemon that knows ali and bob."""
    sim = lab("--nodes", 1)
    ids = {name: sim.add_user(name) for name in ("ali", "bob")}
    d = daemon(sim)
    sim.wait(sim.streams, 10)
    d.wait(lambda: d.status()["users"]["listed"] >= 2, 10)
    return sim, d, ids


def test_orders_about_a_user(two):
    sim, d, ids = two
    said(d, "user disable ali --for 30 --reason 'asked for it'", "ali")
    assert sim.user("ali")["status"] == "disabled"
    assert "asked for it" in said(d, "explain ali")
    said(d, "disabled info ali", "until 20..-")
    said(d, "disabled enable ali", "enabled")
    assert sim.user("ali")["status"] == "active"
    said(d, "user disable ali --for hand")
    said(d, "disabled list", "by hand")
    said(d, "disabled enable ali")
    said(d, "user disable ali --for soon", "1 to 525600 minutes, or hand", code=2)
    said(d, "user pardon bob --for 60", "not judged until")
    said(d, "user revoke bob", "--yes", code=1)
    assert sim.user("bob")["status"] == "active"
    said(d, "user revoke bob --yes")
    assert sim.user("bob")["status"] == "disabled"
    said(d, "disabled enable bob")
    # Disabled behind our back, and taken over.
    sim.call("PATCH", "/user/bob", {"status": "disabled"})
    d.wait(lambda: "bob" in said(d, "disabled stuck"), 20, "bob is stuck", step=1)
    said(d, "disabled adopt bob --for 30", "bob")
    assert json.loads(said(d, "disabled list --json"))["total"] == 1
    said(d, "disabled enable-all --yes", "enabled")
    assert sim.user("bob")["status"] == "active"


def test_steps_and_mode(two):
    _, d, _ = two
    said(d, "steps set warn,10m,1h,hand")
    said(d, "steps set on", "punishment_enabled = true")
    d.wait(lambda: json.loads(said(d, "steps show --json"))["enabled"], 6, step=0.5)
    shown = json.loads(said(d, "steps show --json"))
    assert shown["enabled"] and shown["steps"] == "warn,10m,1h,hand"
    said(d, "steps set nonsense", "punishment_steps|steps", code=1)
    said(d, "mode shadow", "enforcement = shadow")
    d.wait(lambda: d.status()["enforcement"] == "shadow")
    said(d, "mode", "enforcement = shadow")


def test_patterns_and_filters(two):
    _, d, ids = two
    said(d, "pattern list", "There are no limit patterns")
    said(d, "pattern add prefix al 7 --yes")
    d.wait(lambda: d.get("/users/ali")["live"]["limit_from"] == "pattern", 6)
    rows = json.loads(said(d, "pattern list --json"))["data"]
    said(d, "pattern add infix al 7", "prefix", code=1)
    said(d, "pattern add prefix al many", "0 \\(unlimited\\) to 10000", code=2)
    said(d, f"pattern delete {rows[0]['id']} --yes")
    said(d, "pattern delete 99", code=1)
    said(d, "filter group", "No filter")
    said(d, "filter group include", "Name at least one", code=2)
    said(d, "filter group maybe 1", "include, exclude, add, remove and off", code=2)
    said(d, "filter group exclude 1 --yes", "group_filter = 1")
    d.wait(lambda: "Left alone are users of" in said(d, "filter group"), 6, step=0.5)
    d.wait(lambda: d.get("/users/ali")["live"]["limit_from"] in ("filter", "unknown"), 6)
    said(d, "filter group off --yes", "group_filter = ")
    d.wait(lambda: "No filter" in said(d, "filter group"), 6, step=0.5)
    said(d, "filter admin exclude admin --yes", "admin_filter = admin")
    said(d, "filter admin off --yes", "admin_filter = ")
    said(d, "filter owner add prefix al admin --yes")
    said(d, "filter owner list", "al +admin")
    said(d, "filter owner delete 1 --yes")


def test_verdicts_and_taking_them_back(two):
    sim, d, _ = two
    said(d, "violations list", "There are no violations")
    said(d, "breaker status", "The breaker is off")
    warm_up(d, sim)
    with Traffic(sim, Sharer("ali")):
        d.wait_state("ali", "applied", 90)
    said(d, "violations list", "ali")
    said(d, "violations list bob", "There are no violations")
    said(d, "violations list --since 1h", "ali")
    said(d, "history ali", "disabled")
    said(d, "events --limit 5", "ali")
    rows = [json.loads(r) for r in [said(d, "events --json --limit 2")]]
    assert len(rows[0]["data"]) == 2
    said(d, "violations clear ali", "")
    assert json.loads(said(d, "violations list --json"))["data"][0]["forgiven_at"]
    said(d, "breaker resume")
    said(d, "breaker undo --yes", "nobody|enabled")


def test_cleanup(two):
    sim, d, _ = two
    said(d, "user add ali 3")
    said(d, "config cleanup --dry-run", "")
    said(d, "config cleanup", "")
    said(d, "config cleanup --undo --dry-run", "exclude", code=2)
    assert d.get("/users/limits")["total"] == 1


class Screen:
    """A program on a terminal of 80 by 24."""

    def __init__(self, d, *args):
        env = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "PG_LIMITER_ENV": str(d.env_file)}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program(), ["pg-limiter", *args], env)
        self.resize(24, 80)
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """What comes next, or nothing for a moment; False at its end."""
        if select.select([self.fd], [], [], 0.1)[0]:
            try:
                self.text += self.decoder.decode(os.read(self.fd, 65536))
            except OSError:
                return False
        return True

    def frame(self, check):
        """The first whole screen that passes a check, as lines without colours. It is whole when the next has begun."""
        end, seen = deadline(30), 0
        while True:
            frames = self.text.split("\x1b[H")[1:-1]
            for text in frames[seen:]:
                lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split("\r\n")
                if check(lines):
                    return lines
            seen = len(frames)
            assert time.monotonic() < end, self.text[-3000:]
            assert self.read(), self.text[-3000:]

    def key(self, keys):
        self.text = ""
        os.write(self.fd, keys.encode())
        return self

    def end(self):
        """Waits for it; its exit code."""
        end = deadline(30)
        while self.read():
            assert time.monotonic() < end, self.text[-3000:]
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_top(two):
    sim, d, _ = two
    warm_up(d, sim)
    with Traffic(sim, Sharer("ali", n=3), Sharer("bob", n=2)):
        d.wait(lambda: re.search("ali +3/1", said(d, "top")), 20, step=0.5)
        once = said(d, "top")
        assert "bob" in once and "\x1b" not in once
        assert {u["username"] for u in json.loads(said(d, "top --json"))["data"]} == {"ali", "bob"}
        said(d, "top --sort size", "devices, name, state, trust and seen", code=2)
        assert "bob" not in said(d, "top --once --filter AL")
        screen = Screen(d, "top")
        frame = screen.frame(lambda lines: re.search("ali +3/1", "\n".join(lines)))
        assert len(frame) == 24 and all(len(line) <= 80 for line in frame), frame
        assert "q quit" in frame[23]
        screen.key("s").frame(lambda lines: any("sort: name" in line for line in lines))
        frame = screen.key("/bo\r").frame(lambda lines: any("filter: bo" in line for line in lines))
        assert not any("ali" in line for line in frame[4:])
        screen.resize(10, 60)
        screen.key("\x1b").frame(lambda lines: len(lines) == 10 and all(len(line) <= 60 for line in lines))
        screen.key("q")
        assert screen.end() == 0
        assert "\x1b[?1049l" in screen.text  # the terminal is given back


def test_a_user_made_again_under_an_old_name(two):
    """His old limit is offered, not given: told in log, events, status; taken or forgotten by order."""
    sim, d, ids = two
    said(d, "user add ali 5")
    said(d, "except add bob --reason boss")
    for name in ("ali", "bob"):
        sim.call("DELETE", f"/user/{name}")
        ids[name + "2"] = sim.add_user(name)
    assert ids["ali2"] != ids["ali"]
    at = len(d.log)
    # A line of a new id under a known name has the panel's list asked for, which tells who is gone.
    with Traffic(sim, Sharer("ali", n=1, every=0.3)):
        d.wait_log(r"ali \(id \d+\) is new under the name .* `pg-limiter user add ali 5` gives it", 15,
                   since=at)
    d.wait_log("`pg-limiter except add bob` gives it", 5, since=at)
    d.wait(lambda: d.status()["users"]["recreated"] == 2)
    assert any("user recreated" in p for p in d.status()["problems"])
    assert json.loads(said(d, "user show ali --json"))["limit_from"] == "general", "nothing is given unasked"
    rows = json.loads(said(d, "user recreated --json"))["data"]
    assert [(r["username"], r["id"], r["gone_id"], r["limit"], r["excepted"], r["reason"]) for r in rows] == [
        ("ali", ids["ali2"], ids["ali"], 5, False, None), ("bob", ids["bob2"], ids["bob"], None, True, "boss")]
    said(d, "user take ali", "special limit of 5")
    assert json.loads(said(d, "user show ali --json"))["limit"] == 5
    said(d, "user drop bob", "forgotten")
    said(d, "user take bob", "nothing is offered", code=1)
    d.wait(lambda: d.status()["users"]["recreated"] == 0, 5)
    assert "Nobody bears" in said(d, "user recreated")
    told = [e for e in d.sql("SELECT user_id, what FROM events WHERE kind='recreated'")]
    assert sorted(e["user_id"] for e in told) == sorted((ids["ali2"], ids["bob2"])), "each is told once"


def test_a_change_that_frees_who_is_disabled_offers_to_enable(daemon, lab):  # noqa: F811
    """general_limit, a pattern, a group limit, a filter: told how many, enabled when asked for."""
    sim = lab("--nodes", 1)
    ids = {name: sim.add_user(name) for name in ("vip_a", "vip_b", "lone", "by_order")}
    group = sim.post("/groups", {"name": "gold", "inbound_tags": ["VLESS TCP 1"]})["id"]
    sim.call("PATCH", "/user/lone", {"group_ids": [group]})
    d = daemon(sim, GENERAL_LIMIT=1, TIME_TO_ACTIVE_USERS=3600)
    sim.wait(sim.streams, 10)
    d.wait_log("users known", 10)
    warm_up(d, sim)
    judged = ("vip_a", "vip_b", "lone")

    def cut():
        with Traffic(sim, *(Sharer(n) for n in judged if sim.user(n)["status"] == "active")):
            for n in judged:
                d.wait_state(n, "applied", 90)

    cut()
    said(d, "user disable by_order --for hand")
    # Not one more than had two devices; by order stays what a person wanted.
    assert json.loads(said(d, "disabled enable-freed --dry-run --json"))["freed"] == 0
    assert "freed" not in d.call("PATCH", "/config", {"check_interval": 20})[1]
    status, told = d.call("POST", "/patterns", {"kind": "prefix", "pattern": "vip_", "limit": 3})
    assert status == 200 and told["freed"] == 2 and "?enable=true" in told["hint"], told
    assert {sim.user(n)["status"] for n in judged} == {"disabled"}, "nobody is enabled unasked"
    assert "2 users are disabled now" in said(d, "pattern add prefix vip_ 4")
    assert "2 users would be enabled" in said(d, "disabled enable-freed --dry-run")
    said(d, "disabled enable-freed", "vip_b")
    assert [sim.user(n)["status"] for n in judged] == ["active", "active", "disabled"]
    status, told = d.call("PATCH", "/config?enable=true", {"group_limits": f"{group}=2"})
    assert status == 200 and told["freed"] == 1, told
    assert [(r["username"], r["result"]) for r in told["enabled"]] == [("lone", "enabled")]
    assert sim.user("lone")["status"] == "active" and sim.user("by_order")["status"] == "disabled"
    # A filter that leaves his group alone.
    d.call("PATCH", "/config", {"group_limits": None})
    status, told = d.call("PUT", "/filters/groups?enable=true", {"groups": [str(group)], "mode": "exclude"})
    assert status == 200 and "freed" not in told, "nobody who could be freed is left"
    assert sim.user("by_order")["status"] == "disabled"
    said(d, "filter group off")
