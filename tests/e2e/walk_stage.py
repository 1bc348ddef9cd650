# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stage of the walk: a panel, a daemon and lists in which every situation of the menus occurs, and what
is written where the bot asks for a text."""

import re
import time

import mmdb
from bot_stage import NAMES, Stage
from daemon import Sharer, Traffic, warm_up

GROUP = "gold"
GEO = {"5.0.0.0/8": ("IR", "Walk ISP"), "31.0.0.0/8": ("DE", "Walk Net"), "57.0.0.0/8": ("IR", "Walk ISP")}
# What is written for settings that are no numbers; others get a number next to the present one.
TEXTS = {
    "country_code": "IR", "ipinfo_token": "a-token-0123456789",
    "webhook_url": "https://127.0.0.1:9/hook", "webhook_secret": "a-hook-secret-0123456789",
    "geoip_country_url": "https://127.0.0.1:9/c.mmdb", "geoip_asn_url": "https://127.0.0.1:9/a.mmdb",
    "geo_providers": "ip-api", "geo_provider_urls": "ip-api=http://127.0.0.1:9/{ip}",
    "ip_allowlist": "192.0.2.0/24", "ignored_ips": "192.0.2.1", "block_outbounds": "BLACK",
    "cdn_inbounds": "VLESS CDN", "cdn_nodes": "1", "disabled_nodes": "1", "group_limits": "1=3",
    "group_modes": "1=shadow", "group_filter": "1", "admin_filter": "admin",
    "punishment_steps": "45m", "daily_summary_hour": "7", "disabled_group_id": "2",
    "fallback_group_id": "1",
}
# Whatever is written there is right.
ANYTHING = {"ipinfo_token", "webhook_secret", "block_outbounds", "cdn_inbounds", "admin_filter"}
NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)")
LONG = "x" * 4000
NO_GROUP = -1001234567890
MANY = [*NAMES, *(f"user_{i}" for i in range(40, 130))]
JUDGED, WATCHED = MANY[-18:-14], MANY[-14:]


class WalkStage(Stage):
    """A Stage with more on it. `geo`: with databases of countries and providers; `folder` to put them."""

    def __init__(self, *args, folder, geo=True, names=MANY, **settings):
        if geo:
            for name, kind, row in (("COUNTRY", "country", lambda c, n: {"country": {"iso_code": c}}),
                                    ("ASN", "asn", lambda c, n: {
                                        "autonomous_system_number": 64500 + len(n),
                                        "autonomous_system_organization": n})):
                path = folder / f"{kind}.mmdb"
                path.write_bytes(mmdb.database({k: row(*v) for k, v in GEO.items()}))
                settings[f"GEOIP_{name}_DB"] = path
        super().__init__(*args, names=names, LOG_LEVEL="DEBUG", **settings)
        self.to_be_online = names[-32:-18]
        self.key = self.sim.post("/keys", {"name": "walk", "inherit": True})["key"]
        self.config = {r["key"]: r for r in self.daemon.get("/config")["data"]}
        self.used = 0
        self.more_online = []

    @property
    def words(self):
        return [*super().words, GROUP, *(n for _, n in GEO.values()), "New",
                *(f"{n}{i}" for n in ("newcomer", "nova") for i in range(4)),
                *(f"moved_{i}" for i in range(20)), "gone_one", "Team", "Ops", "blackhole", "hello there", "zzzzzz",
                *(v for v in TEXTS.values()), "walk"]

    def say_all(self, *users, language):
        """Each has the language for himself, whatever bot_language will be."""
        for user in users:
            self.daemon.call("PUT", f"/admins/{user.id}/language", {"language": language})

    def more(self):
        """Every situation that a menu knows of."""
        sim, d = self.sim, self.daemon
        self.group_id = sim.post("/groups", {"name": GROUP, "inbound_tags": ["VLESS TCP 1"]})["id"]
        for i, kind in enumerate(("prefix", "suffix")):
            self.post("/filters/admins/patterns", {"kind": kind, "pattern": f"q{i}_",
                                                   "admin": "reseller_one"})
        moved = sim.post("/users", {"users": [{"username": f"moved_{i}"} for i in range(20)]})["ids"]
        gone = sim.add_user("gone_one")
        stuck, lost, failing = moved[:12], moved[12:18], moved[18]
        self.listed()
        for user in (*lost, gone):
            self.post("/users/limits", {"username": f"id:{user}", "limit": 3})
        self.post(f"/users/id:{failing}/disable", {"minutes": 600})
        sim.fault("status", f"/api/user/by-id/{failing}*", method="PUT", status=503, count=-1,
                  body={"detail": "later"})
        d.call("POST", f"/users/disabled/id:{failing}/enable", {}, timeout=60)
        for user in stuck:
            sim.call("PATCH", f"/user/{user}", {"status": "disabled", "edit_at": time.time()})
        for user in (*lost, gone):
            sim.call("DELETE", f"/user/{user}")
        sim.add_user("gone_one")  # another one under that name
        self.listed()
        d.sql("UPDATE users SET gone_at = gone_at - 30 * 86400000 WHERE gone_at > 0")
        away = sim.fault("status", "/api/user*", method="GET", status=503, count=-1,
                         body={"detail": "later"})
        for i in range(4):
            self.post("/users/limits", {"username": f"newcomer{i}", "limit": 4})
            self.post("/users/except", {"username": f"nova{i}", "reason": "walk"})
        sim.call("DELETE", "/faults", {"id": away["id"]})
        sim.node(3, "down")
        return self

    def providers(self):
        self.to_be_online = [*self.to_be_online, *(n for n in (*JUDGED, *WATCHED) if n in self.names)]
        try:
            return super().providers()
        finally:
            self.to_be_online = self.names[-32:-18]

    def listed(self):
        """The panel's users are read anew."""
        self.daemon.wait(lambda: self.daemon.call("POST", "/cleanup?dry_run=true", {})[0] == 200, 15)

    def cases(self):
        """Verdicts of some, then others under monitoring, who stay so."""
        nodes = tuple(self.nodes)[:2]
        warm_up(self.sim, nodes)
        with Traffic(self.sim, *(Sharer(n, 3, nodes=nodes, block=40 + i) for i, n in enumerate(JUDGED))):
            for name in JUDGED:
                self.daemon.wait_state(name, "restored", 90)
        assert self.daemon.call("PATCH", "/config", {"monitoring_period": 3600})[0] == 200
        self.more_online = [Sharer(n, 3, nodes=nodes, block=60 + i) for i, n in enumerate(WATCHED)]
        return self

    def online(self):
        super().online()
        self.traffic.users.extend(self.more_online)
        return self

    def keep_backup(self, folder):
        """What is restored later."""
        self.daemon.cli("backup", folder / "backup.zip")
        self.backup = (folder / "backup.zip").read_bytes()

    def group(self, *owners, use=True):
        self.room = self.telegram.group("Team", *owners, forum=True)
        if use:
            self.post("/topics", {"group": self.room.id}, method="PUT")

    def post(self, path, body, expected=(200, 201), method="POST"):
        status, told = self.daemon.call(method, path, body, timeout=60)
        assert status in expected, (path, body, status, told)
        return told

    # -- what is written -----------------------------------------------------------------------

    def number(self, key):
        """A number that a setting may have, and has not."""
        row = self.config[key]
        low, high = map(float, NUMBERS.search(row["allowed"]).groups())
        now = float(row["value"])
        return f"{next((n for n in (now + 1, now - 1) if low <= n <= high), (low + high) / 2):.10g}"

    def new_id(self):
        self.used += 1
        self.telegram.user(f"New {self.used}", id=700_000_000 + self.used)
        return str(700_000_000 + self.used)

    def answers(self, place):
        """{name: what is written} for a prompt; bad answers are refused, good ones end it."""
        name, _, about = place[1:].partition("|")  # `bad…` is refused, `good…` ends it, others do either
        bad = {"bad_long": LONG, "bad_file": lambda u: u.send_file("x.zip", b"PK no zip")}
        if name in ("val", "sec", "ladd"):
            if about not in ANYTHING:
                bad["bad_word"] = "⛔ no such thing ⛔"
            if about in ANYTHING:
                bad["other_long"] = bad.pop("bad_long")
            return {**bad, "good": TEXTS[about] if about in TEXTS else self.number(about)}
        told = {
            "find": {"bad_none": "zzzzzz"} if not self.names else {"good_many": "user_", "good_one": "user_20", "good_near": "usr_021",
                     "good_odd": "x" * 128, "bad_none": "zzzzzz"},
            "excr": {"good": "walk"},
            "dsm": {"bad_word": "soon", "bad_zero": "0", "good": "90"},
            "setl": {"bad_word": "many", "bad_minus": "-1", "good": "7", "good_persian": "۸"},
            "setp": {"bad_word": "many", "bad_none": "6"},
            "plimt": {"good": lambda u: u.say(f"w{self.new_id()[-3:]}_")},
            "pliml": {"bad_word": "many", "good": "3"},
            "pownt": {"good": lambda u: u.say(f"v{self.new_id()[-3:]}_")},
            "pownl": {"good": "reseller_two"},
            "step": {"bad_word": "soon", "good": "45m"},
            "admnew": {"bad_name": "@zoe", "bad_hidden": lambda u: u.forward("hi", hidden_name="Zoë"),
                       "good": lambda u: u.say(self.new_id()),
                       "good_again": lambda u: u.say(self.new_id())},
            "topg": {"bad_word": "here", "bad_unknown": str(NO_GROUP),
                     "good": lambda u: u.say(str(self.room.id))},
            "pandom": {"bad_word": "not an address", "good": self.sim.url},
            "panuser": {"good": "admin"},
            "panpass": {"bad_wrong": "not-the-password", "good": "admin-password"},
            "pankey": {"bad_wrong": "pg_key_wrong", "good": self.key},
            "baks": {"bad_short": "short", "good": "correct horse battery"},
            "res": {"bad_text": "here you are",
                    "good": lambda u: u.send_file("b.zip", self.backup)},
        }[name]
        if name in ("admnew", "topg", "res"):
            del bad["bad_long"]
        if name == "res":
            told["other_file"] = bad.pop("bad_file")
        return {**bad, **told}
