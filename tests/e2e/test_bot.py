# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bot's frame in the whole daemon: Main, Settings, free input, strangers."""

import contextlib
import stat

import pytest


@pytest.fixture
def owner(daemon, lab, telegram):
    """An owner with the menu open: (ali, daemon, telegram)."""
    ali = telegram.user("Ali")
    d = daemon(lab("--http"), ADMIN_IDS=ali.id, **telegram.settings)
    ali.ask("/start", "Main menu")
    return ali, d, telegram


def value(d, key):
    rows = d.get("/config")["data"]
    return next(row["value"] for row in rows if row["key"] == key)


def test_strangers_change_nothing(owner):
    ali, _, telegram = owner
    zoe = telegram.user("Zoe", language="ru")
    zoe.ask("/start", "Этот бот")
    zoe.say("/start")
    zoe.say("hello")
    ali.go("Help")
    ali.chat.wait("/cancel")
    assert len(zoe.chat.from_bot) == 1


def test_settings_are_what_config_shows(owner):
    ali, d, _ = owner
    ali.go("Settings", "Check interval", "2 min")
    ali.chat.wait("✅ ⏱ Check interval: 2 min")
    assert value(d, "check_interval") == "120"
    ali.go("Other value")
    ali.ask("soon", "Write it again")
    ali.ask("5", "10 to 3600")
    ali.ask("۹۰", "Check interval: 1 min 30 s")
    assert value(d, "check_interval") == "90"
    ali.go("Back to the default", "🔙", "Enhanced details", "⬜ off")
    ali.chat.wait("Enhanced details: off")
    assert value(d, "enhanced_details") == "false"
    ali.go("🔙", "Country code", "⬜ IR")
    ali.chat.wait("Country code: IR")
    ali.go("Add")
    ali.ask("ru", "Country code: IR,RU")
    assert value(d, "country_code") == "IR,RU"
    ali.go("🗑 IR")
    ali.chat.wait("Country code: RU")
    ali.go("Home", "Settings", "Shadow mode", "shadow", "Yes")
    ali.chat.wait("Enforcement is now: shadow")
    assert value(d, "enforcement") == "shadow"


def test_punishment_steps(owner):
    ali, d, _ = owner
    ali.go("Settings", "Punishment", "Switch on")
    ali.chat.wait("is on")
    ali.go("Add a step", "Other time")
    ali.ask("45m", "45 min")
    assert value(d, "punishment_steps") == "warn,10m,30m,60m,24h,45m"
    ali.go("6. 🔒 45 min", "Earlier")
    ali.chat.wait("6. 🔒 1 d")
    ali.go("1. ⚠️", "Remove this step")
    ali.chat.wait("1. 🔒 10 min")
    assert value(d, "punishment_steps") == "10m,30m,60m,45m,24h"
    stale = ali.find_button("10 min")[1]["callback_data"]
    ali.go("Default steps", "Yes")
    ali.chat.wait("1. ⚠️ Warning")
    ali.press(data=stale, on=ali.chat.last, force=True)
    ali.chat.wait("Somebody has changed this")


def test_filters_and_nodes_are_picked(owner):
    ali, d, _ = owner
    ali.go("Settings", "Group filter")
    group = ali.find_button(" (")[1]["text"]
    ali.go(group)
    ali.chat.wait("Only users of the entries")
    assert value(d, "group_filter")
    ali.go("Switch the filter off", "Yes")
    ali.chat.wait("The filter is off")
    assert value(d, "group_filter") == ""
    ali.go("all but these")
    ali.go("🔙", "CDN and nodes")
    ali.press(at=(0, 0))
    ali.chat.wait("CDN nodes: 1")
    assert value(d, "cdn_nodes") == "1"
    ali.go("🔙", "Patterns", "Limit patterns", "Beginning")
    ali.ask("vip_", "How many devices")
    ali.ask("many", "Write it again")
    ali.ask("4", "begins with vip_: 4")
    assert d.get("/patterns")["data"][0]["limit"] == 4
    ali.go("🗑 vip_", "Yes")
    ali.chat.wait("There is no pattern")


def test_input_ends(owner):
    ali, d, telegram = owner
    ali.go("Settings", "Check interval", "Other value", "Cancel")
    ali.ask("100", "not waiting")
    assert value(d, "check_interval") != "100"
    ali.ask("/start", "Main menu")
    ali.go("Settings", "Check interval", "Other value")
    ali.ask("/help", "/cancel")
    ali.ask("100", "not waiting")
    ali.ask("/set_check_interval 75", "1 min 15 s")
    assert value(d, "check_interval") == "75"


def is_deleted(telegram, user, text):
    """Waits until no message with such a text is there any more; the answer to it may come first."""
    telegram.wait(lambda: not any(text in (m.text or "") for m in user.chat.messages),
                  what=lambda: f"{text!r} is deleted in\n{user.chat.text()}")


def test_panel_access_is_tried_first(owner):
    ali, d, telegram = owner
    ali.go("Settings", "Panel access", "Login and password")
    ali.ask("admin", "Write the password")
    ali.ask("wrong-password", "Refused")
    assert not (d.data_dir / "secrets.env").exists()
    is_deleted(telegram, ali, "wrong-password")
    d.check_log()


def test_panel_access_is_kept_and_used(owner):
    ali, d, telegram = owner
    ali.go("Settings", "Panel access", "Login and password")
    ali.ask("admin", "Write the password")
    ali.ask("admin-password", "The panel accepts it")
    assert stat.S_IMODE((d.data_dir / "secrets.env").stat().st_mode) == 0o600
    is_deleted(telegram, ali, "admin-password")
    d.wait_log("everything starts anew with it", 60)
    d.wait_log("settings from", 60, count=2)  # a second life in the same process

    def is_used():
        with contextlib.suppress(OSError):  # between the two lives nobody listens
            rows = d.get("/config")["data"]  # of the life before for a moment more
            return (next(r["origin"] for r in rows if r["key"] == "panel_password") == "secrets.env" and
                    d.status()["panel"]["up"])
        return False
    d.wait(is_used, 60, "the new password is used")
    ali.ask("/start", "Main menu")
    assert not [m for m in ali.chat.messages if "backup was put" in (m.text or "")]
