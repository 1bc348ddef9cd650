"""The REST API over TCP: logins, strictness, TLS, live changes of its settings, and the stream."""

import contextlib
import http.client
import json
import pathlib
import socket
import subprocess
import time

import pytest
from patience import deadline
from ports import free_port
from rest_client import Rest, served, tls_trusting

PASSWORD = "secret-of-the-api"


@pytest.fixture(scope="module")
def api():
    """A simulated panel, a daemon with the API on, and the way to it: (sim, daemon, rest)."""
    with served("alice", "bob", "carol", "vip_user", "john_doe", API_LOGIN_SLOWDOWN="false") as made:
        yield made


def test_login(api):
    rest = api[2]
    for user, password in ((None, None), ("admin", "wrong"), ("root", PASSWORD), ("admin", "")):
        answer = Rest(rest.port, user, password).get("/status")
        assert answer.status == 401, answer
        assert answer.code == "login_needed"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert rest.get("/status").status == 200
    for broken in ("Basic !!!", "Basic", "Bearer x", "Basic " + "QUFB" * 500):
        assert Rest(rest.port, None).get("/status", Authorization=broken).status == 401
    stranger = Rest(rest.port, None)
    for path in ("/", "/healthz", "/docs", "/docs.js", "/docs.css", "/openapi.json"):
        assert stranger.get(path).status == 200, path
    assert stranger.get("/nowhere").status == 401
    assert rest.get("/nowhere").status == 404


def test_methods_types_and_heads(api):
    rest = api[2]
    answer = rest("DELETE", "/status")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert rest("BREW", "/users/limits").headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    answer = rest("OPTIONS", "/users/limits")
    assert answer.status == 204 and answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    answer = rest("HEAD", "/status")
    assert answer.status == 200 and answer.body == b"" and int(answer.headers["Content-Length"]) > 50
    assert rest("POST", "/users/limits", b"a=1", Content_Type="text/plain").status == 415
    answer = rest("POST", "/users/limits", b'{"username":"\xff","limit":1}')
    assert answer.status == 400, answer
    assert rest.get("/users/limits/%ff").status == 400
    assert rest.get("/users/limits/%zz").status == 400
    assert rest("PUT", "/config/limit?limit=%ff").status == 422


def test_requests_that_are_not_clear(api):
    rest = api[2]
    login = f"Authorization: {rest.headers()['Authorization']}\r\n"
    host = "Host: a\r\n"
    end = "Connection: close\r\n\r\n"
    cases = {
        "no host": ("GET /status HTTP/1.1\r\n" + login + end, 400),
        "two hosts": ("GET /status HTTP/1.1\r\n" + host + host + login + end, 400),
        "two lengths": ("PUT /config/limit HTTP/1.1\r\n" + host + login + "Content-Length: 2\r\n" * 2
                        + "Content-Type: application/json\r\n" + end + "{}", 400),
        "length and chunks": ("PUT /config/limit HTTP/1.1\r\n" + host + login
                              + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" + end
                              + "0\r\n\r\n", 400),
        "negative length": ("PUT /config/limit HTTP/1.1\r\n" + host + login
                            + "Content-Length: -2\r\n" + end, 400),
        "too large": ("PUT /config/limit HTTP/1.1\r\n" + host + login + "Content-Length: 1048577\r\n"
                      "Content-Type: application/json\r\n" + end + " " * 1048577, 413),
        "far too large": ("PUT /config/limit HTTP/1.1\r\n" + host + login
                          + "Content-Length: 99999999999\r\nContent-Type: application/json\r\n" + end,
                          413),
        "NUL": ("GET /a%00b HTTP/1.1\r\n" + host + login + end, 400),
        "whole URL": ("GET http://a/status HTTP/1.1\r\n" + host + login + end, 400),
        "many headers": ("GET /status HTTP/1.1\r\n" + host + login
                         + "".join(f"X-{i}: 1\r\n" for i in range(200)) + end, 400),
    }
    for name, (text, status) in cases.items():
        got = rest.raw(text.encode())
        assert got.startswith(f"HTTP/1.1 {status} ".encode()), (name, got[:200])
    # The library ends these itself: a head larger than there is room for, an early end.
    got = rest.raw(("GET /status HTTP/1.1\r\n" + host + "X: " + "a" * 200000 + "\r\n\r\n").encode())
    assert b" 200 " not in got[:20], got[:100]
    with socket.create_connection(("127.0.0.1", rest.port)) as s:
        s.sendall(b"POST /users/limits HTTP/1.1\r\nHost: a\r\nContent-Le")
    assert rest.get("/healthz").status == 200


