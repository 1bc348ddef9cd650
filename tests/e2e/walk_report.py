# SPDX-License-Identifier: AGPL-3.0-or-later
"""docs/walk.md from the figures that the walk left in build/walk (make walk)."""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LANGUAGES = {"en": "English", "fa": "Persian", "ru": "Russian", "zh": "Chinese"}
ROLES = ("owner", "operator", "viewer")
COLUMNS = {"screens": "places", "kinds of buttons": "kinds", "presses": "presses", "texts": "texts", "s": "seconds",
           "findings": "findings", "not pressed": "left over", "not reached": "not reached",
           "refused calls": "refused", "over 300 ms": "slow"}
HEAD = """# The walk through the bot

Made by `make walk` (tests/e2e/test_bot_walk.py, tests/e2e/README.md): people press every button of every menu,
write a wrong and a right answer wherever a text is awaited, send every command, press every button of the
notifications, against the simulated panel and the simulated Telegram, once for every language and role.

- A *screen* is a screen, a question or a prompt; each setting counts as one of its own. A *kind* is a button of a
  screen, its arguments counted by their type; each value of a setting is one of its own.
- A *finding* is a dead end, a screen without a way home, a press without an answer, a word of another language, a
  value that was pressed and is not shown as chosen, something taken away without a question.
- *Not pressed*: buttons seen and never pressed. *Not reached*: screens, actions and inputs of the bot's own tables
  that the role may use and the walk did not come to. *Refused calls*: calls that the simulated Telegram refused,
  but for "message is not modified".
- The language with *bare*: nothing in any list.
- The time of an answer is that from the press to answerCallbackQuery, with everybody at it at once, in a build with
  sanitizers, three walks and other tests at a time on two cores.

"""


def main(folder):
    names = [n + more for more in ("", "-bare") for n in LANGUAGES]
    rows = [(name, role, json.loads(path.read_text())) for name in names for role in ROLES
            if (path := folder / f"{name}.{role}.json").exists()]
    out = [HEAD]
    out.append("| language | role | " + " | ".join(COLUMNS) + " | median | 99 % | slowest |")
    out.append("|---|---|" + "---:|" * (len(COLUMNS) + 3))
    for name, role, row in rows:
        language = LANGUAGES[name[:2]] + (", bare" if "-" in name else "")
        times = " | ".join(f"{row[k] * 1000:.0f} ms" for k in ("median", "p99", "slowest"))
        out.append(f"| {language} | {role} | " + " | ".join(str(row[k]) for k in COLUMNS.values()) + f" | {times} |")
    total = {k: sum(r[k] for _, _, r in rows) for k in COLUMNS.values()}
    out.append("| all | | " + " | ".join(str(total[k]) for k in COLUMNS.values()) + " | | | |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(main(ROOT / "build" / "walk"))
