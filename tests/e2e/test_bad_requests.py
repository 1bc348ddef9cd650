"""Bad requests to every operation that /openapi.json names: refused with the part that is wrong, nothing done.

What each operation takes comes from the description, so that a new one is tried without a line here.
"""

import json
import re
import urllib.parse

import pytest
from rest_client import Rest, served

NOT_JSON = ("/docs", "/metrics", "/events", "/backup")


@pytest.fixture(scope="module")
def place():
    with served("alice", "bob", password="fuzz-secret", API_LOGIN_SLOWDOWN="false",
                USER_SYNC_HOURS=24) as (sim, d, rest):
        assert rest("POST", "/users/limits", {"username": "alice", "limit": 3}).status == 200
        assert rest("POST", "/users/except", {"username": "bob"}).status == 200
        assert rest("POST", "/patterns", {"kind": "prefix", "pattern": "vip_", "limit": 4}).status == 200
        yield d, rest, Description(rest.get("/openapi.json").json)


class Description:
    def __init__(self, api):
        self.api = api
        self.operations = [Operation(self, path, method.upper(), what)
                           for path, methods in api["paths"].items() for method, what in methods.items()]

    def whole(self, schema):
        """A schema with what it refers to."""
        if "$ref" in schema:
            return self.whole(self.api["components"]["schemas"][schema["$ref"].split("/")[-1]])
        return schema


class Operation:
    def __init__(self, description, path, method, what):
        self.path, self.method, self.what = path, method, what
        self.query = [p for p in what.get("parameters", []) if p["in"] == "query"]
        content = what.get("requestBody", {}).get("content", {})
        self.zip = "application/zip" in content
        schema = content.get("application/json", {}).get("schema")
        self.body = description.whole(schema) if schema else None
        self.public = what.get("security") == []
        self.name = f"{method} {path}"

    def address(self, **more):
        """Its path with something for each part in braces."""
        usual = {"user": "alice", "address": "8.8.8.8"}
        return re.sub(r"{(\w+)}", lambda m: more.get(m[1], usual.get(m[1], "1")), self.path)

    def needed(self):
        return {name: schema["examples"][0] for name, schema in (self.body or {}).get("properties", {}).items()
                if name in self.body.get("required", [])}


def kinds(schema):
    """The simple schemas that a value may be of."""
    if "anyOf" in schema:
        return [k for s in schema["anyOf"] for k in kinds(s)]
    return [schema]


def wrong_values(schema):
    """Values of JSON that the schema does not allow, each with why."""
    all_kinds = kinds(schema)
    if any("type" not in k and "enum" not in k for k in all_kinds):  # anything goes
        return
    types = {t for k in all_kinds for t in ([k["type"]] if isinstance(k.get("type"), str) else k.get("type", []))}
    if any("enum" in k for k in all_kinds) and "string" not in types:
        yield "none of the choices", "no such choice"
    if "object" not in types:
        yield "an object", {"a": {"b": 1}}
    if "array" not in types:
        yield "a list", [[1]]
    if not types & {"string"} and not any("enum" in k for k in all_kinds):
        yield "a text", "no number, no word\u202e"
    for k in all_kinds:
        if k.get("type") in ("integer", "number") and len(all_kinds) == 1:
            if "minimum" in k:
                yield "too little", k["minimum"] - 1
            if "maximum" in k:
                yield "too much", k["maximum"] + 1
            yield "far too much", 10 ** 18
        if k.get("type") == "string" and len(all_kinds) == 1 and "maxLength" in k:
            yield "too long", "x" * (k["maxLength"] + 1)
        if k.get("type") == "array":
            yield "a list of lists", [[[]]]


class Trials:
    def __init__(self, d, rest):
        self.d, self.rest, self.n, self.bad = d, rest, 0, []

    def refused(self, what, statuses, named, method, path, body=None, **headers):
        """Asks, and notes what is not refused as it must be."""
        self.n += 1
        answer = self.rest(method, path, body, **headers)
        said = ""
        if answer.status in statuses and answer.headers.get("Content-Type", "").startswith("application/json"):
            said = answer.json.get("detail", "")
            if answer.json.get("code") and named.lower() in said.lower() and "\n" not in said:
                return
        self.bad.append((what, method, path[:100], str(body)[:100], answer.status, said or answer.body[:150]))


def state(d):
    """All that operators entered, and what was told of it."""
    tables = ("settings", "special_limits", "exceptions", "limit_patterns", "admin_patterns", "admins", "chats",
              "enforcements", "violations", "pardons")
    there = {r["name"] for r in d.sql("SELECT name FROM sqlite_master WHERE type='table'")}
    return {t: d.sql(f"SELECT * FROM {t}") for t in tables if t in there} | {
        "events": d.sql("SELECT count(*) AS n FROM events WHERE who LIKE 'api%'")}


