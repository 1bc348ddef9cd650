"""Scenes: what is wrong in .env, SIGHUP, changes from outside, and stopping under load."""

import time

from daemon import Sharer, Traffic, warm_up
from scenes import SCENES

BAD = [
    ({"GENERAL_LIMIT": "many"}, ["GENERAL_LIMIT", "0", "10000"]),
    ({"CHECK_INTERVAL": "5"}, ["CHECK_INTERVAL", "10", "3600"]),
    ({"ENFORCEMENT": "maybe"}, ["ENFORCEMENT", "on", "shadow", "off"]),
    ({"PANEL_TLS_PIN": "abc"}, ["PANEL_TLS_PIN", "sha256//"]),
    ({"PANEL_PASSWORD": None}, ["PANEL_PASSWORD", "PANEL_API_KEY"]),
    ({"PANEL_DOMAIN": None}, ["PANEL_DOMAIN"]),
]


@SCENES.scene
def mistakes_in_env(s):
    """Refused with file, line and what would be allowed; exit code 2; nothing is touched."""
    base = {"PANEL_DOMAIN": "http://127.0.0.1:9", "PANEL_PASSWORD": "hunter2-secret"}
    for change, words in BAD:
        d = s.daemon(start=False, **{**base, **change})
        d.start(wait=False)
        assert d.ended(10) == 2, (change, d.tail())
        said = "\n".join(x.raw for x in d.log)
        for word in words:
            assert word.lower() in said.lower(), (change, word, said)
        name, value = next(iter(change.items()))
        if value is not None:
            line = d.env_file.read_text().split("\n").index(f"{name}={value}") + 1
            assert f"{d.env_file}:{line}" in said, said
        assert not d.db_file.exists()
        s.say(d.log[-1].text)
    d = s.daemon(start=False, GENERAL_LIMITT="3", **base)
    d.start(wait=False)
    assert d.ended(10) == 2
    said = d.wait_log("GENERAL_LIMITT", 1)
    assert "general_limit" in said.text.lower().replace("general_limitt", "")
    s.say(said.text)


@SCENES.scene
def read_again_at_sighup(s):
    """A bad file keeps the old values; a good one comes into force, seen in what is decided."""
    sim = s.lab("--nodes", 1)
    sim.add_user("pair")
    d = s.daemon(sim, GENERAL_LIMIT=2)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("pair")):
        d.write_env(GENERAL_LIMIT="lots")
        d.reload()
        d.wait_log("old values stay in force", 5)
        time.sleep(3)
        assert not d.logged("pair: .*watched")
        d.write_env(GENERAL_LIMIT=1)
        d.reload()
        began = time.monotonic()
        d.wait_log("config +read again", 5)
        d.wait_log("pair: .*limit 1: watched", 5)
        s.say(f"in force {time.monotonic() - began:.2f} s after SIGHUP")
        d.write_env(PANEL_DOMAIN="http://127.0.0.1:1")
        d.reload()
        d.wait_log("PANEL_DOMAIN has changed: it needs .*restart", 5)
        assert d.status()["panel"]["up"]


@SCENES.scene
def changed_by_another_process(s):
    """A setting, a special limit and an exception written with sqlite3: in force within 5 s."""
    sim = s.lab("--nodes", 1)
    ids = {n: sim.add_user(n) for n in ("pair", "special", "excepted")}
    d = s.daemon(sim, GENERAL_LIMIT=None, MONITORING_PERIOD=3600)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    now = int(time.time() * 1000)
    with Traffic(sim, *[Sharer(n) for n in ids]):
        time.sleep(3)
        assert not d.logged(" verdict +[a-z]+:")
        d.sql("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by) "
              "VALUES(?, 'special', 1, ?, 'test')", ids["special"], now)
        began = time.monotonic()
        d.wait_log("special: .*limit 1: watched", 6)
        took = [time.monotonic() - began]
        d.sql("INSERT INTO exceptions(user_id, name, reason, updated_at, updated_by) "
              "VALUES(?, 'excepted', '', ?, 'test')", ids["excepted"], now)
        d.sql("INSERT INTO settings(key, value, updated_at, updated_by) "
              "VALUES('general_limit', '1', ?, 'test')", now)
        began = time.monotonic()
        d.wait_log("pair: .*limit 1: watched", 6)
        took.append(time.monotonic() - began)
        assert not d.logged("excepted: .*watched")
        d.sql("DELETE FROM settings WHERE key = 'general_limit'")
        d.sql("UPDATE special_limits SET max_devices = 0")
        began = time.monotonic()
        d.wait_log("special: no longer watched: not judged any more: unlimited", 6)
        took.append(time.monotonic() - began)
    s.say(f"in force after {', '.join(f'{t:.1f} s' for t in took)}")
    assert min(took) <= 5 and max(took) <= 15, took


@SCENES.scene
def stopped_under_load(s):
    """SIGTERM while 3,000 lines a second come in, verdicts fall and users are listed."""
    sim = s.lab("--nodes", 4, "--users", 1000)
    d = s.daemon(sim)
    sim.wait(lambda: len(sim.streams()) == 4, 15)
    warm_up(d, sim, (1, 2, 3, 4))
    sim.post("/generate", {"rate": 3000, "seconds": 60, "devices": 2})
    d.wait_log("disabled; no new", 30, count=20)
    lines = d.status()["lines"]["total"]
    took = d.stop(within=5)
    s.say(f"{lines} lines so far, {len(d.rows())} rows: stopped in {took * 1000:.0f} ms")
    # Nothing half done: every row says what the panel says.
    held = {u["id"] for u in sim.get("/users", status="disabled")["users"]}
    rows = {r["user_id"]: r["state"] for r in d.rows()}
    assert held <= {u for u, state in rows.items() if state in ("intended", "applied", "restoring")}
