"""The whole story, from log lines to a disabled account and back, on three kinds of panel at once.

A minute of made-up life: the policy's times are shortened by settings, evidence needs three blocks
of five seconds. What is measured is printed (pytest -s), and bounded as the specification says.
"""

import contextlib
import json
import re
import subprocess
import threading
import time

import pytest
from daemon import Daemon, program, settings_for, warm_up
from simpanel import as_process
from simpanel.traffic import HEAVY, Player, family, phone, shared

SECONDS = 42
POLICY = {"MONITORING_PERIOD": 10, "CHECK_INTERVAL": 10, "TIME_TO_ACTIVE_USERS": 10,
          "ACTIVE_WINDOW": 60, "GAIN_BLOCK": 5, "GAIN_CAP": 1, "EVIDENCE_THRESHOLD": 3, "TICK": 2}
SHARERS = {"leaked": 1, "office": 2}
INNOCENT = ("walker", "family", "boss")
VARIANTS = {
    "panel 5, password": dict(version=5, settings={"VERIFY_ONLINE": "off"}, record=True),
    "panel 5, API key": dict(version=5, key=True, settings={}),
    "panel 4, password": dict(version=4, settings={}),
}
QUICK = {}  # how late each was disabled and enabled, by story
KEY_NEEDS = {"nodes": {"read": True, "logs": True, "stats": True},
             "users": {"read": {"scope": 2}, "update": {"scope": 2}},
             "groups": {"read": True}, "admins": {"read": True}}


class Story:
    """One variant's run, and what was seen in it."""

    def __init__(self, name, sim, daemon):
        self.name, self.sim, self.daemon = name, sim, daemon
        self.decisions = []
        self.error = None

    def play(self):
        try:
            self.run()
        except BaseException as error:  # raised in the test that looks at it
            self.error = error

    def run(self):
        sim, d = self.sim, self.daemon
        how = VARIANTS[self.name]
        for user in (*SHARERS, *INNOCENT):
            sim.add_user(user)
        self.crowd = sim.post("/users", {"generate": 30, "prefix": "crowd"})
        d.start(*(["--record", d.folder / "tape"] if how.get("record") else []))
        d.wait_log("users known", 15)
        d.cli("except", "add", "boss", "--reason", "he owns the place")
        d.cli("user", "add", "family", "3")
        # Entered by another program: a row in SQLite is all it takes.
        office = sim.user("office")["id"]
        d.sql("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by) "
              "VALUES(?, 'office', 2, ?, 'test')", office, int(time.time() * 1000))
        sim.wait(lambda: len(sim.streams()) == 3, 10)
        warm_up(d, sim, (1, 2, 3))
        self.calls_from = max((e["n"] for e in sim.journal()), default=0)
        self.began = time.time()
        actors = [phone("walker", node=1, handover_at=12, mix=3, seed=1, gaps=HEAVY),
                  *family("family", members=3, nodes=[1, 2, 3], seed=2),
                  *shared("leaked", people=4, nodes=(1, 2, 3), seed=3, gaps=HEAVY),
                  *shared("office", people=4, nodes=(1, 2), seed=4, gaps=HEAVY),
                  *shared("boss", people=4, nodes=(2, 3), seed=5, gaps=HEAVY),
                  *[phone(f"crowd{i}", node=1 + i % 3, seed=100 + i) for i in range(1, 31)]]
        player = Player(sim, actors).start(300)
        time.sleep(SECONDS)
        # On a busy machine it may take longer.
        d.wait(lambda: all([r["state"] for r in d.rows(n)][:1] == ["restored"] for n in SHARERS), 120)
        player.stop()
        self.tally = player.tally
        self.status = d.status()
        self.explained = json.loads(d.cli("explain", "leaked", "--json"))
        self.ended = time.time()
        self.stopped = d.stop()
        self.journal = sim.journal(since=self.calls_from)

    def calls(self, method, path):
        return [e for e in self.journal if e["method"] == method and re.search(path, e["path"])]

    def puts(self, name, disable):
        """The changing calls on a user, in order."""
        user = self.sim.user(name)["id"]
        found = []
        for e in self.calls("PUT", rf"by-id/{user}(/|$)"):
            body = json.loads(e["body"])
            wants = body["disabled"] if "disabled" in body else body["status"] == "disabled"
            if wants == disable:
                found.append(e)
        return found


