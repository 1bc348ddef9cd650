"""The cache in a real Redis: every way to it, every way it fails, what it holds and what it must not."""

import contextlib
import json
import socket
import threading
import time

import pytest
from ports import free_port
from redis_server import changed_at, redis

ACL = "on >limiter-secret ~pgl:* resetchannels -@all +auth +select +ping +get +set +del +info"


def cache(d):
    return d.status()["cache"]


def uses(d, what, seconds=60.0):
    d.wait(lambda: cache(d)["in_use"] == what, seconds, f"the cache in {what}: {cache(d)}", step=0.02)
    return cache(d)


def logins(sim):
    return len(sim.journal(method="POST", path="/api/admin/token"))


def ready(sim, d):
    sim.wait(sim.streams, 60)
    d.wait(lambda: d.status()["users"]["listed"] > 0, 60, "users")


def doctor(d):
    """What the doctor says of the cache."""
    check, = [c for c in d.get("/doctor")["checks"] if c["check"] == "cache"]
    return check


def starts(d, prepare=lambda: None):
    """Starts the daemon again and again, and yields what it had logged before, as long as Redis answered too
    late for it: on a busy machine it may take longer than a start waits (0.3 s)."""
    for _ in range(6):
        d.stop()
        prepare()
        since = len(d.log)
        d.start()
        yield since
        state = cache(d)
        assert state["late"] > 0 or not d.logged(r"cache\s+Redis .* is used", since), d.tail()
    raise AssertionError(f"late at every start: {d.tail()}")


