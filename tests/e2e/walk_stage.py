# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stage of the walk: a panel, a daemon and lists in which every situation of the menus occurs, and what
is written where the bot asks for a text."""

import datetime
import re
import threading
import time

import mmdb
from bot_stage import NAMES, REASON, Stage
from daemon import Sharer, Traffic, warm_up
from webhook_receiver import Receiver

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
    "fallback_group_id": "1", "persistent_span": "60", "content_networks": "/networks/none",
}
# Whatever is written there is right.
ANYTHING = {"ipinfo_token", "webhook_secret", "block_outbounds", "cdn_inbounds", "admin_filter", "content_networks"}
NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)")
LONG = "x" * 4000
HOOK_SECRET = "a-key-of-the-webhook-0123456789"
PHRASE = "correct horse battery"
NO_GROUP = -1001234567890
MANY = [*NAMES, *(f"user_{i}" for i in range(40, 130))]
JUDGED, WATCHED = MANY[-18:-14], MANY[-14:]
FREE = [[f"free{i}_{n}" for n in "abc"] for i in range(8)]  # disabled by a rule that is changed later
TERM = 100_000  # what a disabled one has before him, in seconds


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
        self.receiver = Receiver(HOOK_SECRET) if names else None
        if self.receiver:
            settings.update(WEBHOOK_URL=self.receiver.url, WEBHOOK_SECRET=HOOK_SECRET)
        super().__init__(*args, names=names, LOG_LEVEL="DEBUG", NODE_GUARD="off", **settings)
        self.to_be_online = names[-32:-18]
        self.key = self.sim.post("/keys", {"name": "walk", "inherit": True})["key"]
        self.config = {r["key"]: r for r in self.daemon.get("/config")["data"]}
        self.used = 0
        self.rounds = 0
        self.refilling = threading.Lock()
        self.more_traffic = []
        self.language = settings.get("language", "en")
        self.more_online = []

    @property
    def words(self):
        return [*super().words, GROUP, *(n for _, n in GEO.values()), "New",
                *(f"{n}{i}" for n in ("newcomer", "nova") for i in range(4)),
                *(f"moved_{i}" for i in range(20)), "gone_one", *(n for names in FREE for n in names),
                *(f"{n}_{r}_{i}" for n in ("again", "late") for r in range(9) for i in range(6)), "Team", "Ops", "before-", "limiter", "blackhole", "hello there", "zzzzzz", *(self.receiver.url.split("/") if self.receiver else ()),
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
        self.recreate()
        sim.add_user("gone_one")  # another one under that name
        self.listed()
        self.strangers()
        d.sql("UPDATE users SET gone_at = gone_at - 30 * 86400000 WHERE gone_at > 0")
        self.expected()
        sim.node(3, "down")
        return self

    def expected(self):
        """Rules for names that the panel does not know yet: it cannot be asked."""
        away = self.sim.fault("status", "/api/user*", method="GET", status=503, count=-1,
                              body={"detail": "later"})
        for i in range(4):
            self.post("/users/limits", {"username": f"newcomer{i}", "limit": 4}, range(200, 500))
            self.post("/users/except", {"username": f"nova{i}", "reason": "walk"}, range(200, 500))
        self.sim.call("DELETE", "/faults", {"id": away["id"]})

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
        """Verdicts of some, then others under monitoring, who stay so. Some of those disabled by a verdict would
        not be by the rules that come afterwards."""
        nodes = tuple(self.nodes)[:2]
        self.sim.post("/users", {"users": [{"username": n} for names in FREE for n in names]})
        assert self.daemon.call("PATCH", "/config", {"time_to_active_users": TERM})[0] == 200
        self.listed()
        warm_up(self.daemon, self.sim, nodes)
        judged = [*JUDGED, *(n for names in FREE for n in names)]
        with Traffic(self.sim, *(Sharer(n, 3, nodes=nodes, block=40 + i) for i, n in enumerate(judged))):
            for name in judged:
                self.daemon.wait_state(name, "applied", 90)
        for name in JUDGED:
            self.post(f"/users/disabled/id:{self.ids[name]}/enable", {})
        assert self.daemon.call("PATCH", "/config", {"monitoring_period": 3600})[0] == 200
        self.free = iter(FREE)
        self.more_online = [Sharer(n, 3, nodes=nodes, block=60 + i) for i, n in enumerate(WATCHED)]
        self.change_rules()
        return self

    def change_rules(self):
        """Some who are disabled would not be any more."""
        for name in next(self.free, ())[:1]:
            self.post("/patterns?confirm=true", {"kind": "prefix", "pattern": name[:-1], "limit": 0},
                      expected=(200, 201, 409))

    def ready(self):
        """Waits until the daemon has begun anew, where it was about to."""
        def asked(*request):
            try:
                return d.call(*request)
            except OSError:  # it is not there, or not yet at it
                return 0, {}

        def begun():
            told = d.logged("everything starts anew")
            status, body = asked("GET", "/status")
            return status == 200 and "started" in body and (
                not told or datetime.datetime.fromisoformat(body["started"]).timestamp() >= told[-1].at)
        d = self.daemon
        d.wait(begun, 60, "a new beginning", step=0.2)
        d.wait(lambda: asked("POST", "/cleanup?dry_run=true", {})[0] == 200, 60, "the panel's users")

    def refill(self):
        """What walkers used up is there again."""
        with self.refilling:
            self.fill_again()

    def fill_again(self):
        self.ready()
        any_answer = range(200, 500)
        for i, name in enumerate(self.to_limit):
            self.post("/users/limits", {"username": name, "limit": i % 5 + 1}, any_answer)
        for name in self.to_except:
            self.post("/users/except", {"username": name, "reason": REASON}, any_answer)
        for name in self.to_disable:
            self.post(f"/users/id:{self.ids[name]}/disable", {"hand": True, "reason": "asked"}, any_answer)
        self.watch()
        self.daemon.sql("UPDATE violations SET forgiven_at = NULL, forgiven_by = NULL")
        self.recreate()
        self.strangers()
        self.expected()
        self.change_rules()

    def visits(self):
        """The pages of those whom something was done to, who may stand far down the lists."""
        return [f"{screen}|id:{self.ids[name]}" for name in JUDGED for screen in ("suvio", "scard")]

    def config_set(self, **settings):
        status, told = self.daemon.call("PATCH", "/config?confirm=true", settings, timeout=60)
        if status >= 300:
            print(f"not prepared: {settings}: {told}", flush=True)

    def prepare(self, place, kinds):
        """What has to be so that these buttons are there: a list that has entries, a setting that differs."""
        self.ready()
        for kind in (place.removeprefix("ask:"), *kinds):
            name, _, rest = kind[1:].partition("|")
            key, _, value = rest.partition("|")
            if kind[0] == "s" and name == "set" or name in ("put", "empty", "reset", "ldel", "ladd", "val"):
                self.prepare_setting(name, key, value)
            elif name in ("gfclr", "gfset", "gfmode"):
                self.config_set(group_filter_mode="exclude", group_filter="1")
            elif name in ("afclr", "afset", "afmode"):
                self.config_set(admin_filter_mode="exclude", admin_filter="admin")
            elif name == "hooktest":
                self.config_set(webhook_url=self.receiver.url, webhook_secret=HOOK_SECRET)
            elif name.startswith("st") or name == "step":
                self.config_set(punishment_steps=None)
        if place.startswith("ask:"):
            self.config_set(enforcement="on")

    def prepare_setting(self, name, key, value):
        about_admins = {"admin_filter_mode": "exclude"} if key == "admin_filter" else {}
        if key == "admin_filter" and name == "ladd":  # others come in
            self.config_set(admin_filter="reseller_one", admin_filter_mode="include")
            return
        if key == "general_limit":  # few have more devices now, many would
            self.config_set(general_limit=9)
        elif key in ("admin_filter_mode", "group_filter_mode"):  # others are judged then
            self.config_set(**{key: "exclude", key.removesuffix("_mode"): "admin" if "admin" in key else "1"})
        elif key == "group_by":
            self.config_set(group_by="isp" if value == "subnet" else "subnet")
        elif key not in self.config:
            return
        elif name in ("empty", "ldel", "set", "reset") and key in TEXTS:
            self.config_set(**about_admins, **{key: TEXTS[key]})
        else:  # to be put, or added to a list
            self.config_set(**{key: None})

    def watch(self):
        """Others who are over their limit and not judged yet."""
        names = [f"late_{self.rounds}_{i}" for i in range(6)]
        self.sim.post("/users", {"users": [{"username": n} for n in names]})
        self.more_traffic.append(Traffic(self.sim, *(
            Sharer(n, 3, nodes=tuple(self.nodes)[:2], block=90 + 6 * self.rounds + i) for i, n in enumerate(names))))
        self.more_traffic[-1].__enter__()

    def close(self):
        for traffic in self.more_traffic:
            traffic.__exit__(None, None, None)
        if self.receiver:
            self.receiver.close()
        super().close()

    def strangers(self):
        """Admins who may be taken away; they are no walkers."""
        for role in ("viewer", "viewer", "operator"):
            self.admin(role, self.language)

    def recreate(self):
        """Others under the names of users with rules who are gone."""
        self.rounds += 1
        names = [f"again_{self.rounds}_{i}" for i in range(6)]
        old = self.sim.post("/users", {"users": [{"username": n} for n in names]})["ids"]
        self.listed()
        for i, user in enumerate(old):
            self.post(*(("/users/limits", {"username": f"id:{user}", "limit": 3}) if i % 2 else
                        ("/users/except", {"username": f"id:{user}", "reason": REASON})))
            self.sim.call("DELETE", f"/user/{user}")
        self.sim.post("/users", {"users": [{"username": n} for n in names]})
        self.listed()

    def online(self):
        super().online()
        self.traffic.users.extend(self.more_online)
        return self

    def keep_backup(self, folder):
        """What is restored later."""
        self.daemon.cli("backup", folder / "backup.zip")
        self.backup = (folder / "backup.zip").read_bytes()
        (folder / "phrase").write_text(PHRASE)
        self.daemon.cli("backup", folder / "sealed.zip", "--passphrase-file", folder / "phrase")
        self.sealed = (folder / "sealed.zip").read_bytes()

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

    def fallback_group(self):
        """A group that is not the one of disabled users."""
        now = next(r["value"] for r in self.daemon.get("/config")["data"] if r["key"] == "disabled_group_id")
        return "2" if now == "1" else "1"

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
            if about == "fallback_group_id":
                return {**bad, "good": lambda u: u.say(self.fallback_group())}
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
            "baks": {"bad_short": "short", "good": PHRASE},
            "respw": {"bad_wrong": "wrong horse battery", "good": PHRASE},
            "res": {"bad_text": "here you are",
                    "good": lambda u: u.send_file("b.zip", self.backup),
                    "good_sealed": lambda u: u.send_file("s.zip", self.sealed)},
        }[name]
        if name in ("admnew", "topg", "res"):
            del bad["bad_long"]
        if name == "res":
            told["other_file"] = bad.pop("bad_file")
        return {**bad, **told}
