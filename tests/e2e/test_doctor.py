"""The doctor: every check seen failing, with a daemon and without, and the bundle for a stranger."""

import json
import os
import re
import ssl
import time
import urllib.request

from daemon import Sharer, Traffic, warm_up
from scenes import Scenes
from sse_reader import Reader

SCENES = Scenes(at_once=8)

LIMITED = {"nodes": {"read": True, "logs": True}, "users": {"read": {"scope": 2}}}
NAMES = ["customer_ali", "customer.bob", "customer_eve"]


def doctor(d, *more, code=None):
    done = d.cli("doctor", "--json", *more, check=False)
    if code is not None:
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def levels(found, check, subject=None):
    return [c["level"] for c in found["checks"]
            if c["check"] == check and (subject is None or c["subject"] == subject)]


def only(found, check, subject=None):
    rows = [c for c in found["checks"]
            if c["check"] == check and (subject is None or c["subject"] == subject)]
    assert len(rows) == 1, (check, subject, rows)
    return rows[0]


def token(sim):
    context = ssl.create_default_context(cafile=sim.cert)
    request = urllib.request.Request(sim.url + "/api/admin/token",
                                     b"username=admin&password=admin-password")
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        return json.loads(answer.read())["access_token"]


@SCENES.scene
def every_fault_of_a_node_is_found(s):
    """Nine nodes, each ill in its own way, one well: named with the cure; nothing said of the well."""
    sim = s.lab("--nodes", 9)
    nodes = sim.nodes()
    name = {i: n["name"] for i, n in nodes.items()}
    users = NAMES + [f"customer{i}" for i in range(7)]
    for user in users:
        sim.add_user(user)
    for node, change in ((2, {"mask": "half"}), (3, {"stats_online": False}),
                         (4, {"clock_offset": 47.0})):
        sim.call("PATCH", f"/node/{node}", change)
    d = s.daemon(sim, GENERAL_LIMIT=0, LOG_LEVEL="info")
    sim.wait(lambda: len(sim.streams()) == 9, 15)
    warm_up(d, sim, (1, 3, 4, 6, 7, 8))  # no line of a node that masks is evidence
    thief = Reader(sim, 5, token(sim))
    sharers = [Sharer(u, nodes=(1, 2), every=0.4) for u in NAMES]
    sharers += [Sharer(u, nodes=(n,), every=0.3, block=70 + n) for u in users[3:6] for n in (3, 4, 5)]
    with Traffic(sim, *sharers):
        for _ in range(20):
            thief.pump(0.02)
            stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
            for i, user in enumerate(users):
                sim.connect(6, user, f"7.7.{i // 8}.7", port=1000 + i)  # a relay in front
            sim.lines(7, f"{stamp} from 8.8.4.4:0 accepted tcp:a.b:443 [IN -> OUT] email: 1",
                      f"{stamp} from 9.8.4.4:99 accepted tcp:a.b:443 [IN -> OUT] email: 2")
            sim.lines(8, f"{stamp} from 8.8.4.4:5 accepted tcp:a.b:443 [IN -> OUT]")
            time.sleep(0.15)
        sim.node(9, "down")
        d.wait(lambda: d.sql("SELECT count(*) AS n FROM ip_history")[0]["n"] > 10
               and d.node(9)["status"] != "connected", 40, "the history, and node 9 away")
        # The thief stole lines of connections that the online list shows.
        found = doctor(d, code=1)
    thief.close()
    assert levels(found, "daemon") == ["ok"]
    assert only(found, "lines", name[1])["level"] == "ok"
    assert levels(found, "mask") == ["failed"]
    assert only(found, "mask", name[2])["level"] == "failed"
    assert only(found, "online list", name[3])["level"] == "failed"
    assert only(found, "online list", name[4])["level"] == "ok"
    clock = only(found, "clock", name[4])
    assert clock["level"] == "warning" and "NTP" in clock["cure"]
    relay = only(found, "relay", name[6])
    assert relay["level"] == "failed" and "7.7." in relay["text"]
    for word in ("forwardfor", "send-proxy", "acceptProxyProtocol", "trustedXForwardedFor"):
        assert word in relay["cure"]
    assert only(found, "headers", name[7])["level"] == "warning"
    assert only(found, "lines", name[8])["level"] == "failed"
    assert only(found, "node", name[9])["level"] == "failed"
    assert [c["level"] for c in found["checks"] if c["subject"] == name[1]].count("failed") == 0


@SCENES.scene
def another_reader_is_noticed(s):
    """Half of a node's lines go to somebody else: the online list tells of connections no line told."""
    sim = s.lab("--nodes", 1)
    for user in NAMES:
        sim.add_user(user)
    d = s.daemon(sim, GENERAL_LIMIT=0)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    for i, user in enumerate(NAMES):
        sim.connect(1, user, f"5.{i}.3.1")
    found = doctor(d, code=0)
    thief = Reader(sim, 1, token(sim))
    end = time.monotonic() + 60
    while time.monotonic() < end:
        # Each connection at an address of its own, each line to one of the two readers.
        for k in range(6):
            for i, user in enumerate(NAMES):
                sim.connect(1, user, f"5.{i}.3.{k + 2}")
            thief.pump(0.05)
        time.sleep(3.5)
        found = doctor(d)
        if levels(found, "reader") == ["failed"]:
            break
    thief.close()
    row = only(found, "reader")
    assert row["level"] == "failed" and "log page" in row["cure"], found


