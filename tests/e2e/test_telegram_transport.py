"""The daemon's way to Telegram: what waited, an hour without it and two deaths, a revoked token, proxies.

Rows are put into the outbox while the daemon is down, as an earlier life of it would have left them.
"""

import json
import time

import pytest
from daemon import built_with

AGAIN = "🔁 "


@pytest.fixture
def idle(lab, daemon):
    """A factory of daemons that ran once, so that their database is there; not running."""
    def make(telegram, *, first=True, **settings):
        d = daemon(lab(), start=False, LOG_LEVEL="DEBUG", **{**telegram.settings, **settings})
        if first:
            d.start()
            d.stop()
        return d
    return make


def put(d, chat, text, **more):
    values = {"created_at": int(time.time() * 1000), "chat_id": chat, "method": "sendMessage",
              "params": json.dumps({"text": text}), "edit": 0, "state": "waiting", **more}
    d.sql(f"INSERT INTO outbox({', '.join(values)}) VALUES({', '.join('?' * len(values))})",
          *values.values())


def texts(room, word="message"):
    return [m.text for m in room.from_bot if word in m.text]


def told(d):
    return d.status()["telegram"]


def empty(d):
    return d.sql("SELECT count(*) AS n FROM outbox")[0]["n"] == 0


def test_an_hour_without_telegram_and_two_deaths(idle, telegram):
    """The clock runs 360 times as fast. Nothing is lost, nothing comes twice, the order is kept."""
    if not built_with("PG_TIME_SCALE"):
        pytest.skip("needs a build with -Dtest_clock=true")
    d = idle(telegram)
    users = [telegram.user(f"U{i}") for i in range(6)]
    origin = time.time()
    speed = {"PG_TIME_SCALE": "360", "PG_TIME_ORIGIN": repr(origin)}
    for i in range(4):
        for u in users:
            put(d, u.id, f"message {i}", slot=f"s{i}", edit=i % 2)
    telegram.outage("refuse")
    doubts = 0  # killed in the middle of an attempt: such a one bears the sign, since it may have arrived
    for patience in (2, 3):
        since = len(d.log)
        d.start(environment=speed)
        d.wait_log("telegram .*cannot be reached", 60, since=since)
        d.wait(lambda: told(d)["waiting"] == 24, 60)
        time.sleep(patience)
        d.kill()
        doubts += d.sql("SELECT count(*) AS n FROM outbox WHERE state='sending'")[0]["n"]
    d.start(environment=speed)
    d.wait(lambda: time.time() - origin > 10.5, 60)
    telegram.recover()
    back = time.monotonic()
    d.wait(lambda: told(d)["waiting"] == 0, 120)
    seconds = time.monotonic() - back
    d.wait(lambda: empty(d), 60)
    print(f"\n24 messages, {(time.time() - origin) * 360 / 60:.0f} min of the daemon's time away, "
          f"delivered {seconds:.1f} s after the return")
    for u in users:
        assert [t.removeprefix(AGAIN) for t in texts(u.chat)] == [f"message {i}" for i in range(4)]
    assert sum(t.startswith(AGAIN) for u in users for t in texts(u.chat)) <= doubts
    kept = d.sql("SELECT chat_id, slot, message_id FROM messages")
    assert len(kept) == 24 and {(k["chat_id"], k["message_id"]) for k in kept} == {
        (u.id, m.id) for u in users for m in u.chat.from_bot if "message" in m.text}


def test_a_row_in_doubt_is_sent_again_with_a_sign(idle, telegram):
    d = idle(telegram)
    user = telegram.user("Ali")
    put(d, user.id, "message 1", state="sending")
    put(d, user.id, "message 2")
    put(d, user.id, "message of last week", created_at=int((time.time() - 8 * 86400) * 1000))
    d.start()
    d.wait_log("sent again, with a sign", 60)
    d.wait(lambda: empty(d), 60)
    assert texts(user.chat) == [AGAIN + "message 1", "message 2"]
    d.wait_log("given up: it could not be delivered within 7 days", 60)
    d.wait(lambda: (told(d)["given_up"], told(d)["delivered"]) == (1, 2), 60)


