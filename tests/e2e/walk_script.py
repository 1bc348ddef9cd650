# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the walk does by a list, where no button leads: commands, buttons of notifications, topics in a group."""

import threading

from bot_tables import kind_of

# Words after a command; commands that take none, or a user, are not listed.
WORDS = {
    "set_check_interval": "120", "set_time_to_active_users": "900", "country": "IR",
    "set_special_limit": "user_24 3", "set_general_limit_number": "2", "mode": "shadow",
    "group_filter_mode": "exclude", "group_filter_add": "1", "group_filter_remove": "1",
    "admin_filter_mode": "exclude", "admin_filter_add": "admin", "add_limit_prefix": "z_ 2",
    "add_limit_postfix": "_z 2", "delete_limit_pattern": "1", "edit_limit_pattern": "3 5", "add_prefix": "reseller_one y_",
    "add_postfix": "reseller_one _y", "delete_pattern": "1", "users_by_node": "1",
    "users_by_protocol": "VLESS TCP", "clear_user_violations": "ALL",
}


def share(walkers, jobs):
    """Does jobs (functions of a walker) in as many threads as there are walkers."""
    jobs, lock = list(jobs), threading.Lock()

    def run(walker):
        while True:
            with lock:
                if not jobs:
                    return
                job = jobs.pop(0)
            job(walker)

    threads = [threading.Thread(target=run, args=(w,), daemon=True) for w in walkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def commands(walkers, tables):
    """Each command, bare and with words, and two that are none, with what was not pressed yet below it. How many."""
    texts = ["/no_such_command", "hello there"]
    for name, row in tables.commands.items():
        texts.append(f"/{name}")
        if "{0}" in row["target"]:
            texts.append(f"/{name} {WORDS.get(name, 'user_24')}")
    def run(walker, text):
        for _ in range(8):
            walker.command(text)
            button = walker.survey.wanted(walker.node()[0], walker.buttons(), claim=True)
            if button is None:
                return
            walker.press(button)

    share(walkers, [lambda w, t=t: run(w, t) for t in texts])
    return len(texts)


def notices(walkers):
    """Each kind of button of notifications, once; how many kinds. Those that open a menu are gone back from."""
    done, lock = set(), threading.Lock()

    def pick(walker):
        for message in walker.user.chat.from_bot:
            if not walker.is_notice(message):
                continue
            for button in (b for row in message.buttons for b in row):
                kind = kind_of(button["callback_data"])
                # What is asked first stands in place of the buttons: it comes before them.
                with lock:
                    if kind not in done:
                        done.add(kind)
                        return message, button
        return None, None

    def run(walker):
        walker.begin()
        for _ in range(40):
            message, button = pick(walker)
            if button is None:
                return
            walker.press_notice(message, button)

    share(walkers, [run] * len(walkers))
    return len(done)


def topics(walker, stage):
    """/topics in the group that is set, and in one that is not: each button once. How many."""
    pressed = 0
    thread = next(iter(stage.room.topics()), None)
    other = stage.telegram.group("Ops", walker.user, forum=True)
    for room, topic in ((stage.room, thread), (stage.room, None), (other, None)):
        said = walker.user.say("/topics", room, topic)
        done = set()
        while True:
            message = room.wait(lambda m: m.buttons and not walker.is_notice(m), 20, after=said.id)
            for text in (message.text, *message.labels):
                walker.check_words(text)
            button = next((b for row in message.buttons for b in row
                           if b["callback_data"].startswith("atop") and
                           kind_of(b["callback_data"]) not in done), None)
            if button is None:
                break
            done.add(kind_of(button["callback_data"]))
            version = len(message.history)
            walker.user.press(data=button["callback_data"], on=message, room=room, wait=20)
            stage.telegram.wait(lambda m=message, v=version: len(m.history) > v, 30, room.text)
            pressed += 1
    walker.traced()
    return pressed
