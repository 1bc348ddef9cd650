"""The simulated Telegram itself: that it refuses what Telegram refuses, in Telegram's words."""

import http.client
import json
import threading
import time
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from simtelegram import Limits, schema
from simtelegram.markup import parse, units

KEYS = {"inline_keyboard": [[{"text": "One", "callback_data": "1"},
                             {"text": "Two", "callback_data": "2"}]]}


class Bot:
    """A client with nothing clever in it: `bot.send_message(chat_id=…)` → the whole answer."""

    def __init__(self, telegram, token=None):
        self.where = urlsplit(telegram.url)
        self.token = token or telegram.token
        self.offset = 0

    def request(self, method, path, body=None, kind="application/json"):
        conn = http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=60)
        try:
            conn.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            answer = conn.getresponse()
            return answer.status, answer.read()
        finally:
            conn.close()

    def call(self, method, **values):
        status, data = self.request("POST", f"/bot{self.token}/{method}", json.dumps(values))
        answer = json.loads(data)
        assert (status == 200) == answer["ok"]
        if answer["ok"] and method in schema.METHODS:
            wrong = schema.any_problems(schema.METHODS[method]["returns"], answer["result"], method)
            assert not wrong, wrong
        return answer

    def updates(self, **values):
        found = self.call("getUpdates", offset=self.offset, **values)["result"]
        for one in found:
            self.offset = one["update_id"] + 1
        return found

    def send(self, chat, text="text", **values):
        return self.call("sendMessage", chat_id=chat, text=text, **values)

    def error(self, method, **values):
        answer = self.call(method, **values)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]


@pytest.fixture
def lax(telegrams):
    """A Telegram without limits, whose refusals are what is tested."""
    return telegrams(limits=None)


@pytest.fixture
def ali(lax):
    return lax.user("Ali")


@pytest.fixture
def bot(lax):
    return Bot(lax)


def stop_the_clock(telegram):
    """The limits see the time that this list holds, however long the machine takes."""
    clock = [1000.0]
    telegram.app.flood.now = lambda: clock[0]
    return clock


def bad(text):
    return 400, "Bad Request: " + text


def test_updates_are_confirmed_by_their_offset(lax, ali, bot):
    ali.say("one")
    ali.say("two")
    first = bot.call("getUpdates")["result"]
    assert [u["message"]["text"] for u in first] == ["one", "two"]
    assert bot.call("getUpdates")["result"] == first
    assert len(bot.call("getUpdates", limit=1)["result"]) == 1
    assert bot.call("getUpdates", offset=first[1]["update_id"])["result"] == first[1:]
    assert bot.call("getUpdates", offset=first[1]["update_id"] + 1)["result"] == []
    assert not schema.problems("Update", first[0], "update")


def test_a_long_poll_ends_when_something_comes(lax, ali, bot):
    timer = threading.Timer(0.3, ali.say, ["late"])
    begun = time.monotonic()
    timer.start()
    assert bot.updates(timeout=40)[0]["message"]["text"] == "late"
    assert 0.25 < time.monotonic() - begun < 30
    assert bot.updates(timeout=1) == []


def test_only_wanted_kinds_of_updates_are_kept(lax, ali, bot):
    bot.updates(allowed_updates=["callback_query"])
    ali.say("unheard")
    sent = bot.send(ali.id, reply_markup=KEYS)["result"]
    ali.press("One", wait=0)
    assert [sorted(u)[0] for u in bot.updates()] == ["callback_query"]
    assert sent["reply_markup"] == KEYS


def test_two_pollers_are_in_conflict(lax, bot):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(bot.call("getUpdates", timeout=50)))
    thread.start()
    lax.wait(lambda: lax.calls_of("getUpdates"), 30)
    Bot(lax).call("getUpdates")
    thread.join(30)
    assert answers[0]["error_code"] == 409
    assert answers[0]["description"].startswith("Conflict: terminated by other getUpdates request")


def test_addresses(lax, bot):
    assert bot.error("sendMessages") == (404, "Not Found: method not found")
    assert bot.error("SENDMESSAGE") == bad("chat_id is empty")
    assert Bot(lax, "7000000001:wrong").error("getMe") == (401, "Unauthorized")
    assert bot.request("GET", "/botnonsense/getMe")[0] == 404
    assert bot.request("GET", "/")[0] == 404
    lax.revoke_token()
    assert bot.error("getMe") == (401, "Unauthorized")
    lax.restore_token()
    assert bot.call("getMe")["result"]["is_bot"]


