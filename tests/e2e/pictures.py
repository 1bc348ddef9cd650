"""Draws the main screens of the bot, in English and Persian, and of the command line: `make pictures`."""

import contextlib
import os
import pathlib
import sys
import threading

import terminal_picture
from bot_stage import Stage
from daemon import Daemon, program, settings_for
from simpanel import as_process
from simtelegram import in_thread

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "pictures"
NAMES = ["sara_k", "mehdi", "nima.r", "parisa", "arash", "kian", "leila_m", "omid", "mina", "babak",
         "shirin", "farhad", "vip_hasan", "vip_dariush", "tester", "office", "reza", "ali_1990", "zahra",
         "hossein", "neda", "kaveh", "roya", "yas"]
NODES = {1: "frankfurt-1", 2: "amsterdam-1", 3: "istanbul-1"}
# name → the buttons pressed from Main on, by the beginning of their data.
SCREENS = {
    "main": [],
    "settings": ["sconf"],
    "users": ["susers"],
    "reports": ["srep"],
    "admin": ["sadm"],
    "disabled": ["susers", "sdis"],
    "card": ["susers", "sdis", "scard"],
}


def press(user, message, start):
    """Presses the button whose data begins so; waits until the message has changed."""
    button = next((b for row in message.buttons for b in row
                   if b.get("callback_data", "").startswith(start)), None)
    if button is None:
        raise LookupError(f"no button {start} in\n{user.chat.text(1)}")
    versions = len(message.history)
    user.press(data=button["callback_data"], on=message)
    user.telegram.wait(lambda: len(message.history) > versions, 30, f"a change by {start}")


def draw(stage, language):
    user = stage.owners[0]
    for name, way in SCREENS.items():
        message = user.ask("/start", lambda m: any(
            b.get("callback_data") == "shelp" for row in m.buttons for b in row), 30)
        for start in way:
            press(user, message, start)
        user.chat.picture(FOLDER / f"{name}-{language}.png", last=1)
    notices = [m for m in user.chat.from_bot if any(
        b.get("callback_data", "").startswith("anot") for row in m.buttons for b in row)]
    if notices:
        user.telegram.picture(notices[-1], FOLDER / f"notification-{language}.png")


def draw_terminal(stage):
    """What the command line shows of the same panel."""
    end = ["--env", str(stage.daemon.env_file)]
    shared = stage.to_be_online[0]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
    for name, words, rows, keys in (("status", ["status"], 20, []), ("top", ["top"], 20, [(2.5, "q")]),
                                    ("explain", ["explain", shared], 50, [])):
        lines = terminal_picture.run([program(), *words, *end], environment, 130, rows, keys)
        terminal_picture.draw(" ".join(["pg-limiter", *words]), lines, FOLDER / f"terminal-{name}.png")


def one(language):
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(in_thread(limits=None))

        def make_daemon(panel, **settings):
            daemon = Daemon(settings_for(panel, **settings))
            stack.callback(daemon.close)
            stack.callback(lambda: daemon.stop(within=60))
            return daemon.start()
        stage = Stage(lambda *a: stack.enter_context(as_process(*a)), make_daemon, sim,
                      language=language, names=NAMES, nodes=NODES)
        stack.callback(stage.close)
        stage.fill().online()
        draw(stage, language)
        if language == "en":
            draw_terminal(stage)
        if sim.refused:
            raise RuntimeError(f"refused calls: {sim.refused}")


def main():
    FOLDER.mkdir(exist_ok=True)
    errors = []

    def run(language):
        try:
            one(language)
        except Exception as error:
            errors.append(f"{language}: {error}")

    threads = [threading.Thread(target=run, args=(language,)) for language in ("en", "fa")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(errors) or f"pictures are in {FOLDER}")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