WAYS = {
    "plain": ({}, lambda r: {"REDIS_URL": f"redis://127.0.0.1:{r.port}"}, None),
    "database": ({}, lambda r: {"REDIS_URL": f"redis://localhost:{r.port}/3"}, None),
    "socket": ({}, lambda r: {"REDIS_URL": f"unix://{r.path}?db=2"}, None),
    "password": ({"config": ("--requirepass", "pass word")},
                 lambda r: {"REDIS_URL": f"redis://127.0.0.1:{r.port}", "REDIS_PASSWORD": "'pass word'"},
                 ("default", "pass word")),
    "password in the URL": ({"config": ("--requirepass", "pass/word")},
                            lambda r: {"REDIS_URL": f"redis://:pass%2Fword@127.0.0.1:{r.port}/0"},
                            ("default", "pass/word")),
    "acl": ({"acl": ACL}, lambda r: {"REDIS_URL": f"redis://limiter:limiter-secret@127.0.0.1:{r.port}/0"}, None),
    "tls": ({"tls": True}, lambda r: {"REDIS_URL": f"rediss://localhost:{r.port}/0", "REDIS_CA_FILE": r.ca}, None),
    "tls by the switch": ({"tls": True}, lambda r: {"REDIS_URL": f"redis://127.0.0.1:{r.port}", "REDIS_SSL": "true",
                                                    "REDIS_CA_FILE": r.ca}, None),
    "tls unverified": ({"tls": True}, lambda r: {"REDIS_URL": f"rediss://127.0.0.1:{r.port}",
                                                 "REDIS_TLS_VERIFY": "false"}, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_it(way, lab, daemon):
    """It is reached, and a second start finds the token there: no login."""
    options, settings, _ = WAYS[way]
    options = dict(options)
    sim = lab("--users", 20)
    with redis(*options.pop("config", ()), **options) as server:
        d = daemon(sim, **settings(server))
        d.wait_log(r"cache\s+Redis 7\.\S+ at .* is used", 60)
        state = uses(d, "redis")
        assert state["server"].startswith("Redis 7."), state
        assert "secret" not in json.dumps(state) and "word" not in json.dumps(state), state
        ready(sim, d)
        d.wait(lambda: cache(d)["kept"] >= 2, 30, "token and nodes")
        before = logins(sim)
        for since in starts(d):
            ready(sim, d)
            if d.logged("using the token of before", since) and logins(sim) == before:
                break
            before = logins(sim)
        d.wait(lambda: doctor(d)["level"] == "ok", 60, lambda: doctor(d))


REFUSALS = {
    "nobody there": (None, {}, "cannot be reached", None),
    "password wanted": ({"config": ("--requirepass", "abcdefgh")}, {}, "asks for a password", "REDIS_PASSWORD"),
    "wrong password": ({"config": ("--requirepass", "abcdefgh")}, {"REDIS_PASSWORD": "ijklmnop"}, "refuses user or password",
                       "check user and password"),
    "no password wanted": ({}, {"REDIS_PASSWORD": "ijklmnop"}, "no password, but one is set", "remove REDIS_PASSWORD"),
    "no permission": ({"acl": "on >x ~other:* +@all"}, {"login": "limiter:x@"}, "may not do", "pgl:"),
    "strange certificate": ({"tls": True}, {"scheme": "rediss"}, "certificate of .* refused", None),
    "no TLS there": ({}, {"scheme": "rediss"}, "TLS", None),
    "TLS there": ({"tls": True}, {}, "", None),
    "full": ({"config": ("--maxmemory", "1", "--maxmemory-policy", "noeviction")}, {}, "memory is full", "allkeys-lru"),
    "no such database": ({}, {"db": "/99"}, "no database of that number", "the end of REDIS_URL"),
    "a replica": ({"config": ("--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "yes")}, {}, "replica", "primary"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_refuses_is_told_with_the_cure_and_memory_used(why, lab, daemon):
    options, more, text, cure = REFUSALS[why]
    more = dict(more)
    sim = lab("--users", 5)
    with contextlib.ExitStack() as stack:
        options = None if options is None else dict(options)
        server = None if options is None else stack.enter_context(redis(*options.pop("config", ()), **options))
        url = (f"{more.pop('scheme', 'redis')}://{more.pop('login', '')}127.0.0.1:"
               f"{server.port if server else free_port()}{more.pop('db', '')}")
        d = daemon(sim, REDIS_URL=url, **more)
        line = d.wait_log(r"cache\s+memory is used, Redis is not: .*" + text, 60)
        assert line.level == "WARNING" and "ijklmnop" not in line.raw
        ready(sim, d)
        state = cache(d)
        assert state["in_use"] == "memory" and state["error"], state
        assert any("the cache is in memory only" in p for p in d.status()["problems"])
        d.wait(lambda: doctor(d)["level"] == "warning" and (cure or "") in doctor(d)["cure"], 60, lambda: doctor(d))


def test_what_tls_has_against_it_is_told_also_after_silence(lab, daemon):
    sim = lab("--users", 5)
    with redis(tls=True) as server:
        server.pause()
        d = daemon(sim, REDIS_URL=f"rediss://127.0.0.1:{server.port}")
        d.wait_log(r"cache\s+memory is used, Redis is not: .*does not answer", 60)
        server.resume()
        d.wait_log(r"cache\s+memory is used, Redis is not: .*certificate of .* refused", 60)


def test_without_redis_nothing_is_tried_or_warned_of(lab, daemon):
    sim = lab("--users", 5)
    d = daemon(sim)
    d.wait_log(r"INFO\s+cache\s+memory is used: REDIS_URL is not set", 60)
    ready(sim, d)
    assert cache(d)["in_use"] == "memory" and cache(d)["error"] is None
    assert not [line for line in d.logged(r"\bcache\b") if line.level != "INFO"]


def fall_back_and_return(d, fail, heal, why):
    """How long it took to fall back. 1 s is promised; other work on the machine may hold up one try, not all."""
    for _ in range(4):
        uses(d, "redis")
        since = len(d.log)
        begun = time.time()
        fail()
        took = changed_at(uses(d, "memory")) - begun
        d.wait_log("memory is used, Redis is not: .*" + why, 60, since=since)
        heal()
        uses(d, "redis")
        d.wait_log("is used again", 60, since=since)
        events = d.wait(lambda: (e := [r["what"] for r in d.sql("SELECT what FROM events WHERE kind='cache' ORDER BY id DESC")])
                        and "is used again" in e[0] and e, 60, "the events")
        assert "Redis is not" in events[1], events
        if took < 1.25:
            return took
    raise AssertionError(f"fell back after {took:.2f} s, and no faster three times before")


def test_it_dies_hangs_and_wants_a_password_and_comes_back(lab, daemon):
    sim = lab("--users", 5)
    with redis() as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}", REDIS_PASSWORD=None)
        ready(sim, d)
        took = {}
        took["killed"] = fall_back_and_return(d, server.kill, server.start, "ended the connection|cannot be reached")
        took["paused"] = fall_back_and_return(d, server.pause, server.resume, "not answered for 500 ms")

        def want_password():
            server.say("CONFIG", "SET", "requirepass", "abc")
            server.say("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", login=("default", "abc"))

        took["password"] = fall_back_and_return(
            d, want_password, lambda: server.say("CONFIG", "SET", "requirepass", "", login=("default", "abc")),
            "asks for a password")
        print("fell back after", {k: f"{v:.2f} s" for k, v in took.items()})
        assert cache(d)["entries"] >= 1


def test_what_changed_while_it_was_away_is_told_when_it_is_back(lab, daemon):
    """The token refused meanwhile is not the one the next start finds."""
    sim = lab("--users", 5)
    with redis("--appendonly", "yes") as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}", NODES_POLL=5)
        ready(sim, d)
        uses(d, "redis")
        d.wait(lambda: len(server.keys()) >= 3, 60, "token, nodes and the probe")
        token, = [k for k in server.keys() if ":token:" in k]
        old = server.say("GET", token)
        server.kill()
        uses(d, "memory")
        before = logins(sim)
        sim.post("/tokens", {"forget": True})
        d.wait(lambda: logins(sim) > before, 60, "a new login")
        server.start()
        uses(d, "redis")
        d.wait(lambda: server.say("GET", token) not in (None, old), 60, "the new token")


def test_a_token_the_panel_no_longer_takes_costs_one_login(lab, daemon):
    sim = lab("--users", 5)
    with redis() as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}")
        ready(sim, d)
        d.wait(lambda: any(":token:" in k for k in server.keys()), 60, "the token")
        d.stop()
        sim.post("/tokens", {"forget": True})
        before = logins(sim)
        d.start()
        ready(sim, d)
        assert logins(sim) == before + 1


def test_what_lies_in_redis_tells_nothing_and_cannot_be_forged(lab, daemon):
    """No secret, name or address in clear; swapped, cut, foreign and other kinds of values are nothing."""
    sim = lab("--users", 5, "--nodes", 2)
    with redis() as server:
        url = f"redis://127.0.0.1:{server.port}"
        d = daemon(sim, REDIS_URL=url)
        ready(sim, d)
        d.wait(lambda: len(server.keys()) >= 3, 60, "token, nodes and the probe")
        keys = server.keys()
        assert all(k.startswith("pgl:1:") for k in keys), keys
        everything = b"\n".join((server.say("GET", k) or b"") + k.encode() for k in keys)
        for word in (b"eyJ", b"admin", b"127.0.0.1", b"connected", b"node"):
            assert word not in everything.replace(b":nodes:", b""), word
        token, = [k for k in keys if ":token:" in k]
        nodes, = [k for k in keys if ":nodes:" in k]
        good = server.say("GET", token)
        assert 0 < int(server.say("TTL", token)[1:]) <= 1801
        assert 1801 < int(server.say("TTL", nodes)[1:]) <= 3601
        for bad in (b"", b"x" * 100, good[:-1]):
            def put(bad=bad):
                set_raw(server, token, bad)
                set_raw(server, nodes, good)  # sealed by us, but for another name
            before = logins(sim)
            for _ in starts(d, put):
                ready(sim, d)
                assert logins(sim) == before + 1
                before += 1
                d.wait(lambda: server.say("GET", token) != bad, 60, "a good token in its place")  # noqa: B023
                if cache(d)["foreign"] >= 2:
                    break
        d.stop()
        server.say("DEL", token)
        server.say("LPUSH", token, "a list")
        before = logins(sim)
        d.start()
        ready(sim, d)
        assert logins(sim) == before + 1
        # Another password for the same panel: what was kept with the old one is not used.
        d.stop()
        d.write_env(PANEL_USERNAME="other")
        before = logins(sim)
        d.start()
        d.wait(lambda: logins(sim) > before, 60, "a login of its own")


def set_raw(server, key, value):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(server.path))
        s.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(key), key.encode(), len(value), value))
        assert s.recv(100).startswith(b"+OK")


