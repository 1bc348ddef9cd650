"""The panel as an HTTP application: routing, authentication, latency, faults and the journal."""

import asyncio
import fnmatch
import json
import re
import time
from collections import deque

from .auth import Auth
from .errors import ApiError
from .faults import Faults
from .http import Gone, Response, response_bytes

JOURNAL_MAX = 200_000
JOURNAL_BODY = 64 * 1024

# Medians of the recordings (INDEX.tsv), in seconds; first match counts.
REAL_LOGIN = 0.350
REAL_LATENCY = (
    ("PUT", "/api/user/*", 0.036),
    ("POST", "/api/users/bulk/*", 0.053),
    ("GET", "/api/node/*online_stats/*", 0.027),
    ("GET", "/api/users*", 0.014),
    ("GET", "/api/node*", 0.010),
    ("*", "/health", 0.002),
    ("*", "*", 0.010),
)


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Call:
    """One request on its way through a route."""

    __slots__ = ("request", "caller", "scope", "params", "json", "conn", "entry", "fault")

    def __init__(self, request, conn):
        self.request = request
        self.conn = conn
        self.caller = None
        self.scope = 0
        self.params = {}
        self.json = None
        self.entry = None
        self.fault = None

    def query(self, name, default=None):
        values = self.request.query.get(name)
        return values[-1] if values else default

    def queries(self, name):
        return self.request.query.get(name, [])


class Route:
    """`method path`, who may call it, and the handler. `body` says that it takes JSON."""

    def __init__(self, method, path, handler, need=None, body=False, open=False, since=0, until=99):
        self.method = method
        self.handler = handler
        self.need = need
        self.body = body
        self.open = open
        self.since = since
        self.until = until
        self.pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z")


class PanelApp:
    """Answers the panel's own API. Everything private is in control.py, on another port."""

    def __init__(self, state, routes):
        self.state = state
        self.auth = Auth(state)
        self.faults = Faults()
        self.journal = deque(maxlen=JOURNAL_MAX)
        self.journal_next = 1
        self.latency = []
        self.login_delay = 0.0
        self.ping_interval = 15.0
        self.streams = {}
        self.log_rejected = False
        self.routes = [r for r in routes if r.since <= state.version < r.until]

    # -- entry ---------------------------------------------------------------------------------

    async def handle(self, request, conn):
        entry = self.record(request)
        fault = self.faults.find(request)
        if fault is not None:
            entry["fault"] = fault.kind
        # A client that hangs up does not undo a request that has begun.
        work = asyncio.ensure_future(self.work(request, conn, entry, fault))
        work.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if entry.get("stream"):
                work.cancel()
            raise
        finally:
            entry["ms"] = round((time.monotonic() - request.received) * 1000, 3)

    async def work(self, request, conn, entry, fault):
        from .misbehave import answer, before
        if fault is not None and await before(self, fault, request, conn, entry):
            return
        call = Call(request, conn)
        call.entry = entry
        call.fault = fault
        wait = self.delay_of(request)
        if wait:
            await asyncio.sleep(wait / 2)
        try:
            result = await self.dispatch(call)
        except ApiError as error:
            result = Response(error.status, dumps({"detail": error.detail}), error.headers)
        except (Gone, asyncio.CancelledError):
            raise
        except Exception:
            import traceback
            traceback.print_exc()
            result = Response(500, b"Internal Server Error",
                              content_type="text/plain; charset=utf-8")
        if result is None:
            return
        if wait:
            await asyncio.sleep(wait / 2)
        if not isinstance(result, Response):
            result = Response(200, dumps(result))
        entry["status"] = result.status
        if fault is not None:
            await answer(fault, conn, request, result)
        else:
            conn.send(response_bytes(result, request.close))

    def delay_of(self, request):
        for method, path, seconds in self.latency:
            if method in ("*", request.method) and fnmatch.fnmatchcase(request.path, path):
                return seconds
        return 0

    def record(self, request):
        headers = request.headers
        if "x-api-key" in headers:
            auth = "key"
        else:
            auth = headers.get("authorization", "none").split(" ")[0].lower()
        body = request.body[:JOURNAL_BODY].decode("utf-8", "replace")
        entry = {"n": self.journal_next, "mono": request.received, "wall": time.time(),
                 "method": request.method, "path": request.path, "query": request.query_text,
                 "body": body, "auth": auth, "admin": None, "status": None, "ms": None,
                 "fault": None}
        self.journal_next += 1
        self.journal.append(entry)
        return entry

    # -- routing -------------------------------------------------------------------------------

    def find(self, request):
        partial = None
        for route in self.routes:
            match = route.pattern.match(request.path)
            if match is None:
                continue
            if route.method == request.method:
                return route, match.groupdict()
            partial = partial or route
        if partial is not None:
            raise ApiError(405, "Method Not Allowed", [("allow", partial.method)])
        raise ApiError(404, "Not Found")

    async def dispatch(self, call):
        route, call.params = self.find(call.request)
        if route.body:
            call.json = self.parse_json(call.request)
        if not route.open:
            call.caller = self.auth.caller(call.request.headers)
            call.entry["admin"] = call.caller.admin.username
            if route.need is not None:
                call.scope = self.auth.need(call.caller, *route.need)
        return await route.handler(self, call)

    def parse_json(self, request):
        if not request.body:
            raise ApiError(422, {"body": "Field required"})
        kind = request.headers.get("content-type", "application/json")
        if "json" not in kind:
            raise ApiError(422, {"body": NOT_A_DICT})
        try:
            value = json.loads(request.body)
        except json.JSONDecodeError as error:
            raise ApiError(422, {str(error.pos): "JSON decode error"}) from None
        except UnicodeDecodeError:
            raise ApiError(400, "There was an error parsing the body") from None
        if not isinstance(value, dict):
            raise ApiError(422, {"body": NOT_A_DICT})
        return value


NOT_A_DICT = "Input should be a valid dictionary or object to extract fields from"