@pytest.fixture(scope="module")
def stories():
    """All variants, played side by side; by name."""
    with contextlib.ExitStack() as stack:
        played = {}
        for name, how in VARIANTS.items():
            sim = stack.enter_context(as_process("--nodes", 3, "--version", how["version"]))
            more = {**POLICY, **how["settings"]}
            if how.get("key"):
                key = sim.post("/keys", {"name": "k", "inherit": False, "permissions": KEY_NEEDS})
                more |= {"PANEL_API_KEY": key["key"], "PANEL_PASSWORD": None}
            daemon = Daemon(settings_for(sim, **more))
            stack.callback(daemon.close)
            played[name] = Story(name, sim, daemon)
        threads = [threading.Thread(target=s.play) for s in played.values()]
        for t in threads:
            t.start()
        for t in threads:
            t.join(SECONDS + 300)
        yield played


@pytest.fixture(params=list(VARIANTS))
def story(request, stories):
    s = stories[request.param]
    if s.error:
        raise s.error
    return s


def ms(seconds):
    return f"{seconds * 1000:.0f} ms"


def promised(lates, seconds):
    """Whether something was as quick as promised: a busy machine makes one late now and then, a slow daemon all."""
    return min(lates) <= seconds and max(lates) <= 10 * seconds


def test_the_sharers_and_nobody_else(story):
    rows = story.daemon.rows()
    assert {r["name"] for r in rows} == set(SHARERS), rows
    for name, limit in SHARERS.items():
        verdict = story.daemon.sql("SELECT * FROM violations WHERE name = ? ORDER BY id", name)[0]
        assert verdict["outcome"] == "applied" and verdict["max_devices"] == limit
        evidence = json.loads(verdict["evidence"])
        assert evidence["concurrent"] > limit
        assert sum(d["role"] == "counted" for d in evidence["devices"]) >= limit + 1
    for name in INNOCENT:
        assert story.sim.user(name)["status"] == "active"
        assert not story.puts(name, True)
        assert story.tally.get(name, {"refused": 0})["refused"] == 0
    assert story.status["panel"]["up"] and story.status["users"]["listed"] == 35
    assert story.explained["username"] == "leaked"


def test_disabled_within_a_second_and_not_too_early(story):
    lates = []
    for name in SHARERS:
        watched = story.daemon.logged(rf"verdict +{name}: .*watched for 10 s")[0]
        verdict = story.daemon.sql("SELECT at FROM violations WHERE name = ? ORDER BY id", name)[0]
        at = verdict["at"] / 1000
        call = story.puts(name, True)[0]["wall"]
        print(f"\n{story.name}: {name}: disable call {ms(call - at)} after its verdict, "
              f"{call - watched.at:.2f} s after the watch began")
        assert call - at >= -0.005
        lates.append(call - at)
        # A line of the log may be a moment younger than what it tells.
        assert call - watched.at >= 9.0
    assert max(lates) <= 10, lates
    QUICK["disabled", story.name] = lates


def test_enabled_within_two_seconds_of_due(story):
    lates = []
    for name in SHARERS:
        row = story.daemon.rows(name)[0]
        assert row["state"] == "restored" and row["why"] == "the time is over"
        late = story.puts(name, False)[0]["wall"] - row["due_at"] / 1000
        print(f"\n{story.name}: {name}: enabled {ms(late)} after due")
        assert late >= -0.005
        lates.append(late)
        assert abs(row["due_at"] - row["applied_at"] - 10_000) <= 1
        # Again a sharer afterwards, he may be disabled again: by another verdict. The end may have come
        # between a row and its call.
        calls, rows = len(story.puts(name, True)), story.daemon.rows(name)
        assert sum(r["state"] != "intended" for r in rows) <= calls <= len(rows), (calls, rows)
    assert max(lates) <= 20, lates
    QUICK["enabled", story.name] = lates


def test_as_quick_as_promised():
    """Disabled within a second and enabled within two, but for what else the machine has to do."""
    for what, seconds in (("disabled", 1.0), ("enabled", 2.0)):
        lates = [x for (kind, _), all_of_it in QUICK.items() if kind == what for x in all_of_it]
        if lates:  # of the stories that were chosen
            assert promised(lates, seconds), (what, lates)


def test_the_panel_refused_their_connections_meanwhile(story):
    """The simulator's word that disabling did something."""
    for name in SHARERS:
        refused = sum(t["refused"] for n, t in story.tally.items() if n.startswith(name))
        accepted = sum(t["accepted"] for n, t in story.tally.items() if n.startswith(name))
        assert refused > 10 and accepted > 10


