"""The way to Telegram: pacing, outages, deaths, a proxy, a token that is revoked.

Rows are put into the outbox while the daemon is down, as an earlier life of it would have left them.
"""

import collections
import json
import time

import pytest

AGAIN = "🔁 "


def row(d, chat, text, method="sendMessage", **more):
    values = {"created_at": int(time.time() * 1000), "chat_id": chat, "thread_id": None, "method": method,
              "params": json.dumps({"text": text, "parse_mode": "HTML"}), "slot": None, "edit": 0,
              "state": "waiting", **more}
    d.sql(f"INSERT INTO outbox({', '.join(values)}) VALUES({', '.join('?' * len(values))})",
          *values.values())


@pytest.fixture
def idle(lab, daemon):
    """A factory of daemons that ran once, so that their database is there; not running."""
    def make(telegram, **settings):
        d = daemon(lab(), **telegram.settings, **settings)
        d.stop()
        return d
    return make


def texts(room):
    return [m.text for m in room.from_bot]


def waiting(d):
    return d.status()["telegram"]["waiting"]


def test_what_waits_is_delivered_in_order(idle, telegram):
    d = idle(telegram)
    users = [telegram.user(f"U{i}") for i in range(3)]
    for i in range(4):
        for u in users:
            row(d, u.id, f"message {i}")
    d.start()
    d.wait(lambda: waiting(d) == 0, 15)
    for u in users:
        assert texts(u.chat) == [f"message {i}" for i in range(4)]
    status = d.status()["telegram"]
    assert status["state"] == "ok" and status["bot"] and status["delivered"] == 12
    assert d.sql("SELECT * FROM outbox") == []