def test_all_four_forms_of_a_call(lax, ali, bot):
    path = f"/bot{lax.token}/sendMessage"
    form = urlencode({"chat_id": ali.id, "text": "fo+rm & ü", "reply_markup": json.dumps(KEYS)})
    mixed = ('--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nparts\r\n'
             f'--b\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n{ali.id}\r\n--b--\r\n')
    assert bot.request("GET", path + "?" + form)[0] == 200
    assert bot.request("POST", path, form, "application/x-www-form-urlencoded")[0] == 200
    assert bot.request("POST", path, mixed, "multipart/form-data; boundary=b")[0] == 200
    assert bot.send(str(ali.id), "json")["ok"]
    assert [m.text for m in ali.chat.messages] == ["fo+rm & ü", "fo+rm & ü", "parts", "json"]
    assert not lax.refused
    assert bot.request("POST", path, "{", "application/json")[0] == 400


def test_fields_are_checked_by_the_description(lax, ali, bot):
    assert bot.error("sendMessage", chat_id=ali.id) == bad("message text is empty")
    assert bot.error("sendMessage", text="x") == bad("chat_id is empty")
    assert bot.error("editMessageText", chat_id=ali.id, text="x") == bad(
        "message identifier is not specified")
    assert bot.send(ali.id, parse_modus="HTML")["ok"]
    assert lax.refused[-1].complaints == ["parse_modus: no such field"]
    assert bot.send(ali.id, disable_notification="perhaps")["ok"]
    assert "Boolean expected" in lax.refused[-1].complaints[0]
    assert bot.send(ali.id, reply_markup={"inline_keyboard": [[{"text": "x", "callback_data": "1",
                                                                "colour": "red"}]]})["ok"]
    assert "colour: no such field" in lax.refused[-1].complaints[0]


def test_chats_that_cannot_be_written_to(lax, ali, bot):
    assert bot.error("sendMessage", chat_id=5, text="x") == bad("chat not found")
    stranger = lax.user("Zoe", started=False)
    assert bot.error("sendMessage", chat_id=stranger.id, text="x") == (
        403, "Forbidden: bot can't initiate conversation with a user")
    stranger.say("/start")
    assert bot.send(stranger.id)["ok"]
    ali.block()
    assert bot.error("sendMessage", chat_id=ali.id, text="x") == (
        403, "Forbidden: bot was blocked by the user")
    ali.block(False)
    assert bot.send(ali.id)["ok"]
    ali.deactivate()
    assert bot.error("sendMessage", chat_id=ali.id, text="x") == (
        403, "Forbidden: user is deactivated")


@pytest.mark.parametrize(("text", "error"), [
    ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
    ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
    ("x</b>", "Unexpected end tag at byte offset 1"),
    ("ü <ali>", 'Unsupported start tag "ali" at byte offset 3'),
    ("a < b", 'Unsupported start tag "" at byte offset 2'),
    ("x <b", "Unclosed start tag at byte offset 2"),
    ("<b>x</b", "Unclosed end tag at byte offset 4"),
    ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
    ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte '
                      "offset 0"),
    ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
])
def test_markup_that_telegram_cannot_read(lax, ali, bot, text, error):
    assert bot.error("sendMessage", chat_id=ali.id, text=text, parse_mode="HTML") == bad(
        "can't parse entities: " + error)
    assert bot.send(ali.id, text)["ok"]


def test_markup_that_telegram_reads():
    text, entities = parse(' <b>🔥 &lt;x&gt;</b> &amp;amp; &copy; <a href="https://e.org">e</a>\n', "HTML")
    assert text == "🔥 <x> &amp; &copy; e"
    assert entities == [{"offset": 0, "length": 6, "type": "bold"},
                        {"offset": 20, "length": 1, "type": "text_link", "url": "https://e.org"}]
    assert units("🔥ü") == 3


def test_lengths(lax, ali, bot):
    assert bot.send(ali.id, "x" * 4096)["ok"]
    assert bot.error("sendMessage", chat_id=ali.id, text="x" * 4097) == bad("message is too long")
    assert bot.send(ali.id, "<b>" + "x" * 4090 + "</b>", parse_mode="HTML")["ok"]
    assert bot.error("sendMessage", chat_id=ali.id, text="😀" * 2049) == bad("message is too long")
    assert bot.error("sendMessage", chat_id=ali.id, text=" \n ") == bad("message text is empty")
    assert bot.error("sendMessage", chat_id=ali.id, text="<b></b>", parse_mode="HTML") == bad(
        "message text is empty")


