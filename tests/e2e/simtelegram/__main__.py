"""The simulated Telegram as a program: a chat with the bot in a terminal.

    PYTHONPATH=tests/e2e python3 -m simtelegram --id 5

prints what the daemon's .env needs. Then a line is what you write to the bot, and these are not:

    #3        presses the third button of the newest message that has buttons
    !outage HOW, !recover, !revoke, !restore, !flood SECONDS, !file NAME BYTES
    !calls    the last calls            !refused  calls that Telegram refused
    !chat     the chat once more        !picture FILE  the chat as a PNG
"""

import argparse
import sys
import threading

from .server import in_thread


def parse(argv):
    p = argparse.ArgumentParser(prog="simtelegram", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, default=0, help="port (0: any)")
    p.add_argument("--id", type=int, default=100_000_001, help="your id, for ADMIN_IDS")
    p.add_argument("--name", default="Ali", help="your name")
    p.add_argument("--no-limits", action="store_true", help="without flood limits")
    return p.parse_args(argv)


def show_news(telegram, user, halt):
    """Prints the bot's messages as they come or change."""
    seen = {}
    while not halt.is_set():
        with telegram.world.changed:
            telegram.world.changed.wait(0.5)
        for message in user.chat.from_bot:
            state = (message.edited_at, len(message.history))
            if seen.get(message.id) != state:
                seen[message.id] = state
                from .render import message_text
                print("\n".join(message_text(message)), flush=True)


def command(telegram, user, words):
    verb, rest = words[0], words[1:]
    if verb == "outage":
        telegram.outage(*rest)
    elif verb == "recover":
        telegram.recover()
        telegram.clear_faults()
    elif verb == "revoke":
        telegram.revoke_token()
    elif verb == "restore":
        telegram.restore_token()
    elif verb == "flood":
        telegram.flood(float(rest[0]))
    elif verb == "file":
        user.send_file(rest[0], size=int(rest[1]))
    elif verb == "calls":
        print("\n".join(map(repr, telegram.calls[-20:])))
    elif verb == "refused":
        print("\n".join(map(repr, telegram.refused)))
    elif verb == "chat":
        print(user.chat.text())
    elif verb == "picture":
        user.chat.picture(rest[0])
    else:
        print(__doc__)


def line_typed(telegram, user, line):
    if line.startswith("#"):
        message = next(m for m in reversed(user.chat.from_bot) if m.buttons)
        button = [b for row in message.buttons for b in row][int(line[1:]) - 1]
        press = user.press(data=button["callback_data"], on=message)
        if press.text:
            print(f"   » {press.text}")
    elif line.startswith("!"):
        command(telegram, user, line[1:].split())
    elif line:
        user.say(line)


def main(argv=None):
    options = parse(sys.argv[1:] if argv is None else argv)
    limits = {"limits": None} if options.no_limits else {}
    with in_thread(port=options.port, **limits) as telegram:
        user = telegram.user(options.name, id=options.id)
        for name, value in {**telegram.settings, "ADMIN_IDS": options.id}.items():
            print(f"{name}={value}", flush=True)
        halt = threading.Event()
        threading.Thread(target=show_news, args=(telegram, user, halt), daemon=True).start()
        for line in sys.stdin:
            try:
                line_typed(telegram, user, line.strip())
            except Exception as error:  # a slip of the hand is no reason to end
                print(f"   ! {error}")
        halt.set()


if __name__ == "__main__":
    main()
