"""The bot's transport and its outbox alone, against the simulated Telegram and against nonsense."""

import concurrent.futures
import contextlib
import http.server
import itertools
import json
import os
import random
import re
import threading
import time

import pytest
from simtelegram.flood import Limits
from telegram_driver import AGAIN, home

LOOSE = Limits(private=1000, burst=1000, group=100000, overall=100000)


@pytest.fixture
def bot(telegram):
    with home(telegram) as h:
        b = h.begin()
        b.wait("state", state="ok")
        yield b
        h.stop(b)


def texts(room):
    return [m.text for m in room.from_bot]


# -- receiving -------------------------------------------------------------------------------------

def number_kept(h):
    key = f"telegram_update:{h.telegram.token.split(':')[0]}"
    rows = h.sql("SELECT value FROM meta WHERE key=?", key)
    return int(rows[0]["value"].split()[0]) if rows else -1


def test_updates_come_once_and_in_order_over_deaths(telegram):
    """Killed when their number is in the database. (A millisecond before, they may come again.)"""
    user = telegram.user("Ali")
    seen = []
    with home(telegram) as h:
        for life in range(4):
            b = h.begin()
            b.wait("state", state="ok")
            user.say(f"{life}.0")
            b.wait("update")
            for i in range(1, 5):
                user.say(f"{life}.{i}")
            last = b.wait("update", 5 + (life > 0))[-1]["update"]["update_id"]
            telegram.wait(lambda: number_kept(h) == last, 60)  # noqa: B023
            h.kill(b)
            user.say(f"{life}.between")
            seen += [e["update"]["message"]["text"] for e in b.found("update")]
        b = h.begin()
        b.wait("state", state="ok")
        user.say("end")
        b.wait("update", 2)
        time.sleep(0.2)
        seen += [e["update"]["message"]["text"] for e in b.found("update")]
        h.stop(b)
    assert len(seen) == len(set(seen)) and seen[-1] == "end"
    assert [s for s in seen if s[-1].isdigit()] == [f"{n}.{i}" for n in range(4) for i in range(5)]
    assert [s for s in seen if "between" in s] == [f"{n}.between" for n in range(4)]
    for poll in telegram.calls_of("getUpdates"):
        assert poll.values["allowed_updates"] == ["message", "callback_query"]
        assert poll.values["timeout"] == 50


def test_a_number_that_stood_still_for_a_week_is_not_believed(telegram):
    user = telegram.user("Ali")
    with home(telegram) as h:
        b = h.begin()
        b.wait("state", state="ok")
        h.stop(b)
        week_ago = int(time.time() * 1000) - 7 * 86400 * 1000
        key = f"telegram_update:{telegram.token.split(':')[0]}"
        h.sql("INSERT OR REPLACE INTO meta VALUES(?, ?)", key, f"999999999999 {week_ago}")
        user.say("hello")
        b = h.begin()
        b.wait("update", 1)
        h.stop(b)
        number, at = h.sql("SELECT value FROM meta WHERE key=?", key)[0]["value"].split()
        assert int(number) < 999999999999 and int(at) > week_ago


def test_a_webhook_is_removed(telegram):
    telegram.world.webhook = "https://example.org/hook"
    telegram.lenient = True
    with home(telegram) as h:
        b = h.begin()
        telegram.user("Ali").say("hello")
        b.wait("update", 1)
        h.stop(b)
    assert telegram.calls_of("deleteWebhook")[0].values.get("drop_pending_updates") is not True


# -- the state, in words ---------------------------------------------------------------------------

def test_a_revoked_token_is_told_and_another_one_taken(telegram, bot):
    telegram.revoke_token()
    assert "@BotFather" in bot.wait("state", state="token")[0]["text"]
    telegram.restore_token()
    bot.do("token", token=telegram.token)
    bot.wait("state", 2, state="ok")
    bot.do("token", token="no token at all")
    assert "BOT_TOKEN" in bot.wait("unusable")[0]["text"]
    bot.do("token", token=telegram.token)
    bot.wait("state", 3, state="ok")


