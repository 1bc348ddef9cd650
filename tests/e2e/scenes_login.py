"""Scenes: getting into the panel, and what is said when that does not work."""

import re
import time

from ports import free_port
from scenes import SCENES
from simpanel import as_process

READ_ONLY = {"nodes": {"read": True, "logs": True, "stats": True},
             "users": {"read": {"scope": 2}}, "groups": {"read": True}, "admins": {"read": True}}


def logins(sim):
    return len(sim.journal(path="^/api/admin/token$"))


@SCENES.scene
def wrong_password(s):
    """One message with the cure, one login, and the daemon stays."""
    sim = s.lab("--nodes", 3)
    d = s.daemon(sim, PANEL_PASSWORD="not-the-password")
    line = d.wait_log("ERROR +panel .*refuses the login of admin")
    assert "PANEL_PASSWORD" in line.text and "restart" in line.text
    time.sleep(6)
    assert d.running() and d.runs == 1
    assert logins(sim) == 1
    assert len(d.logged("refuses the login")) == 1
    assert d.status()["panel"]["login"] == "refused"
    assert "PANEL_PASSWORD" in " ".join(d.status()["problems"])
    assert "PANEL_PASSWORD" in d.cli("status")
    s.say(f"1 login in {time.time() - d.started:.0f} s; said: {line.text}")


@SCENES.scene
def wrong_key(s):
    sim = s.lab("--nodes", 1)
    d = s.daemon(sim, PANEL_PASSWORD=None,
                 PANEL_API_KEY="pg_key_00000000-0000-4000-8000-000000000000")
    d.wait_log("ERROR +panel .*refuses PANEL_API_KEY")
    time.sleep(3)
    assert len(d.logged("PANEL_API_KEY")) == 1
    assert len(sim.journal()) <= 6


@SCENES.scene
def a_key_that_may_not_change_users(s):
    """The permission that is missing is named, and nobody is thought disabled."""
    from daemon import Sharer, Traffic, warm_up
    sim = s.lab("--nodes", 1)
    sim.add_user("sharer")
    key = sim.post("/keys", {"name": "k", "inherit": False, "permissions": READ_ONLY})["key"]
    d = s.daemon(sim, PANEL_PASSWORD=None, PANEL_API_KEY=key)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        line = d.wait_log("sharer: not disabled: .*", 25)
    assert "users.update" in line.text
    d.wait_state("sharer", "cancelled")
    assert sim.user("sharer")["status"] == "active"
    s.say(line.text)


@SCENES.scene
def a_key_that_may_not_read_logs(s):
    sim = s.lab("--nodes", 4)
    few = {**READ_ONLY, "nodes": {"read": True}}
    key = sim.post("/keys", {"name": "k", "inherit": False, "permissions": few})["key"]
    d = s.daemon(sim, PANEL_PASSWORD=None, PANEL_API_KEY=key)
    line = d.wait_log("nodes.logs")
    time.sleep(6)
    assert "permission" in line.text
    assert len(d.logged("nodes.logs")) == 1
    assert any("not open" in p for p in d.status()["problems"])
    s.say(line.text)


@SCENES.scene
def no_panel_there_then_one(s):
    port = free_port()
    d = s.daemon(PANEL_DOMAIN=f"http://127.0.0.1:{port}", PANEL_PASSWORD="admin-password",
                 NODES_POLL=5)
    line = d.wait_log("does not answer")
    time.sleep(5)
    assert len(d.logged("does not answer")) == 1 and d.running()
    assert not d.status()["panel"]["up"]
    sim = s.enter(as_process("--nodes", 2, "--http", "--port", port))
    began = time.time()
    sim.wait(lambda: len(sim.streams()) == 2, 30)
    s.say(f"{line.text!r}; streams open {time.time() - began:.1f} s after it came")
    assert logins(sim) == 1


def pasted(s, sim, d):
    """Puts the line that the error shows into .env; with it the daemon gets in."""
    line = d.wait_log("does not answer", 15)
    paste = re.search(r"PANEL_DOMAIN=\S+", line.text)[0].rstrip(".,;")
    assert logins(sim) == 0
    d.stop()
    d.write_env(PANEL_DOMAIN=paste.split("=", 1)[1])
    d.start()
    sim.wait(sim.streams, 10)
    s.say(f"pasted {paste}")


@SCENES.scene
def https_spoken_to_http(s):
    sim = s.lab("--http")
    d = s.daemon(sim, PANEL_DOMAIN=f"127.0.0.1:{sim.port}")
    pasted(s, sim, d)


@SCENES.scene
def http_spoken_to_https(s):
    sim = s.lab()
    d = s.daemon(sim, PANEL_DOMAIN=f"http://127.0.0.1:{sim.port}")
    pasted(s, sim, d)


@SCENES.scene
def a_self_signed_certificate(s):
    """Refused with a line to paste; taken by pin, by CA file, and, loudly, unverified."""
    sim = s.lab()
    d = s.daemon(sim, PANEL_TLS_PIN=None)
    line = d.wait_log("does not answer", 15)
    assert "127.0.0.1" in line.text and re.search(r"valid until 20\d\d-\d\d-\d\d", line.text)
    pin = re.search(r"PANEL_TLS_PIN=(sha256//[A-Za-z0-9+/=]+)", line.text)[1]
    assert logins(sim) == 0
    d.stop()
    taken = []
    for change in ({"PANEL_TLS_PIN": pin}, {"PANEL_TLS_PIN": None, "PANEL_CA_FILE": sim.cert},
                   {"PANEL_CA_FILE": None, "PANEL_TLS_VERIFY": "false"}):
        d.write_env(**change)
        before, since = logins(sim), len(d.log)
        d.start()
        sim.wait(sim.streams, 10)
        assert logins(sim) == before + 1
        loud = d.logged("PANEL_TLS_VERIFY", since)
        assert bool(loud) == ("PANEL_TLS_VERIFY" in change)
        d.stop()
        sim.wait(lambda: not sim.streams(), 5)
        taken.append(next(k for k, v in change.items() if v))
    s.say(f"{line.text}; then taken with {', '.join(taken)}")


@SCENES.scene
def a_token_expires_in_the_middle(s):
    """Twelve streams die at once and the token is no good any more: one login."""
    sim = s.lab("--nodes", 12)
    d = s.daemon(sim)
    sim.wait(lambda: len(sim.streams()) == 12, 15)
    assert logins(sim) == 1
    sim.post("/tokens", {"expire_in": 0})
    sim.post("/drop")
    sim.wait(lambda: len(sim.streams()) == 12, 20)
    time.sleep(6)
    assert logins(sim) == 2
    d.wait(lambda: d.status()["panel"]["up"] and d.status()["nodes"]["streams_open"] == 12)
    assert logins(sim) == 2