def test_no_request_per_user_and_check(story):
    """Four checks of 35 active users: a user is asked about because of a verdict, his online list by its rate."""
    spans = story.ended - story.began
    changes = len(story.calls("PUT", "."))
    reads = len(story.calls("GET", "/api/user/by-id/"))
    online = len(story.calls("GET", "online_stats"))
    other = [e for e in story.journal if "/logs" not in e["path"]
             and not re.search("/api/nodes$|by-id|online_stats", e["path"])]
    print(f"\n{story.name}: {spans:.0f} s, {changes} changes, {reads} readings of a user, {online} "
          f"online lists, {len(other)} others ({sorted({e['path'] for e in other})})")
    assert changes >= 4
    assert reads <= changes + 2  # once before each change, of which one may not have come any more
    assert online <= 3 * spans + 4  # online_rate
    assert len(other) <= 5


def test_decisions_are_those_of_a_replay(stories):
    """The recording of the run, replayed: the same decisions at the same times, and how late we were."""
    story = stories["panel 5, password"]
    if story.error:
        raise story.error
    tape = sorted((story.daemon.folder / "tape").glob("node-*.log"))
    assert len(tape) == 3
    settings = {k.lower(): v for k, v in POLICY.items()} | {
        "general_limit": 1, "verify_online": "off", "punish_rate": 1000, "breaker": "off"}
    ids = {n: story.sim.user(n)["id"] for n in (*SHARERS, *INNOCENT)}
    out = subprocess.run(
        [program(), "replay", "--json", *[a for k, v in settings.items() for a in ("--set", f"{k}={v}")],
         "--except", f"id:{ids['boss']}", "--special", f"id:{ids['family']}=3",
         "--special", f"id:{ids['office']}=2", *map(str, tape)],
        capture_output=True, text=True, timeout=60, check=True).stdout
    replayed = [json.loads(line) for line in out.splitlines() if '"decision"' in line]
    lag = {}
    for kind, pattern in (("monitor", "watched for"), ("warn", "warning: "),
                          ("punish", ": disable 10s")):
        live = [(re.match(r"([^:]+):", x.text)[1], x.at) for x in
                story.daemon.logged("verdict .*" + pattern)]
        virtual = [(next((n for n, i in ids.items() if i == r["id"]), r["id"]), stamp(r["time"]))
                   for r in replayed if r["decision"] == kind]
        # Of the last seconds it may not have come to all.
        virtual = [v for v in virtual if v[1] < story.ended - 5]
        more = [x for x in live[len(virtual):] if x[1] < story.ended - 5]
        live = live[:len(virtual)]
        assert [n for n, _ in live] == [n for n, _ in virtual] and not more, (kind, live, virtual, more)
        lag[kind] = [a - b for (_, a), (_, b) in zip(live, virtual)]
        print(f"\n{kind}: {len(live)} in both; live after its evidence by "
              f"{', '.join(ms(x) for x in lag[kind])}")
    assert lag["warn"] and lag["punish"]
    for late in lag.values():
        assert all(x >= -0.01 for x in late)
    assert promised([x for late in lag.values() for x in late], 1.0), lag


def stamp(text):
    import calendar
    whole, part = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + part)


def test_lines_arrive_soon(stories):
    """From the node's stamp on a line to its arrival in the daemon, over TLS."""
    story = stories["panel 5, password"]
    if story.error:
        raise story.error
    lags = []
    for tape in (story.daemon.folder / "tape").glob("node-*.log"):
        for line in tape.read_text().splitlines():
            at, text = line.split(" ", 1)
            found = re.match(r"(\d{4})/(\d\d)/(\d\d) ([\d:]+\.\d+) from", text)
            if found:
                lags.append(int(at[1:]) / 1e6 - stamp("{}-{}-{}T{}".format(*found.groups())))
    lags.sort()
    print(f"\n{len(lags)} lines; stamp to arrival: median {ms(lags[len(lags) // 2])}, "
          f"99 % {ms(lags[len(lags) * 99 // 100])}, most {ms(lags[-1])}")
    assert lags[len(lags) // 2] < 0.5 and lags[len(lags) * 99 // 100] < 10


def test_stops_at_once(story):
    print(f"\n{story.name}: SIGTERM to exit {ms(story.stopped)}")
    assert story.stopped < 5