def test_clients_that_go_in_the_middle_are_forgotten(api):
    """Each of two times 90 sends half a body and goes: they do not count as connected until the deadline."""
    _, d, rest = api
    head = ("POST /users/limits HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n"
            f"Authorization: {rest.headers()['Authorization']}\r\n\r\n").encode()

    def connected():
        """Connections to the port of the API that the daemon has not closed; those closed have no inode."""
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return len([r for r in rows if r[1].endswith(f":{rest.port:04X}") and r[3] in ("01", "08") and r[9] != "0"])
    for part in (b'{"limit":', b""):
        for _ in range(90):
            with socket.create_connection(("127.0.0.1", rest.port)) as s:
                s.sendall(head + part)
        d.wait(lambda: connected() == 0, what="they are gone")
    # Who only has nothing more to say gets his answer.
    with socket.create_connection(("127.0.0.1", rest.port)) as s:
        s.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        time.sleep(2.5)
        got = b""
        while more := s.recv(65536):
            got += more
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"}")
    assert rest.get("/users/limits").status == 200


def test_values_that_are_wrong_are_named(api):
    rest = api[2]
    for method, path, body, word in (
            ("POST", "/users/limits", {"username": "alice"}, "limit is missing"),
            ("POST", "/users/limits", {"username": "alice", "limit": "3"}, "0 to 10000"),
            ("POST", "/users/limits", {"username": "alice", "limit": 10001}, "0 to 10000"),
            ("POST", "/users/limits", {"username": "alice", "limit": 1, "x": 1}, '"x" is not known'),
            ("PUT", "/config/interval", {"interval": 5}, "10 to 3600"),
            ("PUT", "/config/country", {"country": "Iran"}, "country"),
            ("PATCH", "/config", {"general_limt": 3}, "general_limit"),
            ("PATCH", "/config", {}, "no setting"),
            ("POST", "/users/disabled/enable-all", {"since": "soon"}, "30m")):
        answer = rest(method, path, body)
        assert answer.status == 422 and answer.code == "invalid", (path, answer)
        assert word in answer.json["detail"], answer
    answer = rest("POST", "/users/limits", {"username": "nobody-such", "limit": 3})
    assert answer.status == 404, answer
    assert rest.get("/users/limits").json["total"] == 0


