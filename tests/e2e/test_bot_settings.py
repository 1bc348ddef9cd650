# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each dynamic setting, changed by pressing and writing under Settings › All settings."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from bot_stage import is_notice, menu_of, show
from patience import deadline

TEXTS = {
    "country_code": "IR", "ipinfo_token": "a-token-0123456789",
    "webhook_url": "https://127.0.0.1:9/hook", "webhook_secret": "a-hook-secret-0123456789",
    "geoip_country_url": "https://127.0.0.1:9/c.mmdb", "geoip_asn_url": "https://127.0.0.1:9/a.mmdb",
    "geo_providers": "ip-api", "geo_provider_urls": "ip-api=http://127.0.0.1:9/{ip}",
    "ip_allowlist": "192.0.2.0/24", "ignored_ips": "192.0.2.1", "block_outbounds": "BLACK",
    "cdn_inbounds": "VLESS CDN", "cdn_nodes": "1", "disabled_nodes": "1", "group_limits": "1=3",
    "group_modes": "1=shadow", "group_filter": "1", "admin_filter": "admin",
    "punishment_steps": "45m", "daily_summary_hour": "7", "disabled_group_id": "1",
    "fallback_group_id": "2",
    "persistent_span": "60",  # one more than now is too long, unless persistent_window was changed before
}
# A file that has to be there; and what has one value only as long as the others have no effect.
LEFT_OUT = {"content_networks", "sources"}
YES = "✅ Yes", "✅ بله"
AFTER = {"disable_method", "group_filter_mode", "admin_filter_mode"}  # need what others say
NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)")


def config(d):
    return {r["key"]: r for r in d.get("/config")["data"]}


def buttons(message):
    return [b for row in message.buttons for b in row if b.get("callback_data")]


def other(row):
    """A number that is allowed and is not the present one."""
    low, high = map(float, NUMBERS.search(row["allowed"]).groups())
    now = float(row["value"])
    new = next((n for n in (now + 1, now - 1) if low <= n <= high), (low + high) / 2)
    assert low <= new <= high
    return f"{new:.10g}"


def change(ali, row):
    """Gives a setting another value by whatever its page offers: (how, the value)."""
    key = row["key"]
    offered = [b["callback_data"] for b in buttons(menu_of(ali))]
    writes = next((b for b in offered if re.match(r"i(val|sec|ladd)\|", b)), None)
    if writes:
        value = TEXTS.get(key) or other(row)
        show(ali, writes)
        ali.ask(value, lambda m: not is_notice(m))
        return "written", value
    choice = next(b for b in offered if b.startswith("aput|") and
                  not b.endswith("|" + row["value"]))
    show(ali, choice)
    return "pressed", choice.rsplit("|", 1)[1]


def listed(ali):
    """Where each setting's page is reached from All settings: {key: target}."""
    found = {}
    for section in [b["callback_data"] for b in buttons(show(ali, "sall"))]:
        if section.startswith("ssec|"):
            found |= {b["callback_data"].split("|")[1]: b["callback_data"]
                      for b in buttons(show(ali, section)) if b["callback_data"].startswith("sset|")}
    return found


def change_all(ali, d, pages, rows):
    """Changes settings one by one: {key: (how, value)}."""
    given = {}
    for key, page in pages:
        show(ali, page)
        given[key] = change(ali, rows[key])
        end = deadline(5)
        while config(d)[key]["origin"] != "database":
            assert time.monotonic() < end, f"{key} {given[key]}\n{ali.chat.text(2)}"
            yes = next((b for b in buttons(menu_of(ali)) if b["text"].startswith(YES)), None)
            if yes:
                show(ali, yes["callback_data"])
            time.sleep(0.1)
    return given


def test_every_setting_changed_in_the_bot_is_in_force(daemon, lab, telegram):
    owners = [telegram.user(name) for name in ("Ali", "Sara", "Omid", "Nima", "Mina", "Reza", "Zari")]
    sim = lab("--http")
    assert sim.post("/groups", {"name": "gold", "inbound_tags": ["VLESS TCP 1"]})["id"] == 2
    d = daemon(sim, ADMIN_IDS=",".join(str(o.id) for o in owners), **telegram.settings)
    d.wait_log("users known", 15)
    for one in owners:
        one.ask("/start", "Main menu")
    before = config(d)
    wanted = {k for k, r in before.items() if r["kind"] == "dynamic"} - LEFT_OUT
    pages = {k: v for k, v in listed(owners[0]).items() if k not in LEFT_OUT}
    assert pages.keys() == wanted
    early = [p for p in pages.items() if p[0] not in AFTER]
    # A chat takes a message a second, so they share the work.
    with ThreadPoolExecutor(len(owners)) as pool:
        parts = list(pool.map(lambda i: change_all(owners[i], d, early[i::len(owners)], before),
                              range(len(owners))))
    given = {k: v for part in parts for k, v in part.items()}
    given |= change_all(owners[0], d, [(k, pages[k]) for k in sorted(AFTER)], before)
    now = config(d)
    wrong = {k: (v, now[k]["value"]) for k, (how, v) in given.items()
             if not now[k]["secret"] and v not in now[k]["value"].split(",")}
    assert not wrong
    assert {how for how, _ in given.values()} == {"written", "pressed"}
    shown = {r["key"]: r["value"] for r in json.loads(d.cli("config", "show", "--json"))["data"]}
    assert shown == {k: r["value"] for k, r in now.items()}