@SCENES.scene
def a_slow_panel_is_no_wrong_clock(s):
    """While the answers are waited for, connections go on: later ones are not ahead of the clock for that."""
    sim = s.lab("--nodes", 1)
    for user in NAMES:
        sim.add_user(user)
    d = s.daemon(sim, GENERAL_LIMIT=0)
    sim.wait(sim.streams)
    warm_up(d, sim)
    with Traffic(sim, *[Sharer(u, n=1, every=0.3) for u in NAMES]):
        seen = d.node(1)["counted"]
        d.wait(lambda: d.node(1)["counted"] >= seen + 2 * len(NAMES), what="lines of all of them")
        sim.fault("delay", "/api/node/online_stats/*", seconds=4, count=-1)
        began = time.monotonic()
        found = doctor(d)
    assert time.monotonic() - began > 8, "it was not slow"
    assert levels(found, "online list") == ["ok"] and levels(found, "clock") == ["ok"], found


@SCENES.scene
def permissions_with_a_daemon(s):
    """Each is checked, and the daemon's own key is what is judged."""
    permissions(s, True)


@SCENES.scene
def permissions_without_a_daemon(s):
    """The same, asked from here."""
    permissions(s, False)


def permissions(s, running):
    sim = s.lab("--nodes", 1)
    sim.add_user("ali")
    key = sim.post("/keys", {"name": "little", "inherit": False, "permissions": LIMITED,
                             "expire": time.time() + 3 * 86400})["key"]
    d = s.daemon(sim, start=running, PANEL_PASSWORD=None, PANEL_USERNAME=None, PANEL_API_KEY=key,
               ENFORCEMENT="shadow")
    if running:
        sim.wait(sim.streams, 10)
    found = doctor(d, code=1)
    assert levels(found, "permission", "users read") == ["ok"]
    update = only(found, "permission", "users update")
    assert update["level"] == "failed" and "users update" in update["cure"]
    assert levels(found, "permission", "groups read") == ["warning"]
    assert levels(found, "permission", "admins read") == ["warning"]
    assert levels(found, "daemon") == ["ok" if running else "warning"]
    assert only(found, "setting", "enforcement")["level"] == "warning"
    # It has looked only: no user was touched.
    assert not sim.journal(method="PUT", path="/api/user/by-id/[0-9]{1,3}(/|$)")


@SCENES.scene
def without_a_daemon_the_panel_is_asked_from_here(s):
    sim = s.lab("--nodes", 2, "--cert-days", 5)
    sim.add_user("ali")
    d = s.daemon(sim, start=False)
    began = time.monotonic()
    found = doctor(d)
    s.say(f"asked from here in {time.monotonic() - began:.1f} s")
    assert levels(found, "panel") == ["ok"] and levels(found, "login") == ["ok"]
    assert levels(found, "node") == ["ok", "ok"]
    assert only(found, "certificate")["level"] == "warning"
    assert only(found, "database")["level"] == "warning"  # none so far
    # What keeps a daemon from starting is named.
    d.write_env(PANEL_PASSWORD="wrong-one")
    login = only(doctor(d, code=1), "login")
    assert login["level"] == "failed" and "PANEL_PASSWORD" in login["cure"]
    assert "wrong-one" not in json.dumps(login)
    d.write_env(PANEL_PASSWORD="admin-password", PANEL_TLS_PIN=None)
    tls = only(doctor(d, code=1), "tls")
    assert tls["level"] == "failed" and "PANEL_TLS_PIN" in tls["text"] + tls["cure"]
    d.write_env(PANEL_TLS_VERIFY="false")
    assert only(doctor(d), "tls")["level"] == "warning"
    d.write_env(PANEL_DOMAIN="http://127.0.0.1:9")
    assert only(doctor(d, code=1), "panel")["level"] == "failed"
    d.write_env(PANEL_DOMAIN=None)
    assert "PANEL_DOMAIN" in only(doctor(d, code=1), "panel")["cure"]
    d.write_env(PANEL_DOMAIN=sim.url, GENERAL_LIMIT="lots")
    bad = only(doctor(d, code=1), "settings")
    assert bad["level"] == "failed" and "general_limit" in bad["text"]
    d.write_env(GENERAL_LIMIT="2")
    os.chmod(d.env_file, 0o644)
    assert only(doctor(d), "file", str(d.env_file))["level"] == "warning"
    os.chmod(d.env_file, 0o600)
    (d.data_dir / "data").mkdir(parents=True, exist_ok=True)
    d.db_file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    assert only(doctor(d, code=1), "database")["level"] == "failed"


