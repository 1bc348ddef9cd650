"""Runs the bot's transport and outbox alone (tests/unit/telegram/telegram_client.c)."""

import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

from panel_driver import ROOT, Client
from patience import deadline

AGAIN = "🔁 "


def program():
    build = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build" / "test"))
    return build / "tests" / "unit" / "telegram" / "telegram_client"


class Bot(Client):
    """One life of a transport with its outbox."""

    def wait(self, kind, count=1, seconds=60.0, **fields):
        return super().wait(kind, count, seconds, **fields)

    def logged(self, text, seconds=30.0):
        return super().logged(text, seconds)

    def do(self, what, **more):
        self.tell(json.dumps({"do": what, **more}))

    def put(self, chat, text, **more):
        self.do("put", chat=getattr(chat, "id", chat), text=text, **more)

    def call(self, method, mark=None, lane="now", **params):
        self.do("call", method=method, params=params, lane=lane, mark=mark)

    def now(self):
        n = len(self.found("now"))
        self.do("state")
        return self.wait("now", n + 1)[n]

    def until_empty(self, seconds=90.0):
        """Waits until nothing waits. A bot that has just begun has not counted yet: the table has."""
        end = deadline(seconds)
        while self.now()["waiting"] or self.home.sql("SELECT 1 FROM outbox LIMIT 1"):
            assert time.monotonic() < end, f"{self.now()} {self.log[-20:]}"
            time.sleep(0.05)


class Home:
    """A data directory, in which one bot at a time lives."""

    def __init__(self, telegram, folder, url=None, proxy=None, token=None):
        self.telegram = telegram
        self.folder = pathlib.Path(folder)
        self.url = url or telegram.url
        self.proxy = proxy
        self.token = token or telegram.token
        self.bots = []

    def begin(self, **environment):
        command = [str(program()), str(self.folder), self.token, self.url]
        process = subprocess.Popen([*command, *([self.proxy] if self.proxy else [])],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **environment})
        self.bots.append(Bot(process))
        self.bots[-1].home = self
        return self.bots[-1]

    def stop(self, bot):
        bot.do("stop")
        assert bot.process.wait(60) == 0, bot.log[-40:]

    def kill(self, bot):
        bot.process.kill()
        bot.process.wait(60)

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "pg-limiter.db",
                                                timeout=10)) as db:
            db.row_factory = sqlite3.Row
            with db:
                return [dict(r) for r in db.execute(text, values)]

    def close(self):
        for b in self.bots:
            if b.process.poll() is None:
                self.kill(b)
            for reader in b.readers:
                reader.join(5)
            for pipe in (b.process.stdin, b.process.stdout, b.process.stderr):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            text = "\n".join(b.log)
            assert "ERROR: " not in text and "runtime error" not in text, b.log[-60:]
            assert self.token not in text and self.token not in str(b.events)


@contextlib.contextmanager
def home(telegram, **more):
    """A data directory for bots; at its end none of them has left a sanitizer's report, or its token."""
    with tempfile.TemporaryDirectory(prefix="pgt") as folder:
        h = Home(telegram, folder, **more)
        try:
            yield h
        finally:
            h.close()