def test_a_page_of_elsewhere_may_not_act(api):
    rest = api[2]
    answer = rest("POST", "/users/disabled/enable-all", Origin="https://evil.example")
    assert answer.status == 403 and answer.code == "forbidden"
    same = rest("POST", "/users/disabled/enable-all", Origin=f"http://127.0.0.1:{rest.port}")
    assert same.status == 200, same
    answer = rest.get("/status", Origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer.headers


def events_of(response, count=1):
    """Reads so many server-sent events: a list of (id, object)."""
    found, number, end = [], None, deadline(30)
    while len(found) < count:
        assert time.monotonic() < end, f"only {found}"
        line = response.readline().decode()
        assert line, f"the stream has ended after {found}"
        line = line.rstrip("\n")
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("data: "):
            found.append((number, json.loads(line[6:])))
    return found


@contextlib.contextmanager
def stream(rest, path="/events", **headers):
    with contextlib.closing(rest.connect()) as conn:
        conn.request("GET", path, headers={**rest.headers(), **headers})
        yield conn.getresponse()


def test_events_come_as_they_happen(api):
    _, d, rest = api
    with stream(rest) as response:
        assert response.getheader("Content-Type") == "text/event-stream"
        assert response.readline() == b"retry: 3000\n"
        assert rest("POST", "/users/except", {"username": "bob", "reason": "seen live"}).status == 200
        found = events_of(response)
        assert found and found[0][1]["kind"] == "except" and found[0][1]["username"] == "bob"
        assert found[0][1]["who"] == "api:admin", found
        last = found[0][0]
    assert rest("DELETE", "/users/except/bob").status == 200
    for header, path in (({"Last-Event-ID": str(last)}, "/events"), ({}, f"/events?after={last}")):
        with stream(rest, path, **header) as response:
            found = events_of(response)
            assert [n for n, _ in found] == [last + 1], found
    listed = rest.get("/events?limit=1", Accept="application/json").json
    assert listed["data"][0]["id"] == last + 1 and listed["total"] >= 2
    with stream(rest, **{"Last-Event-ID": "x"}) as response:
        assert response.status == 422

    def fill():
        with contextlib.ExitStack() as stack:
            return [stack.enter_context(stream(rest)).status for _ in range(17)]
    # Those that were closed above are noticed within a second, and make room.
    d.wait(lambda: fill() == [200] * 16 + [503], 10, step=1)


@pytest.fixture
def cert(tmp_path):
    def make(name):
        files = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days", "2",
                        "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
        return files
    return make


def served_by(port):
    """The subject's name of the certificate that is served."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_settings_change_at_a_signal(lab, daemon, cert):
    """TLS, its reload, wrong files, the password, the port, off and on: always with one running daemon."""
    sim = lab("--nodes", "1")
    first, second = free_port(), free_port()
    d = daemon(sim, API_ENABLED="false", API_PORT=first, ADMIN_IDS="123456789", API_USERNAME=None)
    with pytest.raises(OSError):
        Rest(first).get("/healthz")

    def reload(pattern, **settings):
        since = len(d.log)
        d.write_env(**settings)
        d.reload()
        d.wait_log(pattern, since=since)

    # Without a password: the first admin's chat id, on this machine only.
    reload(f"listening on http://127.0.0.1:{first}", API_ENABLED="true")
    chat = Rest(first, password="123456789")
    assert chat.get("/status").status == 200
    answer = chat.get("/status", X_Forwarded_For="8.8.4.4")
    assert answer.status == 403 and answer.code == "forbidden"
    assert Rest(first, password="987654321").get("/status").status == 401
    reload("read again", API_PASSWORD=PASSWORD)
    assert chat.get("/status").status == 401
    assert Rest(first).get("/status", X_Forwarded_For="8.8.4.4").status == 200

    one, two = cert("one"), cert("two")
    reload(r"API_TLS_CERT: .* cannot be read", API_TLS_CERT=str(one[0]) + "x", API_TLS_KEY=one[1])
    reload(r"is not the key of the certificate", API_TLS_CERT=one[0], API_TLS_KEY=two[1])
    assert Rest(first).get("/status").status == 200, "what served before goes on"
    assert any("not the key" in p for p in d.status()["problems"])
    reload("listening on https://", API_TLS_CERT=one[0], API_TLS_KEY=one[1])
    assert Rest(first, tls=tls_trusting(one[0])).get("/status").status == 200
    assert "CN = one" in served_by(first)
    one[0].write_bytes(two[0].read_bytes())
    one[1].write_bytes(two[1].read_bytes())
    reload("listening on https://")
    assert "CN = two" in served_by(first)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", second))
        taken.listen()
        reload("cannot listen on .* in use", API_PORT=second, API_TLS_CERT=None, API_TLS_KEY=None)
        assert "CN = two" in served_by(first)
        assert any(str(second) in p for p in d.status()["problems"])
    d.wait(lambda: d.status()["api"] == f"http://127.0.0.1:{second}", 15)
    assert Rest(second).get("/status").status == 200
    reload("no longer listening", API_ENABLED="false")
    with pytest.raises(OSError):
        Rest(second).get("/healthz")


def test_wrong_logins_have_to_wait(lab, daemon):
    port = free_port()
    d = daemon(lab("--nodes", "1"), API_ENABLED="true", API_PORT=port, API_PASSWORD=PASSWORD,
               API_CORS_ORIGINS="https://panel.example.com")
    wrong, right = Rest(port, password="wrong"), Rest(port)
    assert [wrong.get("/status").status for _ in range(5)] == [401] * 5

    def has_to_wait():
        """He waits a second, and twice as long after each wrong one that follows: this test may be slower than that."""
        answer = right.get("/status")
        if answer.status == 200:
            assert [wrong.get("/status").status for _ in range(5)] == [401] * 5
        return answer.status == 429 and answer
    answer = d.wait(has_to_wait)
    assert answer.code == "slow_down", answer
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert Rest(port, None).get("/healthz").status == 200
    d.wait(lambda: right.get("/status").status == 200)
    assert d.status()["running"]
    # A web page that the settings know may call.
    answer = right("POST", "/users/disabled/enable-all", Origin="https://panel.example.com")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://panel.example.com"
    answer = Rest(port, None)("OPTIONS", "/users/limits", Origin="https://panel.example.com",
                              Access_Control_Request_Method="POST")
    assert answer.status == 204 and "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_the_daemon_stops_with_streams_open(lab, daemon):
    port = free_port()
    d = daemon(lab("--nodes", "1"), API_ENABLED="true", API_PORT=port, API_PASSWORD=PASSWORD)
    for last in (False, False, True):  # held up by other work it may take longer; not each time
        with stream(Rest(port)) as response:
            assert response.status == 200
            took = d.stop()
            with contextlib.suppress(http.client.HTTPException, OSError):
                response.read()
        if took < 5:
            break
        assert not last, f"stopped after {took:.1f} s"
        d.start()