def test_another_poller_is_told_and_sending_goes_on(telegram, bot):
    telegram.lenient = True
    user = telegram.user("Ali")
    telegram.conflict(600)
    user.say("x")  # wakes the poll that waits
    bot.wait("state", state="other_poller")
    bot.put(user, "still")
    user.chat.wait("still", 60)
    telegram.clear_faults()
    bot.wait("state", 2, state="ok", seconds=150)


@contextlib.contextmanager
def site(status, body, kind="text/html", raw=None):
    """A server that answers everything alike."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if raw is not None:
                raw(self)
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):
                super().handle()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(50 << 20))
    handler.end_headers()
    with contextlib.suppress(ConnectionError):
        for _ in range(50):
            handler.wfile.write(b"x" * (1 << 20))


def cut(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"ok":true,"result":{"id":1')
    handler.close_connection = True


@pytest.mark.parametrize("status, body, raw, state, says", [
    (200, b"<html>blocked by order</html>", None, "wrong_url", "no Bot API"),
    (403, b"Forbidden", None, "wrong_url", "status 403"),
    (404, b'{"ok":false,"error_code":404,"description":"Not Found"}', None, "wrong_url", "not whole"),
    (401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}', None, "token", "BotFather"),
    (502, b"<html>Bad Gateway</html>", None, "unreachable", "502"),
    (200, b'{"ok":"yes","result":[]}', None, "wrong_url", "no Bot API"),
    (200, b'[{"ok":true}]', None, "wrong_url", "no Bot API"),
    (500, b'{"ok":false,"error_code":"many","description":[1]}', None, "unreachable", "Telegram"),
    (200, b"", endless, "unreachable", "larger"),
    (200, b"", cut, "unreachable", "broke"),
])
def test_nonsense_is_told_for_what_it_is(telegram, status, body, raw, state, says):
    with site(status, body, raw=raw) as url, home(telegram, url=url) as h:
        b = h.begin()
        told = b.wait("state", state=state)[0]["text"]
        assert says in told and telegram.token not in told
        b.call("getMe", mark=1)
        assert b.wait("called", mark=1)[0]["ok"] is False
        h.stop(b)


def test_wrong_types_in_updates_hurt_nobody(telegram):
    answers = iter([b'{"ok":true,"result":{"id":5,"username":7}}',
                    b'{"ok":true,"result":{"not":"a list"}}',
                    b'{"ok":true,"result":[null,3,"x",{},{"update_id":"5"},{"update_id":-1},'
                    b'{"update_id":5,"message":{"text":7}}]}',
                    # A number that no int64 holds spoils the batch; alone, it is passed over.
                    b'{"ok":true,"result":[{"update_id":6,"message":{"date":99999999999999999999}}]}',
                    b'{"ok":true,"result":[{"update_id":6,"message":{"date":99999999999999999999}}]}',
                    b'{"ok":true,"result":[{"update_id":7,"message":{"text":"a\\u0000b"}}]}'])
    polls = []

    def raw(handler):
        polls.append(handler.path)
        body = next(answers, None)
        if body is None:
            time.sleep(1)
            body = b'{"ok":true,"result":[]}'
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    with site(200, b"", raw=raw) as url, home(telegram, url=url) as h:
        b = h.begin()
        b.wait("update", 2)
        assert [e["update"]["update_id"] for e in b.found("update")] == [5, 7]
        assert b.logged("passed over")
        h.stop(b)


# -- ways through a hostile network ----------------------------------------------------------------

def test_the_next_proxy_is_taken_when_one_dies(telegram):
    user = telegram.user("Ali")
    telegram.lenient = True  # the poll by the old way is ended by that by the new one
    with contextlib.ExitStack() as first, telegram.proxy("http", user="me", password="pa,ss") as other:
        one = first.enter_context(telegram.proxy("socks5"))
        ways = ",".join(["socks5h://127.0.0.1:1", one.url, other.url.replace("pa,ss", "pa%2Css")])
        with home(telegram, url="http://telegram.invalid", proxy=ways) as h:
            b = h.begin()
            b.wait("state", state="ok")
            b.put(user, "one")
            user.chat.wait("one", 60)
            assert one.asked and not other.asked
            first.close()
            b.put(user, "two")
            user.chat.wait("two", 60)
            user.say("hello")
            b.wait("update")
            assert other.asked
            assert not [e for e in b.events if e["event"] == "state" and e["state"] != "ok"]
            h.stop(b)
            assert "pa,ss" not in "\n".join(b.log) and "%2C" not in "\n".join(b.log)


def test_a_way_that_cuts_quiet_connections_is_asked_more_often(telegram):
    polls = []

    def raw(handler):
        body = b'{"ok":true,"result":{"id":5,"username":"b"}}'
        if handler.path.endswith("getUpdates"):
            polls.append(json.loads(handler.body)["timeout"])
            time.sleep(5.3 if len(polls) == 1 else 1)
            if len(polls) == 1:
                handler.close_connection = True
                return
            body = b'{"ok":true,"result":[]}'
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")  # on a kept one libcurl would try again by itself
        handler.end_headers()
        handler.wfile.write(body)
    with site(200, b"", raw=raw) as url, home(telegram, url=url) as h:
        b = h.begin()
        b.wait("state", state="ok")
        telegram.wait(lambda: len(polls) > 2, 60)
        assert polls[:3] == [50, 25, 25] and len(b.found("state")) == 1
        h.stop(b)


# -- the outbox ------------------------------------------------------------------------------------

def test_a_message_is_edited_through_its_life(telegram, bot):
    user = telegram.user("Ali")
    bot.put(user, "warned", slot="case:1", edit=True)
    first = user.chat.wait("warned", 60)
    bot.put(user, "another", slot="case:2")
    bot.put(user, "disabled", slot="case:1", edit=True)
    bot.until_empty()
    assert texts(user.chat) == ["disabled", "another"] and user.chat.messages[0].id == first.id
    before = len(telegram.calls)
    bot.put(user, "disabled", slot="case:1", edit=True)  # to what it shows: not even sent
    bot.until_empty()
    assert not telegram.calls_of("editMessageText", since=before)
    bot.do("find", chat=user.id, slot="case:1")
    assert bot.wait("found")[0]["message"] == first.id
    with telegram.world.lock:
        first.deleted = True
    with telegram.expect_refusal("message to edit not found"):
        bot.put(user, "enabled", slot="case:1", edit=True)
        bot.until_empty()
    assert texts(user.chat) == ["another", "enabled"]
    bot.do("forget", chat=user.id, slot="case:1")
    bot.put(user, "new", slot="case:1", edit=True)
    bot.until_empty()
    assert texts(user.chat) == ["another", "enabled", "new"]


def test_a_new_life_does_not_know_what_messages_show(telegram):
    """What Telegram says of an edit that changes nothing is as good as done, and is remembered."""
    user = telegram.user("Ali")
    with home(telegram) as h:
        b = h.begin()
        b.wait("state", state="ok")
        b.put(user, "warned", slot="case:1", edit=True)
        b.until_empty()
        h.stop(b)
        b = h.begin()
        b.wait("state", state="ok")
        before = len(telegram.calls)
        with telegram.expect_refusal("not modified"):
            b.put(user, "warned", slot="case:1", edit=True)
            b.until_empty()
        b.put(user, "warned", slot="case:1", edit=True)
        b.until_empty()
        assert len(telegram.calls_of("editMessageText", since=before)) == 1
        b.put(user, "disabled", slot="case:1", edit=True)
        b.put(user, "between", slot="case:2")
        b.until_empty()
        b.put(user, "warned", slot="case:1", edit=True)
        b.until_empty()
        h.stop(b)
    assert texts(user.chat) == ["warned", "between"]
    assert len(telegram.calls_of("editMessageText", since=before)) == 3


def test_what_waits_is_replaced_where_it_stands(telegram, bot):
    user = telegram.user("Ali")
    with telegram.away():
        bot.put(user, "before")
        bot.put(user, "warned", slot="case:1", edit=True)
        bot.put(user, "after")
        bot.put(user, "disabled", slot="case:1", edit=True)
        bot.put(user, "enabled", slot="case:1", edit=True)
        telegram.wait(lambda: bot.now()["waiting"] == 3, 60)
    bot.until_empty()
    assert [t.removeprefix(AGAIN) for t in texts(user.chat)] == ["before", "enabled", "after"]
    assert not telegram.calls_of("editMessageText")


def test_what_can_never_arrive_is_given_back_and_the_rest_goes_on(telegram, bot):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    forum = telegram.group("Team", ali, forum=True)
    ali.block()
    with telegram.expect_refusal("blocked|not found"):
        bot.put(ali, "to the deaf", slot="s")
        bot.put(12345, "to nobody")
        bot.put(forum, "to no topic", thread=777)
        bot.put(zoe, "hello")
        bot.put(forum, "hello")
        bot.until_empty()
    failed = {e["chat"]: e for e in bot.wait("failed", 3)}
    assert failed[ali.id]["code"] == 403 and "blocked" in failed[ali.id]["why"]
    assert failed[ali.id]["slot"] == "s" and failed[ali.id]["params"]["text"] == "to the deaf"
    assert "chat not found" in failed[12345]["why"]
    assert "thread not found" in failed[forum.id]["why"]
    assert texts(zoe.chat) == ["hello"] and texts(forum) == ["hello"]


def test_markup_that_is_refused_is_sent_plain(telegram, bot):
    user = telegram.user("Ali")
    with telegram.expect_refusal("can't parse entities"):
        bot.put(user, "<b>broken", html=True)
        user.chat.wait("<b>broken", 60)
    bot.until_empty()


def test_a_group_that_is_upgraded_is_followed(telegram, bot):
    ali = telegram.user("Ali")
    group = telegram.group("Team", ali, plain=True)
    bot.put(group, "one", slot="case:1", edit=True)
    group.wait("one", 60)
    new = group.upgrade(told=False)
    with telegram.expect_refusal("upgraded"):
        bot.put(group, "two")
        bot.put(group, "three", slot="case:1", edit=True)
        new.wait("three", 60)
    bot.until_empty()
    assert texts(new) == ["two", "three"]
    assert bot.wait("migrate")[0]["to"] == new.id


def test_a_group_that_says_it_is_upgraded_is_followed(telegram, bot):
    """Without anything sent to the old one; rows for that move."""
    ali = telegram.user("Ali")
    group = telegram.group("Team", ali, plain=True)
    bot.put(group, "one")
    group.wait("one", 60)
    bot.until_empty()
    telegram.flood(5, group)
    bot.put(group, "two")
    telegram.wait(lambda: any(c.code == 429 for c in telegram.calls), 60)
    new = group.upgrade()
    assert bot.wait("migrate")[0]["to"] == new.id
    new.wait("two", 60)
    bot.until_empty()
    assert texts(new) == ["two"]


def test_a_429_is_waited_for_by_chat(telegram, bot):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    began = time.time()
    telegram.flood(4, ali.chat)
    bot.put(ali, "late")
    refused = telegram.wait(lambda: [c for c in telegram.calls_of("sendMessage") if c.code == 429], 60)
    bot.put(zoe, "at once")
    other = zoe.chat.wait("at once", 60)
    late = ali.chat.wait("late", 60)
    assert other.at < late.at and late.at - began >= 3.9
    assert len([c for c in telegram.calls_of("sendMessage") if c.code == 429]) == len(refused) == 1
    began = time.monotonic()
    telegram.flood(2)
    bot.call("sendMessage", mark="now", chat_id=ali.id, text="a menu")
    assert bot.wait("called", mark="now")[0]["ok"] and time.monotonic() - began >= 1.9


def an_outage(telegrams, how):
    telegram = telegrams(limits=LOOSE)
    with home(telegram) as h:
        b = h.begin()
        b.wait("state", state="ok")
        through_an_outage(telegram, b, how)
        h.stop(b)


def through_an_outage(telegram, bot, how):
    users = [telegram.user(f"U{i}") for i in range(2)]
    telegram.outage(how)
    for i, u in itertools.product(range(6), users):
        bot.put(u, f"{i}")
    if how != "hang":
        bot.wait("state", state="unreachable")
    time.sleep(1)
    telegram.recover()
    bot.until_empty(120)
    for u in users:
        assert [t.removeprefix(AGAIN) for t in texts(u.chat)] == [f"{i}" for i in range(6)]
        # Only what was under way when it broke may bear the sign.
        assert sum(t.startswith(AGAIN) for t in texts(u.chat)) <= 1


def test_nothing_is_lost_in_an_outage(telegrams):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(an_outage, telegrams, how)
                     for how in ("refuse", "hang", "reset", "502")]:
            done.result()


def test_order_and_once_whatever_happens(telegram):
    """Errors, 429s, lost connections, lost answers and deaths, at random."""
    telegram.limits(LOOSE)
    telegram.lenient = True
    seed = os.environ.get("PG_SEED") or int(time.time()) // 86400
    rng = random.Random(int(seed))
    users = [telegram.user(f"U{i}") for i in range(12)]
    put = {u.id: 0 for u in users}
    deaths = 0
    with home(telegram) as h:
        b = h.begin()
        end = time.monotonic() + 8
        while time.monotonic() < end:
            for _ in range(rng.randint(0, 3)):
                u = rng.choice(users)
                b.put(u, f"{put[u.id]}")
                put[u.id] += 1
            kind = rng.choice(["error", "error", "429", "drop", "lose_answer", "none", "none"])
            if kind == "429":
                telegram.flood(1, rng.choice(users).chat)
            elif kind != "none":
                telegram.fault(kind, "sendMessage", room=rng.choice(users).chat)
            time.sleep(rng.uniform(0, 0.3))
            if rng.random() < 0.1:
                b.now()  # what was put is on its way to the database before
                h.kill(b)
                deaths += 1
                for u in users:  # what the death took was never accepted
                    put[u.id] = max(put[u.id], 1)
                    known = {int(t.removeprefix(AGAIN)) for t in texts(u.chat)}
                    known |= {int(re.search(r'"text":"(\d+)"', r["params"])[1]) for r in h.sql(
                        "SELECT params FROM outbox WHERE chat_id=?", u.id)}
                    put[u.id] = max(known, default=-1) + 1
                b = h.begin()
        telegram.clear_faults()
        b.until_empty(120)
        h.stop(b)
    repeats = 0
    for u in users:
        got = texts(u.chat)
        numbers = [int(t.removeprefix(AGAIN)) for t in got]
        assert sorted(set(numbers)) == list(range(put[u.id]))  # nothing lost
        assert numbers == sorted(numbers)  # in order
        for a, c in itertools.pairwise(got):
            if a.removeprefix(AGAIN) == c.removeprefix(AGAIN):  # twice only with the sign
                assert c.startswith(AGAIN)
                repeats += 1
    lost = len([c for c in telegram.calls if c.fault == "lose_answer"])
    print(f"\n{sum(put.values())} messages, {deaths} deaths, {lost} answers lost, {repeats} repeats; "
          f"seed {seed}")
    assert repeats <= lost + deaths


@pytest.mark.alone
def test_three_hundred_in_a_minute_and_a_press_in_between(telegram, bot):
    """Paced so that Telegram never refuses one; a press is answered meanwhile as if there were none."""
    users = [telegram.user(f"U{i}") for i in range(22)]
    groups = [telegram.group(f"G{i}", users[0]) for i in range(3)]
    rooms = [u.chat for u in users] + groups
    bot.call("sendMessage", chat_id=users[0].id, text="menu", reply_markup={
        "inline_keyboard": [[{"text": "go", "callback_data": "x"}]]})
    menu = users[0].chat.wait("menu", 60)
    began = time.monotonic()
    for i in range(300):
        bot.put(rooms[i % 25] if i < 250 else users[i % 22], f"{i}")
    took = []
    while bot.now()["waiting"] and time.monotonic() - began < 90:
        pressed = time.monotonic()
        users[0].press("go", on=menu, wait=30)
        took.append(time.monotonic() - pressed)
        time.sleep(0.2)
    seconds = time.monotonic() - began
    refused = [c for c in telegram.calls if c.code == 429]
    print(f"\n300 messages in {seconds:.0f} s, {len(took)} presses, the middle one answered in "
          f"{sorted(took)[len(took) // 2] * 1000:.0f} ms, the slowest in {max(took) * 1000:.0f} ms, "
          f"{len(refused)} refused")
    assert not refused and sorted(took)[len(took) // 2] < 0.3 and seconds < 80
    sent = {r.id: [int(t) for t in texts(r) if t != "menu"] for r in rooms}
    assert sum(map(len, sent.values())) == 300
    assert all(numbers == sorted(numbers) for numbers in sent.values())


# -- files -----------------------------------------------------------------------------------------

def test_files_go_both_ways(telegram, bot):
    user = telegram.user("Ali")
    bot.do("file", params={"chat_id": user.id, "caption": "a <b>file</b>", "parse_mode": "HTML"},
           bytes=3_000_000, mark=1)
    assert bot.wait("called", mark=1)[0]["ok"]
    document = user.chat.last.document
    assert document.data == bytes(i * 7 & 255 for i in range(3_000_000))
    data = random.Random(1).randbytes(2_000_000)
    sent = user.send_file("b.zip", data)
    got = bot.wait("update")[0]["update"]["message"]["document"]
    bot.do("fetch", id=got["file_id"], max=20 << 20, mark=2)
    fetched = bot.wait("fetched", mark=2)[0]
    checksum = 0
    for byte in data:
        checksum = (checksum * 31 + byte) & 0xffffffff
    assert (fetched["rc"], fetched["bytes"], fetched["sum"]) == (0, len(data), checksum), sent
    bot.do("fetch", id=got["file_id"], max=1000, mark=3)
    assert "more than the" in bot.wait("fetched", mark=3)[0]["text"]
    user.send_file("big.zip", size=50 << 20)
    big = bot.wait("update", 2)[1]["update"]["message"]["document"]
    with telegram.expect_refusal("too big"):
        bot.do("fetch", id=big["file_id"], max=64 << 20, mark=4)
        assert "20 MB" in bot.wait("fetched", mark=4)[0]["text"]
    with telegram.expect_refusal("invalid|wrong"):
        bot.do("fetch", id="nonsense", max=100, mark=5)
        assert bot.wait("fetched", mark=5)[0]["rc"] < 0


def test_a_file_waits_in_the_outbox(telegram):
    user = telegram.user("Ali")
    with home(telegram) as h:
        with telegram.away():
            b = h.begin()
            b.wait("state", state="unreachable")
            b.put(user, "backup", file="content of the backup", slot="backup")
            b.now()
            h.stop(b)
        b = h.begin()
        b.until_empty()
        h.stop(b)
        assert h.sql("SELECT count(*) AS n FROM outbox")[0]["n"] == 0
    assert user.chat.last.document.data == b"content of the backup"
    assert user.chat.last.text == "backup"