def try_heads(t, op):
    """What is wrong whatever the operation does with it."""
    path = op.address()
    other = "PUT" if op.method != "PUT" else "GET"
    if not op.public:
        stranger = Rest(t.rest.port, "admin", "wrong")
        answer = stranger(op.method, path, {} if op.body else None)
        t.n += 1
        if answer.status != 401 or answer.code != "login_needed":
            t.bad.append(("no login", op.name, answer))
    t.refused("unknown method", {405}, "", "BREW", path)
    answer = t.rest(other, path) if (other, op.path) not in t.known else None
    if answer is not None and not (answer.status == 405 and op.method in answer.headers["Allow"]):
        # Unless a fixed path's method is one of {user}'s.
        if not any(m == other and re.fullmatch(re.sub(r"{\w+}", "[^/]+", p), path) for m, p in t.known):
            t.bad.append(("wrong method", other, path, answer))
    if op.path not in NOT_JSON:
        t.refused("unknown query", {422}, "surely_unknown", op.method, path + "?surely_unknown=1",
                  op.needed() or None)
        t.refused("bad UTF-8 in the query", {400, 422}, "", op.method, path + "?a=%ff%fe", op.needed() or None)


def try_path(t, op):
    trials = [("bad UTF-8", {400}, "%ff"), ("NUL", {400}, "a%00b"), ("half an escape", {400}, "%z"),
              ("too long", {400}, "x" * 300), ("an id that is none", {404, 422}, "id:x")]
    # Whoever asks what holds for a name is told also of one the panel has not.
    if op.name not in ("GET /users/limits/{user}", "GET /users/except/{user}"):
        trials.append(("nobody", {404, 422}, "nobody-such"))
    for part in re.findall(r"{(\w+)}", op.path):
        for why, statuses, word in trials:
            t.refused(why, statuses, "", op.method, op.address(**{part: word}), op.needed() or None)


def try_query(t, op):
    for p in op.query:
        for why, value in wrong_values(p["schema"]):
            if isinstance(value, (dict, list)):
                continue
            t.refused(f"{p['name']} is {why}", {422}, p["name"], op.method,
                      f"{op.address()}?{p['name']}={urllib.parse.quote(str(value))}", op.needed() or None)
        if p.get("required"):
            t.refused(f"{p['name']} is missing", {422}, p["name"], op.method, op.address())


def try_body(t, op):
    path, good = op.address(), op.needed()
    if op.body is None:
        if op.method != "GET" and not op.zip:
            t.refused("a body where there is none", {400, 415, 422}, "", op.method, path, b"[1]")
        return
    t.refused("wrong content type", {415}, "", op.method, path, json.dumps(good).encode(), Content_Type="text/plain")
    for why, data in (("no JSON", b"{"), ("a list", b"[]"), ("a text", b'"x"'), ("bad UTF-8", b'{"\xff":1}'),
                      ("a name twice", b'{"limit":1,"limit":1}'), ("deep", b'{"a":' * 3000 + b"1" + b"}" * 3000)):
        t.refused(why, {400}, "", op.method, path, data)
    t.refused("an unknown member", {422}, "surely_unknown", op.method, path, {**good, "surely_unknown": 1})
    if op.path != "/import":
        t.refused("too large", {413}, "", op.method, path, b" " * (1 << 20) + b"{}")
    for name in op.body.get("required", []):
        t.refused(f"{name} is missing", {422}, name, op.method, path,
                  {k: v for k, v in good.items() if k != name})
    for name, schema in op.body.get("properties", {}).items():
        for why, value in wrong_values(schema):
            if name != "sources":  # of an import: whatever they were, the answer repeats it
                t.refused(f"{name} is {why}", {422}, name, op.method, path, {**good, name: value})


def test_every_operation_refuses_what_is_wrong(place):
    d, rest, description = place
    t = Trials(d, rest)
    t.known = {(op.method, op.path) for op in description.operations}
    before = state(d)
    assert len(description.operations) > 80
    for op in description.operations:
        if op.path in ("/", "/healthz", "/events"):  # a stream, with tests of its own
            continue
        for trial in (try_heads, try_path, try_query, try_body):
            trial(t, op)
    print(f"{t.n} requests to {len(description.operations)} operations")
    assert not t.bad, "\n".join(map(str, t.bad))
    assert state(d) == before
    assert rest.get("/healthz").status == 200 and not d.logged(r" ERROR +(api|store) ")