def test_the_token_stays_out_of_redis_when_told_so(lab, daemon):
    sim = lab("--users", 5)
    with redis() as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}")
        ready(sim, d)
        d.wait(lambda: any(":token:" in k for k in server.keys()), 60, "the token")
        d.stop()
        d.write_env(REDIS_CACHE_TOKEN="false")
        before = logins(sim)
        d.start()
        ready(sim, d)
        assert logins(sim) == before + 1
        d.wait(lambda: not any(":token:" in k for k in server.keys()), 60, "no token any more")


def test_nodes_are_followed_although_the_panel_does_not_list_them(lab, daemon):
    """At a start in an outage of the list alone; and a node that is new waits for no cache."""
    sim = lab("--users", 5, "--nodes", 3)
    with redis() as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}", NODES_POLL=5)
        ready(sim, d)
        d.wait(lambda: any(":nodes:" in k for k in server.keys()), 60, "the nodes")
        for since in starts(d, lambda: sim.fault("status", "/api/nodes", status=500)):
            known = "3 nodes known from before"
            d.wait(lambda: d.logged(known, since) or cache(d)["late"] > 0, 60)  # noqa: B023
            if d.logged(known, since):
                break
            sim.clear_faults()  # they are to be known to the next start, if this was too late
            ready(sim, d)
        d.wait(lambda: d.status()["nodes"]["streams_open"] == 3, 60, "three streams")
        sim.clear_faults()


