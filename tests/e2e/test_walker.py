"""The walker itself: it finds the mistakes of a bot that makes them."""

import contextlib
import threading

import bot_texts
import pytest
from test_simtelegram import Bot
from walker import Survey, Walker

SCREENS = {
    "smain": ("Main", [("Settings", "sset"), ("Users", "susr")]),
    "sset": ("Settings", [("Limit", "slim"), ("Home", "smain")]),
    "slim": ("Limit", [("1", "alim|1"), ("2", "alim|2"), ("3", "alim|3"), ("Back", "sset"),
                       ("Home", "smain")]),
    "susr": ("Users", [("ali", "scrd|id:1"), ("reza", "scrd|id:2"), ("zoe", "scrd|id:3"),
                       ("Home", "smain")]),
    "scrd": ("Card", [("Home", "smain"), ("Back", "susr"), ("Explain", "sexp")]),
    "sexp": ("Explained", [("Home", "smain"), ("Back", "susr")]),
}


class ToyBot(threading.Thread):
    """Menus over a table, with the mistakes that a test asks for."""

    def __init__(self, sim, **wrong):
        super().__init__(daemon=True)
        self.bot = Bot(sim)
        self.wrong = wrong
        self.halt = False

    def run(self):
        while not self.halt:
            for update in self.bot.updates(timeout=1):
                if "message" in update:
                    self.show(update["message"]["chat"]["id"], None, "smain")
                else:
                    self.pressed(update["callback_query"])

    def show(self, chat, message, name):
        text, keys = {**SCREENS, **self.wrong.get("screens", {})}[name]
        markup = {"inline_keyboard": [[{"text": t, "callback_data": d}] for t, d in keys]}
        if message is None:
            self.bot.call("sendMessage", chat_id=chat, text=text, reply_markup=markup)
        else:
            self.bot.call("editMessageText", chat_id=chat, message_id=message, text=text,
                          reply_markup=markup)

    def pressed(self, query):
        data = query["data"].partition("|")[0]
        if data != self.wrong.get("silent"):
            self.bot.call("answerCallbackQuery", callback_query_id=query["id"])
        message = query["message"]
        if data == "alim":
            data = "sset"
        if data != self.wrong.get("idle"):
            self.show(message["chat"]["id"], message["message_id"], data)


@contextlib.contextmanager
def toy(telegrams, answer_s=0.7, **wrong):
    sim = telegrams(limits=None)
    bot = ToyBot(sim, **wrong)
    bot.start()
    survey = Survey("smain", bot_texts.Foreign("en"))
    yield survey, [Walker(sim, sim.user(f"Ali {i}"), survey, answer_s=answer_s) for i in range(2)]
    bot.halt = True
    bot.join(30)


def test_every_button_is_pressed_and_nothing_is_found(telegrams):
    with toy(telegrams, answer_s=20) as (survey, walkers):
        assert survey.walk(walkers, 90)
    assert survey.findings == []
    assert len(survey.kinds) == 6
    pressed = {key[1] for key in survey.pressed}
    assert pressed == {"sset", "susr", "slim", "alim|#", "scrd|id:#", "sexp", "smain"}
    assert [len(d) for key, d in survey.pressed.items() if key[1] == "alim|#"] == [2]
    assert {key[0] for key in survey.pressed if key[1] == "smain"} == set(survey.kinds) - {survey.main[0]}


@pytest.mark.parametrize(("wrong", "found"), [
    ({"silent": "sexp"}, "press not answered"),
    ({"idle": "slim"}, "nothing happened"),
    ({"screens": {"sexp": ("Explained", [])}}, "dead end: no buttons"),
    ({"screens": {"sexp": ("Explained", [("Again", "sexp2")]), "sexp2": SCREENS["sexp"]}},
     "no way home"),
    ({"screens": {"sexp": ("Explained", [("Home", "smain"), ("Again", "alim|1")])}}, "no way back"),
    ({"screens": {"sexp": ("Помощь", SCREENS["sexp"][1])}}, "not in en"),
])
def test_mistakes_are_found(telegrams, wrong, found):
    with toy(telegrams, **wrong) as (survey, walkers):
        survey.walk(walkers, 90)
    assert any(what.startswith(found) for what, _, _ in survey.findings), survey.findings


def test_nobody_ends_before_what_was_given_up_has_another_try():
    """In the last phase as well, though nothing was to press in it: else the others would wait for him."""
    survey = Survey("smain", later=["never"], refill=lambda: None, refills=0)
    walkers = survey.walkers = [Walker(None, type("User", (), {"id": i}), survey) for i in range(2)]
    survey.see(("sexp", ""), [{"callback_data": "sfind", "text": "Find"}])
    survey.give_up()
    idle = {walkers[1].user.id}
    assert not walkers[0].rest(0, idle)
    assert survey.unfinished()
    survey.give_up()
    idle.update(range(2))
    assert all(w.rest(0, idle) for w in walkers)


def test_words_of_another_language_are_seen():
    foreign = bot_texts.Foreign("ru", names=["ali_1990", "vless ws"])
    assert foreign.words("Пользователь ali_1990 · VLESS WS") == []
    assert foreign.words("Пользователь was wobbly") == ["was", "wobbly"]
    persian = bot_texts.Foreign("fa")
    assert persian.words("کاربر \u2068was wobbly\u2069 شد") == []
    assert persian.words("کاربر wobbly شد") == ["wobbly"]
    assert len(bot_texts.table()) > 10