@pytest.mark.parametrize(("button", "error"), [
    ({"text": "x", "callback_data": "ü" * 33}, "BUTTON_DATA_INVALID"),
    ({"text": "x"}, "can't parse inline keyboard button: Text buttons are unallowed in the inline "
                    "keyboard"),
    ({"callback_data": "x"}, 'can\'t parse inline keyboard button: Can\'t find field "text"'),
    ({"text": "x", "url": "nowhere"}, "inline keyboard button URL 'nowhere' is invalid: Wrong HTTP "
                                      "URL"),
])
def test_buttons_that_are_refused(lax, ali, bot, button, error):
    assert bot.error("sendMessage", chat_id=ali.id, text="x",
                     reply_markup={"inline_keyboard": [[button]]}) == bad(error)


def test_keyboards(lax, ali, bot):
    button = {"text": "x", "callback_data": "ü" * 32}
    assert bot.send(ali.id, reply_markup={"inline_keyboard": [[button] * 8] * 12})["ok"]
    assert bot.error("sendMessage", chat_id=ali.id, text="x", reply_markup={
        "inline_keyboard": [[button] * 8] * 13}) == bad("reply markup is too long")
    assert bot.error("sendMessage", chat_id=ali.id, text="x", reply_markup=[]) == bad(
        "object expected as reply markup")


def test_edits(lax, ali, bot):
    sent = bot.send(ali.id, "<b>one</b>", parse_mode="HTML", reply_markup=KEYS)["result"]
    where = {"chat_id": ali.id, "message_id": sent["message_id"]}
    same = {**where, "text": "<b>one</b>\n", "parse_mode": "HTML", "reply_markup": KEYS}
    assert bot.error("editMessageText", **same)[1].startswith(
        "Bad Request: message is not modified: specified new message content")
    assert bot.call("editMessageText", **{**same, "text": "<i>one</i>"})["ok"]
    assert bot.call("editMessageReplyMarkup", **where)["result"].get("reply_markup") is None
    assert bot.error("editMessageReplyMarkup", **where)[0] == 400
    assert bot.error("editMessageText", chat_id=ali.id, message_id=999, text="x") == bad(
        "message to edit not found")
    his = ali.say("mine")
    assert bot.error("editMessageText", chat_id=ali.id, message_id=his.id, text="x") == bad(
        "message can't be edited")
    message = ali.chat.from_bot[0]
    assert [v.text for v in message.history] == ["one", "one"]
    assert bot.call("deleteMessage", **where)["ok"]
    assert bot.error("deleteMessage", **where) == bad("message to delete not found")
    assert bot.error("editMessageText", text="x", **where) == bad("message to edit not found")


def test_a_press_is_answered_once_and_in_time(lax, ali, bot):
    bot.send(ali.id, reply_markup=KEYS)
    press = ali.press("Two", wait=0)
    query = bot.updates()[-1]["callback_query"]
    assert (query["data"], query["from"]["id"]) == ("2", ali.id)
    assert not schema.problems("CallbackQuery", query, "query")
    assert bot.error("answerCallbackQuery", callback_query_id=query["id"], text="x" * 201) == bad(
        "MESSAGE_TOO_LONG")
    assert bot.call("answerCallbackQuery", callback_query_id=query["id"], text="done",
                    show_alert=True)["ok"]
    assert (press.text, press.alert) == ("done", True)
    old = bad("query is too old and response timeout expired or query ID is invalid")
    assert bot.error("answerCallbackQuery", callback_query_id=query["id"]) == old
    lax.world.query_life = 0
    ali.press(at=(0, 0), wait=0)
    query = bot.updates()[-1]["callback_query"]
    assert bot.error("answerCallbackQuery", callback_query_id=query["id"]) == old
    assert len(lax.unanswered()) == 1
    assert "[ One ] [ Two ]" in ali.chat.text()


def test_files(lax, ali, bot):
    ali.send_file("backup.zip", b"PK\3\4data")
    ali.send_file("big.zip", size=50_000_000)
    small, big = (u["message"]["document"] for u in bot.updates())
    got = bot.call("getFile", file_id=small["file_id"])["result"]
    path = f"/file/bot{lax.token}/{got['file_path']}"
    assert bot.request("GET", path) == (200, b"PK\3\4data")
    assert bot.request("GET", path + "x")[0] == 404
    assert (big["file_size"], big["file_name"]) == (50_000_000, "big.zip")
    assert bot.error("getFile", file_id=big["file_id"]) == bad("file is too big")
    assert bot.error("getFile", file_id="x") == bad("invalid file_id")