class Stranger:
    """Something that listens where Redis should be, and says what it is told to."""

    def __init__(self, talk):
        self.talk = talk
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.count = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.socket.accept()
                self.count += 1
                threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def one(self, conn):
        with contextlib.suppress(OSError), conn:
            self.talk(conn)


def http(conn):
    conn.recv(1000)
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    conn.recv(1000)


def endless(conn):
    conn.sendall(b"$536870912\r\n")
    while True:
        conn.sendall(b"x" * 65536)


def flood(conn):
    while True:
        conn.sendall(b"+OK\r\n" * 10000)


def silent(conn):
    while conn.recv(1000):
        pass


def lists(conn):
    conn.recv(1000)
    conn.sendall(b"*1000000000\r\n" * 10)
    conn.recv(1000)


def drip(conn):
    for byte in b"$100\r\n" + b"x" * 100:
        conn.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("talk", [http, endless, flood, silent, lists, drip], ids=lambda f: f.__name__)
def test_garbage_where_redis_should_be(talk, lab, daemon):
    sim = lab("--users", 5)
    stranger = Stranger(talk)
    begun = time.monotonic()
    d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{stranger.port}")
    d.wait_log(r"cache\s+memory is used, Redis is not", 60)
    ready(sim, d)
    time.sleep(2)
    assert stranger.count <= 6 + (time.monotonic() - begun) / 7, stranger.count  # with back-off
    told = [line.text for line in d.logged(r"cache\s+memory is used")]
    assert len(set(told)) == len(told), told  # silence may be told first, and then what it says
    assert cache(d)["in_use"] == "memory"
    stranger.socket.close()


def test_further_pages_of_the_stuck_are_those_of_a_minute_ago(lab, daemon):
    """The first page is always the panel's, and an order forgets the list."""
    sim = lab("--users", 5)
    for i in range(7):
        sim.add_user(f"off{i}", status="disabled")
    d = daemon(sim)
    ready(sim, d)

    def asked():
        return sum("status=disabled" in e["query"] for e in sim.journal(method="GET", path="/api/users$"))

    before = asked()
    first = d.get("/users/disabled/stuck?limit=3")
    assert first["total"] == 7 and asked() == before + 1
    rest = d.get("/users/disabled/stuck?offset=3&limit=3")["data"] + d.get("/users/disabled/stuck?offset=6&limit=3")["data"]
    assert [u["username"] for u in first["data"] + rest] == [f"off{i}" for i in range(7)]
    assert asked() == before + 1
    sim.call("PATCH", "/user/off6", {"status": "active"})
    assert d.get("/users/disabled/stuck?limit=3")["total"] == 6
    assert asked() == before + 2
    status, answer = d.call("POST", f"/users/disabled/{first['data'][0]['username']}/adopt", {"minutes": 5})
    assert status < 300, answer
    assert d.get("/users/disabled/stuck?offset=3&limit=3")["total"] == 5
    assert asked() == before + 3


def test_the_doctor_asks_redis_without_a_daemon(lab, daemon):
    sim = lab("--users", 5)
    with redis("--maxmemory", "100mb", "--maxmemory-policy", "noeviction") as server:
        d = daemon(sim, REDIS_URL=f"redis://127.0.0.1:{server.port}")
        ready(sim, d)
        d.stop()
        told = json.loads(d.cli("doctor", "--json", check=False).stdout)
        checks = {c["subject"]: c for c in told["checks"] if c["check"] == "cache"}
        assert "Redis 7." in checks[None]["text"] and checks[None]["level"] == "ok", checks
        assert "allkeys-lru" in checks["maxmemory-policy"]["cure"], checks
        assert all(k.endswith(":alive") or ":token:" in k or ":nodes:" in k for k in server.keys())
        server.kill()
        told = json.loads(d.cli("doctor", "--json", check=False).stdout)
        check, = [c for c in told["checks"] if c["check"] == "cache"]
        assert check["level"] == "warning" and "cannot be reached" in check["text"], check
