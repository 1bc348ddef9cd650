# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bot's frame in the whole daemon: menus, settings, free input, strangers."""


def test_menu_opens(daemon, lab, telegram):
    ali = telegram.user("Ali")
    zoe = telegram.user("Zoe", started=True)
    daemon(lab("--http"), ADMIN_IDS=ali.id, **telegram.settings)
    ali.ask("/start", "Main menu")
    ali.go("Help")
    ali.chat.wait("/cancel")
    ali.go("Home")
    zoe.ask("/start", "You are not one of them")
    zoe.say("/start")
    ali.ask("/start", "Main menu")
    assert len(zoe.chat.from_bot) == 1