def test_a_stop_leaves_nothing_in_doubt(idle, telegram):
    d = idle(telegram)
    users = [telegram.user(f"U{i}") for i in range(20)]
    telegram.fault("delay", "sendMessage", count=-1, seconds=0.3)
    # 5 s are promised for a stop, and answers are waited for 2 s of them. Other work on the machine may hold
    # up one stop, or Telegram in it, not all.
    doubts = 0
    for n in range(0, 12, 3):
        for i in range(n, n + 3):
            for u in users:
                put(d, u.id, f"message {i}")
        before = len(telegram.calls_of("sendMessage"))
        d.start()
        telegram.wait(lambda: len(telegram.calls_of("sendMessage")) > before + 10, 60)  # noqa: B023
        took = d.stop()
        assert d.sql("SELECT count(*) AS n FROM outbox WHERE state='sending'")[0]["n"] == 0
        before, doubts = doubts, doubts + d.sql("SELECT count(*) AS n FROM outbox WHERE doubt")[0]["n"]
        if took < 4.5 and doubts == before:
            break
    assert took < 4.5 and doubts == before
    telegram.clear_faults()
    d.start()
    d.wait(lambda: empty(d), 120)
    for u in users:
        wanted = [f"message {i}" for i in range(n + 3)]
        assert list(dict.fromkeys(t.removeprefix(AGAIN) for t in texts(u.chat))) == wanted
    assert sum(len(texts(u.chat)) for u in users) <= len(users) * len(wanted) + doubts
    assert sum(t.startswith(AGAIN) for u in users for t in texts(u.chat)) <= doubts


def test_a_revoked_token_stops_the_bot_and_nothing_else(idle, telegram):
    user = telegram.user("Ali")
    d = idle(telegram, ADMIN_IDS=user.id, first=False).start()
    d.wait_log(f"telegram .*@{told(d)['bot'] or ''}.* is connected", 60)
    d.wait(lambda: d.status()["panel"]["up"], 60)
    telegram.revoke_token()
    d.wait_log("telegram .*does not know BOT_TOKEN", 60)
    time.sleep(1.5)
    assert len(d.logged("does not know BOT_TOKEN")) == 1
    status = d.status()
    assert status["telegram"]["state"] == "token" and any("BOT_TOKEN" in p for p in status["problems"])
    assert status["running"] and status["panel"]["up"]
    found = json.loads(d.cli("doctor", "--json", check=False).stdout)
    row = next(c for c in found["checks"] if c["check"] == "telegram" and not c["subject"])
    assert row["level"] == "failed" and "@BotFather" in row["text"]
    assert "not connected" in d.cli("status")
    # A new one from @BotFather, taken without a restart.
    telegram.restore_token()
    telegram.world.token = "7000000001:another-token-of-nobody-000000000000"
    d.secrets.add(telegram.world.token)
    d.write_env(BOT_TOKEN=telegram.world.token)
    d.reload()
    d.wait(lambda: told(d)["state"] == "ok", 60)
    assert "connected as @" in d.cli("status")
    d.write_env(BOT_TOKEN="nonsense")
    d.reload()
    d.wait(lambda: told(d)["state"] == "failed", 60)
    d.write_env(BOT_TOKEN=None)
    d.reload()
    d.wait(lambda: told(d)["state"] == "off", 60)


def test_the_doctor_asks_without_a_daemon(idle, telegram):
    d = idle(telegram, first=False)
    polls = len(telegram.calls_of("getUpdates"))
    found = json.loads(d.cli("doctor", "--json", check=False).stdout)
    rows = [c for c in found["checks"] if c["check"] == "telegram"]
    assert rows[0]["level"] == "ok" and "@" in rows[0]["text"]
    assert rows[1]["subject"] == "admin_ids" and rows[1]["level"] == "warning"
    assert len(telegram.calls_of("getUpdates")) == polls


@pytest.mark.parametrize("kind, login", [("socks5", {}), ("socks5", {"user": "me", "password": "secret"}),
                                         ("http", {}), ("http", {"user": "me", "password": "secret"})])
def test_a_proxy_is_the_only_way(idle, telegram, kind, login):
    """The name exists nowhere but at the proxy: it is never looked up here."""
    user = telegram.user("Ali")
    with telegram.proxy(kind, **login) as proxy:
        d = idle(telegram, first=False, TELEGRAM_PROXY=proxy.url, ADMIN_IDS=user.id,
                 TELEGRAM_API_URL="http://telegram.invalid").start()
        d.wait(lambda: told(d)["state"] == "ok", 60)
        user.ask("/start", seconds=60)
        assert set(proxy.asked) == {("name", "telegram.invalid")}
        d.stop()
    d.write_env(TELEGRAM_PROXY="socks5h://127.0.0.1:1")
    d.start()
    d.wait(lambda: told(d)["state"] == "unreachable", 60)
    assert "secret" not in "\n".join(line.raw for line in d.log)
    assert d.status()["running"]