def upload(bot, chat, data, caption=""):
    body = (b'--b\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n%d\r\n'
            b'--b\r\nContent-Disposition: form-data; name="caption"\r\n\r\n%b\r\n'
            b'--b\r\nContent-Disposition: form-data; name="document"; filename="a.zip"\r\n'
            b'Content-Type: application/zip\r\n\r\n%b\r\n--b--\r\n' % (chat, caption.encode(), data))
    status, answer = bot.request("POST", f"/bot{bot.token}/sendDocument", body,
                                 "multipart/form-data; boundary=b")
    return json.loads(answer)


def test_documents(lax, ali, bot):
    data = bytes(range(256)) * 10
    sent = upload(bot, ali.id, data, "backup")["result"]
    assert not schema.problems("Message", sent, "message")
    assert (sent["document"]["file_name"], sent["caption"]) == ("a.zip", "backup")
    assert ali.chat.last.document.data == data
    assert bot.call("sendDocument", chat_id=ali.id, document=sent["document"]["file_id"])["ok"]
    assert upload(bot, ali.id, b"")["description"] == "Bad Request: file must be non-empty"
    assert upload(bot, ali.id, b"x", "y" * 1025)["description"] == (
        "Bad Request: message caption is too long")
    assert upload(bot, ali.id, b"x" * (50 * 1024 * 1024 + 1))["error_code"] == 413
    assert bot.error("editMessageText", chat_id=ali.id, message_id=sent["message_id"],
                     text="x") == bad("there is no text in the message to edit")


def test_topics(lax, ali, bot):
    room = lax.group("Ops", ali, forum=True)
    made = bot.call("createForumTopic", chat_id=room.id, name="Warnings", icon_color=16766590)
    thread = made["result"]["message_thread_id"]
    sent = bot.send(room.id, message_thread_id=thread)["result"]
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (thread, True)
    assert room.topics() == {thread: "Warnings"}
    missing = bad("message thread not found")
    assert bot.error("sendMessage", chat_id=room.id, text="x", message_thread_id=77) == missing
    assert bot.error("sendMessage", chat_id=room.id, text="x", message_thread_id=1) == missing
    assert bot.error("sendMessage", chat_id=ali.id, text="x", message_thread_id=thread) == missing
    room.close_topic(thread, deleted=True)
    assert bot.error("sendMessage", chat_id=room.id, text="x", message_thread_id=thread) == missing
    plain = lax.group("Plain", ali)
    assert bot.error("createForumTopic", chat_id=plain.id, name="x") == bad(
        "the chat is not a forum")
    room.add_bot("administrator", can_manage_topics=False)
    assert bot.error("createForumTopic", chat_id=room.id, name="x") == bad(
        "not enough rights to create a topic")


