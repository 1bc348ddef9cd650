"""The Bot API as an HTTP application: routes, reading of calls, long polls, faults, the list of calls."""

import asyncio
import fnmatch
import json
import math
import re
import time
from urllib.parse import parse_qs, unquote

from simpanel.http import REASONS, Gone, head_bytes, http_date

from . import methods_chat, schema
from .errors import CONFLICT, ApiError, bad, too_many
from .flood import Flood
from .methods import EDITS, METHODS, SENDS
from .world import PRIVATE

assert methods_chat  # its methods register themselves
POLL_MAX = 50
BAD_GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body></body>\r\n</html>\r\n"


class Call:
    """One call of the bot. `code` and `description` are of an error; `fault`: it was made to fail."""

    def __init__(self, n, method, now):
        self.n = n
        self.method = method
        self.at = now
        self.wall = time.time()
        self.values = {}
        self.complaints = []
        self.ended = None
        self.result = None
        self.code = None
        self.description = None
        self.parameters = {}
        self.fault = None
        self.expected = False

    @property
    def refused(self):
        """Whether the bot did something that Telegram refuses, or would be right to refuse."""
        return (self.fault is None and not self.expected and
                (self.code is not None or bool(self.complaints)))

    def __repr__(self):
        shown = {k: (v if len(str(v)) < 300 else str(v)[:300] + "…") for k, v in self.values.items()}
        end = f"{self.code} {self.description}" if self.code else "ok" if self.ended else "open"
        more = f" complaints: {'; '.join(self.complaints)}" if self.complaints else ""
        return f"#{self.n} {self.method}({shown}) → {end}{more}"


class Fault:
    """One rule: calls whose method matches fail in a way, `count` times (-1: always)."""

    KINDS = ("error", "drop", "lose_answer", "delay", "hang", "malformed")

    def __init__(self, kind, method="*", count=1, chat=None, **args):
        if kind not in self.KINDS:
            raise ValueError(f"unknown fault {kind}; known: {', '.join(self.KINDS)}")
        self.kind = kind
        self.method = method
        self.count = count
        self.chat = chat
        self.args = args

    def strikes(self, call):
        if self.count == 0 or not fnmatch.fnmatchcase(call.method, self.method):
            return False
        if self.chat is not None and call.values.get("chat_id") != self.chat:
            return False
        self.count -= 1
        return True


def multipart(body, kind):
    """Fields and files of a form: ({name: text}, {name: (file name, bytes)})."""
    found = re.search(r'boundary="?([^";,]+)"?', kind)
    if not found:
        raise bad("can't find boundary in the Content-Type header")
    fields, files = {}, {}
    mark = b"--" + found.group(1).encode("latin-1")
    for part in body.split(mark)[1:]:
        if part.startswith(b"--"):
            break
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        data = data.removesuffix(b"\r\n")
        text = head.decode("utf-8", "replace")
        name = re.search(r'\bname="([^"]*)"', text)
        if not name:
            continue
        file = re.search(r'\bfilename="([^"]*)"', text)
        if file:
            files[name.group(1)] = (file.group(1), data)
        else:
            fields[name.group(1)] = data.decode("utf-8", "surrogateescape")
    return fields, files


def read_call(request):
    """Raw values and files of a request, from its query and its body of any of the four forms."""
    raw = {k: v[-1] for k, v in request.query.items()}
    files = {}
    kind = request.headers.get("content-type", "")
    if request.method == "POST" and request.body:
        if kind.startswith("application/json"):
            try:
                value = json.loads(request.body)
            except ValueError:
                raise bad("can't parse JSON object") from None
            if not isinstance(value, dict):
                raise bad("object expected")
            raw.update(value)
        elif kind.startswith("multipart/form-data"):
            fields, files = multipart(request.body, kind)
            raw.update(fields)
        elif kind.startswith("application/x-www-form-urlencoded"):
            text = request.body.decode("utf-8", "surrogateescape")
            raw.update({k: v[-1] for k, v in parse_qs(text, keep_blank_values=True).items()})
    return raw, files