@SCENES.scene
def nodes_that_may_not_be_listed(s):
    sim = s.lab("--nodes", 1)
    key = sim.post("/keys", {"name": "blind", "inherit": False,
                             "permissions": {"users": {"read": {"scope": 2}}}})["key"]
    d = s.daemon(sim, start=False, PANEL_PASSWORD=None, PANEL_USERNAME=None, PANEL_API_KEY=key)
    assert only(doctor(d, code=1), "nodes")["level"] == "failed"


@SCENES.scene
def access_is_tried_before_it_is_used(s):
    """--access: what stands in the .env named, asked from here, beside a daemon that works with another one."""
    sim = s.lab("--nodes", 2)
    d = s.daemon(sim)
    sim.wait(lambda: len(sim.streams()) == 2, 10)
    good = dict(d.settings)
    began = time.monotonic()
    found = doctor(d, "--access", code=0)
    took = time.monotonic() - began
    s.say(f"access tried in {took:.1f} s")
    assert took < 30 and {c["check"] for c in found["checks"]} == {
        "panel", "tls", "login", "certificate", "version", "permission", "node", "telegram"}
    assert levels(found, "node") == ["ok", "ok"]
    for changes, check in (({"PANEL_PASSWORD": "wrong"}, "login"), ({"PANEL_TLS_PIN": None}, "tls"),
                           ({"PANEL_DOMAIN": "https://127.0.0.1:9"}, "panel"),
                           ({"GENERAL_LIMIT": "lots"}, "settings"), ({"PANEL_PASSWORD": None}, "settings")):
        d.write_env(**{**good, **changes})
        found = doctor(d, "--access", code=1)
        failed = [c for c in found["checks"] if c["level"] == "failed"]
        assert [c["check"] for c in failed] == [check] and failed[0]["cure"], (changes, found)
        if check == "tls":
            assert f"PANEL_TLS_PIN={sim.pin}" in failed[0]["text"]
    key = sim.post("/keys", {"name": "deaf", "inherit": False, "permissions": {
        "users": {"read": {"scope": 2}}, "nodes": {"read": True}}})["key"]
    d.write_env(**{**good, "PANEL_API_KEY": key})
    found = doctor(d, "--access", code=1)
    assert {(c["check"], c["subject"]) for c in found["checks"] if c["level"] == "failed"} == {
        ("permission", "users update"), ("node", "node-1"), ("node", "node-2")}
    assert "nodes.logs" in only(found, "node", "node-1")["text"]
    assert "too little" in d.cli("doctor", "--access", "--bundle", "x", check=False).stderr
    d.write_env(**good)
    assert d.process.poll() is None and levels(doctor(d), "daemon") == ["ok"]


@SCENES.scene
def geo_data_is_looked_at(s):
    """Data that is not there: a warning, and a failure where the country filter needs it."""
    sim = s.lab("--nodes", 1)
    d = s.daemon(sim, GEOIP_COUNTRY_DB="/nowhere.mmdb")
    sim.wait(sim.streams)
    assert only(doctor(d, code=0), "geo", "country data")["level"] == "warning"
    d.cli("config", "set-country", "IR")
    row = d.wait(lambda: next((c for c in doctor(d)["checks"] if c["check"] == "geo"
                               and c["level"] == "failed"), None), 6, step=0.5)
    assert row["subject"] == "country data" and "geo update" in row["cure"]


@SCENES.scene
def the_bundle_betrays_nobody(s):
    sim = s.lab("--nodes", 2)
    for user in NAMES:
        sim.add_user(user)
    sim.call("PATCH", "/node/1", {"name": "Secret Berlin", "address": "berlin.hoster.example"})
    sim.call("PATCH", "/node/2", {"message_text": "customer_ali at 203.0.113.9 failed"})
    d = s.daemon(sim, start=False, GENERAL_LIMIT=1, IP_ALLOWLIST="198.51.100.0/24",
               API_PASSWORD="api-secret-77", IPINFO_TOKEN="ipinfo-secret-88")
    d.data_dir.mkdir()
    d.cli("user", "add", NAMES[0], 5)
    d.cli("except", "add", "pending_person")
    d.start()
    sim.wait(lambda: len(sim.streams()) == 2, 10)
    warm_up(d, sim, (1, 2))
    with Traffic(sim, *[Sharer(n, nodes=(1, 2)) for n in NAMES]):
        time.sleep(2)
        target = d.folder / "bundle.json"
        done = d.cli("doctor", "--bundle", target, check=False)
    assert "is written" in done.stdout, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    text = target.read_text()
    bundle = json.loads(text)
    assert {c["check"] for c in bundle["doctor"]["checks"]} >= {"panel", "node", "database"}
    ips = {ip for n in NAMES for ip in Sharer(n).ips}
    for word in [*NAMES, *ips, "pending_person", "admin-password", "api-secret-77",
                 "ipinfo-secret-88", "198.51.100.0", "203.0.113.9", "Secret Berlin",
                 "berlin.hoster.example", "127.0.0.1", sim.pin, str(d.folder)]:
        assert word not in text, word
    assert not re.search(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", text)
    # It is written once, never over something.
    assert d.cli("doctor", "--bundle", target, check=False).returncode == 1


outcomes = SCENES.fixture()
test_scene = SCENES.test()