def test_groups(lax, ali, bot):
    room = lax.group("Old", ali, plain=True)
    assert bot.call("getChat", chat_id=room.id)["result"]["type"] == "group"
    assert bot.call("getChatMember", chat_id=room.id, user_id=lax.world.bot.id)["result"][
        "status"] == "administrator"
    new = room.upgrade()
    answer = bot.send(room.id)
    assert answer["parameters"] == {"migrate_to_chat_id": new.id}
    assert answer["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert bot.send(new.id)["ok"]
    new.kick_bot()
    assert bot.error("sendMessage", chat_id=new.id, text="x") == (
        403, "Forbidden: bot was kicked from the supergroup chat")
    assert bot.error("getChatAdministrators", chat_id=new.id)[0] == 403


def test_a_mere_member_hears_only_what_is_meant_for_it(lax, ali, bot):
    room = lax.group("Ops", ali, bot="member")
    ali.say("hello all", room)
    ali.say("/status", room)
    assert [u["message"]["text"] for u in bot.updates()] == ["/status"]


def test_forwards(lax, ali, bot):
    other = lax.user("<b>Zoë 😀", username="zoe")
    ali.forward("hi", author=other)
    ali.forward("hi", hidden_name="Somebody")
    known, hidden = (u["message"] for u in bot.updates())
    assert known["forward_origin"]["sender_user"]["id"] == other.id
    assert hidden["forward_origin"]["sender_user_name"] == "Somebody"
    assert not schema.problems("Message", known, "m") + schema.problems("Message", hidden, "m")


def test_commands(lax, bot):
    commands = [{"command": "start", "description": "Start"}]
    assert bot.call("setMyCommands", commands=commands, language_code="fa")["ok"]
    assert bot.call("getMyCommands", language_code="fa")["result"] == commands
    assert bot.call("getMyCommands")["result"] == []
    assert bot.error("setMyCommands", commands=[{"command": "Start", "description": "x"}]) == bad(
        "BOT_COMMAND_INVALID")


def test_limits_of_a_private_chat(telegrams):
    sim = telegrams(limits=Limits(private=1, burst=3))
    clock = stop_the_clock(sim)
    ali, bot = sim.user("Ali"), Bot(sim)
    answers = [bot.send(ali.id) for _ in range(5)]
    assert [a["ok"] for a in answers] == [True, True, True, False, False]
    assert answers[3]["description"] == "Too Many Requests: retry after 1"
    assert answers[3]["parameters"] == {"retry_after": 1}
    assert bot.send(sim.user("Zoe").id)["ok"]
    clock[0] += 0.9
    assert not bot.send(ali.id)["ok"]
    clock[0] += 0.2
    assert bot.send(ali.id)["ok"]


def test_limits_of_a_group_and_of_all(telegrams):
    sim = telegrams(limits=Limits(group=20, overall=1000))
    stop_the_clock(sim)
    bot, ali = Bot(sim), sim.user("Ali")
    room = sim.group("Ops", ali)
    answers = [bot.send(room.id) for _ in range(21)]
    assert [a["ok"] for a in answers] == [True] * 20 + [False]
    assert answers[-1]["parameters"]["retry_after"] == 60
    sim.limits(Limits(private=100, burst=100, overall=10))
    stop_the_clock(sim)
    users = [sim.user("U") for _ in range(11)]
    assert [bot.send(u.id)["ok"] for u in users] == [True] * 10 + [False]


def test_faults(lax, ali, bot):
    stop_the_clock(lax)
    lax.flood(30, room=ali.chat)
    assert bot.send(ali.id)["parameters"]["retry_after"] == 30
    lax.clear_faults()
    lax.fault("error", "sendMessage", code=500)
    assert bot.error("sendMessage", chat_id=ali.id, text="x") == (500, "Internal Server Error")
    lax.fault("lose_answer", "sendMessage")
    with pytest.raises((http.client.HTTPException, OSError)):
        bot.send(ali.id, "arrived")
    assert ali.chat.last.text == "arrived"
    lax.fault("malformed", "getMe")
    with pytest.raises(ValueError, match="JSON|Expecting"):
        bot.call("getMe")
    lax.conflict(600)
    assert bot.error("getUpdates")[0] == 409
    lax.clear_faults()
    assert bot.call("getUpdates")["ok"]
    assert not lax.refused


@pytest.mark.parametrize("how", ["refuse", "reset", "502", "hang"])
def test_outages(lax, ali, bot, how):
    with lax.away(how):
        conn = http.client.HTTPConnection(bot.where.hostname, bot.where.port,
                                          timeout=0.5 if how == "hang" else 60)
        try:
            conn.request("GET", f"/bot{lax.token}/getMe")
            assert conn.getresponse().status == 502
        except (OSError, http.client.HTTPException):
            assert how != "502"
    assert bot.call("getMe")["ok"]


def test_expected_refusals(lax, ali, bot):
    with lax.expect_refusal("chat not found"):
        bot.send(5)
    assert not lax.refused
    with pytest.raises(AssertionError), lax.expect_refusal("chat not found"):
        bot.send(ali.id)
    bot.call("sendDice", chat_id=ali.id)
    assert "does not model sendDice" in lax.refused[0].description


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize("login", [{}, {"user": "u", "password": "p"}])
def test_proxies_resolve_names_themselves(lax, kind, login):
    with lax.proxy(kind, **login) as proxy:
        with httpx.Client(proxy=proxy.url.replace("socks5h", "socks5"), timeout=30) as client:
            url = f"http://api.telegram.invalid/bot{lax.token}/getMe"
            for _ in range(2):
                assert client.get(url).json()["result"]["id"] == lax.world.bot.id
        assert set(proxy.asked) == {("name", "api.telegram.invalid")}
        if login:
            wrong = proxy.url.replace("u:p@", "u:q@").replace("socks5h", "socks5")
            with httpx.Client(proxy=wrong, timeout=30) as client, pytest.raises(Exception):  # noqa: B017
                client.get(url).raise_for_status()
            lax.wait(lambda: proxy.refused == 1, 30, "the proxy to have counted it")