class TelegramApp:
    """Answers `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

    def __init__(self, world, limits):
        self.world = world
        self.flood = Flood(limits)
        self.mode = None  # of an outage: hang, 502, reset
        self.tokens_revoked = set()  # that a test took away: who still has one has done nothing wrong
        self.revoked = False
        self.conflict_until = 0.0
        self.faults = []
        self.poll = None
        self.loop = None
        world.on_update = self.updated

    @property
    def revoked(self):
        """Whether the token of now is refused."""
        return self._revoked

    @revoked.setter
    def revoked(self, yes):
        self._revoked = yes
        if yes:
            self.tokens_revoked.add(self.world.token)

    def updated(self):
        poll = self.poll
        if poll is not None and self.loop is not None:
            self.loop.call_soon_threadsafe(poll.wake.set)

    async def handle(self, request, conn):
        if self.mode == "hang":
            await asyncio.sleep(3600)
        if self.mode == "reset":
            conn.close(rst=True)
            raise Gone()
        if self.mode == "502":
            self.send(conn, request, 502, BAD_GATEWAY, "text/html")
            return
        path = unquote(request.raw_path)
        if path.startswith("/file/bot"):
            self.download(request, conn, path)
            return
        await self.answer(request, conn, path)

    def send(self, conn, request, status, body, kind="application/json", headers=()):
        head = [("Server", "nginx/1.18.0"), ("Date", http_date()), ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Connection", "close" if request.close else "keep-alive"), *headers]
        conn.send(head_bytes(status, head, REASONS.get(status, "")) + body)

    async def answer(self, request, conn, path):
        call = None
        try:
            name = self.method_of(path)
            raw, files = read_call(request)
            with self.world.lock:
                call = self.begin(name, raw, files)
            if call.fault is not None and await self.before(call, conn):
                return
            result = await self.run(call)
        except ApiError as error:
            body = {"ok": False, "error_code": error.code, "description": error.description}
            if error.parameters:
                body["parameters"] = error.parameters
            self.end(call, error=error)
            status, headers = error.code, ()
            if "retry_after" in error.parameters:
                headers = [("Retry-After", str(error.parameters["retry_after"]))]
        else:
            body, status, headers = {"ok": True, "result": result}, 200, ()
            self.end(call, result=result)
            if call.fault == "lose_answer":
                conn.close()
                raise Gone()
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        self.send(conn, request, status, data, headers=headers)

    def method_of(self, path):
        found = re.fullmatch(r"/bot([^/]*)/([^/]*)/?", path)
        if not found:
            raise ApiError(404, "Not Found")
        token, name = found.groups()
        if not re.fullmatch(r"\d+:[\w-]+", token):
            raise ApiError(404, "Not Found")
        known = schema.BY_LOWER.get(name.lower())
        if token != self.world.token or self.revoked:
            self.note(known or name, 401, "Unauthorized", token in self.tokens_revoked)
            raise ApiError(401, "Unauthorized")
        if known is None:
            self.note(name, 404, "Not Found: method not found")
            raise ApiError(404, "Not Found: method not found")
        return known

    def note(self, name, code, description, revoked=False):
        """A call that got no further than its address."""
        with self.world.lock:
            call = Call(len(self.world.calls) + 1, name, time.monotonic())
            call.code, call.description, call.ended = code, description, call.at
            call.fault = "revoked" if revoked else None
            self.world.calls.append(call)
            self.world.tell()

    # -- a call --------------------------------------------------------------------------------

    def begin(self, name, raw, files):
        call = Call(len(self.world.calls) + 1, name, time.monotonic())
        call.values, call.complaints = schema.read_params(name, raw, files)
        fault = next((f for f in self.faults if f.strikes(call)), None)
        if fault is not None:
            call.fault, call.fault_args = fault.kind, fault.args
        self.world.calls.append(call)
        self.world.tell()
        return call

    def end(self, call, result=None, error=None):
        if call is None:
            return
        with self.world.lock:
            call.ended = time.monotonic()
            call.result = result
            if error is not None:
                call.code, call.description = error.code, error.description
                call.parameters = error.parameters
            for name, value in call.values.items():
                if isinstance(value, tuple):  # a file: its bytes live on in the message
                    call.values[name] = f"file {value[0]} of {len(value[1])} bytes"
            self.world.tell()

    async def before(self, call, conn):
        """Carries out a fault that strikes before the call; True: there is no answer any more."""
        args = call.fault_args
        if call.fault == "error":
            raise ApiError(args.get("code", 500), args.get("text", "Internal Server Error"),
                           **args.get("parameters", {}))
        if call.fault == "delay":
            await asyncio.sleep(args.get("seconds", 1))
        if call.fault == "hang":
            await asyncio.sleep(args.get("seconds", 3600))
        if call.fault == "malformed":
            conn.send(head_bytes(200, [("Content-Length", "9")]) + b'{"ok": tr')
            return True
        if call.fault == "drop":
            conn.close()
            raise Gone()
        return False

    async def run(self, call):
        if call.method == "getUpdates":
            return await self.get_updates(call)
        with self.world.lock:
            handler = METHODS.get(call.method)
            if handler is None:
                raise bad(f"simtelegram does not model {call.method}")
            if call.method in SENDS or call.method in EDITS:
                self.count(call)
            return handler(self.world, call.values)

    def count(self, call):
        chat = self.world.chats.get(call.values.get("chat_id"))
        if chat is None:
            return
        wait = self.flood.still_closed(chat.id)
        forced = bool(wait) and self.flood.forced
        wait = wait or self.flood.wait(chat.id, chat.kind != PRIVATE, call.method in EDITS)
        if wait:
            call.fault = "flood" if forced else None
            raise too_many(math.ceil(wait))

    # -- updates -------------------------------------------------------------------------------

    async def get_updates(self, call):
        if time.monotonic() < self.conflict_until:
            call.fault = "conflict"
            raise ApiError(409, CONFLICT)
        if self.world.webhook:
            raise ApiError(409, "Conflict: can't use getUpdates method while webhook is active; use "
                                "deleteWebhook to delete the webhook first")
        number = {n: v if isinstance(v, int) else 0 for n, v in call.values.items()}
        limit = min(100, number.get("limit", 100)) or 100
        end = time.monotonic() + min(POLL_MAX, max(0, number.get("timeout", 0)))
        poll = Poll()
        if self.poll is not None:
            self.poll.ended = ApiError(409, CONFLICT)
            self.poll.wake.set()
        self.poll = poll
        try:
            if "allowed_updates" in call.values:
                self.world.allowed = call.values["allowed_updates"]
            while True:
                poll.wake.clear()
                if poll.ended:
                    if poll.ended.code == 401 or time.monotonic() < self.conflict_until:
                        call.fault = "revoked" if poll.ended.code == 401 else "conflict"
                    raise poll.ended
                with self.world.lock:
                    found = self.world.take(number.get("offset", 0), limit)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                try:
                    await asyncio.wait_for(poll.wake.wait(), left)
                except TimeoutError:
                    pass
        finally:
            if self.poll is poll:
                self.poll = None

    def end_poll(self, error):
        """Ends the poll that waits now with an error; called in the loop."""
        if self.poll is not None:
            self.poll.ended = error
            self.poll.wake.set()

    def download(self, request, conn, path):
        found = re.fullmatch(r"/file/bot([^/]*)/(.*)", path)
        if found.group(1) != self.world.token or self.revoked:
            error = {"ok": False, "error_code": 401, "description": "Unauthorized"}
            self.send(conn, request, 401, json.dumps(error).encode())
            return
        with self.world.lock:
            file = next((f for f in self.world.files.values() if f.path == found.group(2)), None)
            call = Call(len(self.world.calls) + 1, "(download)", time.monotonic())
            call.values = {"file_path": found.group(2)}
            call.ended = call.at
            if file is None or file.data is None:
                call.code, call.description = 404, "Not Found"
            self.world.calls.append(call)
            self.world.tell()
        if call.code:
            error = {"ok": False, "error_code": 404, "description": "Not Found"}
            self.send(conn, request, 404, json.dumps(error).encode())
        else:
            self.send(conn, request, 200, file.data, "application/octet-stream")


class Poll:
    """One getUpdates that waits."""

    def __init__(self):
        self.wake = asyncio.Event()
        self.ended = None
