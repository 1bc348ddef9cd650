"""What the simulator does to accounts, nodes and tokens, and the faults it can be told to make."""

import http.client
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import time

import pytest

from simpanel import as_process
from sse_reader import Reader, login, request

LINE5 = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} from 5\.6\.7\.8:\d+ accepted "
                   rb"tcp:www\.example\.com:443 \[VLESS TCP 1 -> DIRECT\] email: (\d+)")


def pushed(sim, node=1):
    return sim.nodes()[node]["pushed"]


# -- disabling ---------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["toggle", "status", "groups", "bulk"])
def test_disabled_users_get_no_new_connections(panel, how):
    sim = panel(tls=False)
    sim.config(disable_delay=[3, 3.1])
    sim.post("/groups", {"name": "nothing", "inbound_tags": []})
    user = sim.add_user("ali")
    token = login(sim)
    assert sim.connect(1, user, "5.6.7.8")["accepted"] == 1

    def act(on):
        path, body = {
            "toggle": (f"/api/user/by-id/{user}/disabled", {"disabled": on}),
            "status": (f"/api/user/by-id/{user}", {"status": "disabled" if on else "active"}),
            "groups": (f"/api/user/by-id/{user}", {"group_ids": [2 if on else 1]}),
            "bulk": (f"/api/users/bulk/{'disable' if on else 'enable'}", {"ids": [user]}),
        }[how]
        assert request(sim, "POST" if how == "bulk" else "PUT", path, token, body)[0] == 200

    act(True)
    assert sim.connect(1, user, "5.6.7.8")["accepted"] == 1, "the nodes hear of it later"
    sim.wait(lambda: sim.connect(1, user, "5.6.7.8")["refused"])
    before = pushed(sim)
    assert sim.connect(1, user, "5.6.7.8") == {"accepted": 0, "refused": 1, "dropped": 0}
    assert pushed(sim) == before
    assert sim.connect(1, user, "5.6.7.8", mux=True)["accepted"] == 1
    assert sim.connect(1, user, "5.6.7.8", open=True)["accepted"] == 1
    sim.config(log_rejected=True)
    sim.connect(1, user, "5.6.7.8")
    assert pushed(sim) == before + 3
    sim.config(disable_delay=[0.1, 0.2])
    act(False)
    sim.wait(lambda: sim.connect(1, user, "5.6.7.8")["accepted"])


def test_toggle_leaves_edit_at_and_resolves_the_status(panel):
    sim = panel(tls=False)
    user = sim.add_user("ali", edit_at=1.8e9)
    token = login(sim)
    for disabled in (True, False):
        body = json.loads(request(sim, "PUT", "/api/user/ali/disabled", token,
                                  {"disabled": disabled})[1])
        assert body["edit_at"] == "2027-01-15T08:00:00.000000Z"
    sim.call("PATCH", f"/user/{user}", {"expire": 1.0, "status": "disabled"})
    body = json.loads(request(sim, "PUT", f"/api/user/by-id/{user}/disabled", token,
                              {"disabled": False})[1])
    assert body["status"] == "expired"
    body = json.loads(request(sim, "PUT", f"/api/user/by-id/{user}", token, {"note": "n"})[1])
    assert body["edit_at"] > "2026" and body["edit_at"] != "2027-01-15T08:00:00.000000Z"


def test_inbounds_outside_the_groups_are_refused(panel):
    sim = panel(tls=False, nodes=2)
    sim.post("/groups", {"name": "second", "inbound_tags": ["VLESS TCP 2"]})
    user = sim.add_user("ali", group_ids=[2])
    assert sim.connect(1, user, "5.6.7.8")["refused"] == 1
    assert sim.connect(2, user, "5.6.7.8")["accepted"] == 1
    assert sim.connect(2, user, "5.6.7.8", inbound="TROJAN WS 2")["refused"] == 1


# -- lines -------------------------------------------------------------------------------------

@pytest.mark.parametrize("version,email", [(5, b"1"), (4, b"1.ali")])
def test_live_lines(panel, version, email):
    sim = panel(tls=False, version=version)
    user = sim.add_user("ali")
    reader = Reader(sim, 1, login(sim))
    sim.connect(1, user, "5.6.7.8")
    sim.connect(1, "ali", "2001:db8::7", net="udp", dest="udp:1.1.1.1:53", port=9)
    sim.connect(1, "stranger", "5.6.7.9")
    reader.until(lambda: len(reader.lines()) == 3)
    one, two, three = reader.lines()
    assert LINE5.match(one) and one.endswith(b"email: " + email)
    assert b" from udp:[2001:db8::7]:9 accepted udp:1.1.1.1:53 [" in two
    assert three.endswith(b"[IN -> DIRECT] email: stranger")


def test_clock_offset_and_age(panel):
    sim = panel(tls=False)
    user = sim.add_user("ali")
    sim.call("PATCH", "/node/1", {"clock_offset": 3600})
    reader = Reader(sim, 1, login(sim))
    sim.connect(1, user, "5.6.7.8")
    sim.connect(1, user, "5.6.7.8", age=1800)
    reader.until(lambda: len(reader.lines()) == 2)
    ahead = [time.mktime(time.strptime(line[:19].decode(), "%Y/%m/%d %H:%M:%S")) - time.timezone
             - time.time() for line in reader.lines()]
    assert abs(ahead[0] - 3600) < 5 and abs(ahead[1] - 1800) < 5


@pytest.mark.parametrize("how,four,six", [
    ("quarter", b"203.*.*.*:9", b"[2001::/16]:9"), ("half", b"203.0.*.*:9", b"[2001:db8::/32]:9"),
    ("/24+/48", b"203.0.113.*:9", b"[2001:db8::/48]:9"),
    ("full", b"[Masked IPv4]:9", b"[Masked IPv6]:9")])
def test_masked_lines_but_not_the_online_list(panel, how, four, six):
    sim = panel(tls=False)
    user = sim.add_user("ali")
    sim.call("PATCH", "/node/1", {"mask": how})
    token = login(sim)
    reader = Reader(sim, 1, token)
    for ip in ("203.0.113.7", "2001:db8::77"):
        sim.connect(1, user, ip, port=9)
    reader.until(lambda: len(reader.lines()) == 2)
    assert [re.search(rb' from (.*) accepted', line)[1] for line in reader.lines()] == [four, six]
    online = json.loads(request(sim, "GET", f"/api/node/1/online_stats/{user}/ip", token)[1])
    assert set(online["ips"]) == {"203.0.113.7", "[2001:db8::77]"}


def test_wireguard_and_silent_nodes(panel):
    sim = panel(tls=False, nodes=2)
    user = sim.add_user("ali")
    sim.call("PATCH", "/node/1", {"wireguard": True})
    sim.call("PATCH", "/node/2", {"loglevel": "none"})
    for node in (1, 2):
        for ip in ("5.6.7.8", "5.6.7.9"):
            assert sim.connect(node, user, ip)["accepted"] == 1
        assert pushed(sim, node) == 0
    token = login(sim)
    online = json.loads(request(sim, "GET", f"/api/node/online_stats/{user}/ip", token)[1])
    assert set(online["nodes"]["1"]["ips"]) == {"5.6.7.9"}
    assert set(online["nodes"]["2"]["ips"]) == {"5.6.7.8", "5.6.7.9"}


def test_generator_and_replay_keep_their_rate(panel):
    sim = panel(tls=False, users=20, nodes=2)
    began = time.monotonic()
    job = sim.post("/generate", {"rate": 500, "seconds": 30, "count": 500, "devices": 2})
    sim.wait(lambda: not sim.get("/jobs")["jobs"][0]["running"])
    assert sim.get("/jobs")["jobs"][0]["lines"] == 500 and job["kind"] == "generate"
    assert time.monotonic() - began > 0.9
    assert abs(pushed(sim, 1) - pushed(sim, 2)) < 100
    reader = Reader(sim, 1, login(sim))
    old = pushed(sim, 1)
    reader.until(lambda: len(reader.lines()) == old)
    recorded = ["2020/01/01 00:00:00.000001 from 1.2.3.4:5 accepted tcp:a:1 [x] email: 1",
                "no stamp here"]
    sim.post("/replay", {"node": 1, "lines": recorded, "rate": 1000, "count": 10, "loop": True})
    reader.until(lambda: len(reader.lines()) == old + 10)
    lines = reader.lines()[old:]
    assert lines[1::2] == [b"no stamp here"] * 5
    assert all(re.match(rb"20(?!20)\d\d/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} from 1\.2", line)
               for line in lines[::2])


# -- the online list ---------------------------------------------------------------------------

def test_online_list_follows_connections(panel):
    sim = panel(tls=False, nodes=2)
    user = sim.add_user("ali")
    token = login(sim)

    def online():
        return json.loads(request(sim, "GET", f"/api/node/online_stats/{user}/ip", token)[1])

    assert online() == {"nodes": {}}
    sim.connect(1, user, "5.6.7.8", hold=3)
    sim.connect(2, user, "127.0.0.1")
    sim.online(2, user, {"2a02::1": 1795448496})
    assert list(online()["nodes"]["1"]["ips"]) == ["5.6.7.8"]
    assert online()["nodes"]["2"] == {"ips": {"[2a02::1]": 1795448496}}
    sim.wait(lambda: online()["nodes"]["1"] == {"ips": {}})
    sim.node(2, "down")
    assert list(online()["nodes"]) == ["1"]
    sim.node(1, "restart")
    assert online() == {"nodes": {}}


# -- callers -----------------------------------------------------------------------------------

def test_tokens_end_when_told(panel):
    sim = panel(tls=False)
    token = login(sim)
    assert request(sim, "GET", "/api/admin", token)[0] == 200
    sim.post("/tokens", {"expire_in": 3})
    assert request(sim, "GET", "/api/admin", token)[0] == 200
    sim.wait(lambda: request(sim, "GET", "/api/admin", token)[0] == 401)
    sim.post("/tokens", {"ttl": 0.2})
    token = login(sim)
    sim.wait(lambda: request(sim, "GET", "/api/admin", token)[0] == 401)


def test_keys_may_only_what_they_may(panel):
    sim = panel(tls=False, users=3)
    key = sim.post("/keys", {"name": "k", "inherit": False,
                             "permissions": {"users": {"read": {"scope": 2}}}})
    header = {"X-Api-Key": key["key"]}
    assert request(sim, "GET", "/api/users", headers=header)[0] == 200
    for path, text in (("/api/node/1/logs", "nodes.logs"), ("/api/users/simple",
                       "users.read_simple"), ("/api/groups", "groups.read")):
        status, body = request(sim, "GET", path, headers=header)
        assert (status, json.loads(body)) == (403, {"detail": f"Permission denied: {text}"})
    status, body = request(sim, "PUT", "/api/user/by-id/1", headers=header, body={"note": "x"})
    assert json.loads(body)["detail"] == "Permission denied: users.update"
    sim.call("DELETE", f"/key/{key['id']}")
    assert request(sim, "GET", "/api/users", headers=header)[0] == 401


def test_unsorted_pages_repeat_and_skip_after_a_change(panel):
    sim = panel(tls=False, users=9)
    token = login(sim)

    def page(offset, sort=""):
        answer = request(sim, "GET", f"/api/users?offset={offset}&limit=3{sort}", token)[1]
        return [u["id"] for u in json.loads(answer)["users"]]

    assert page(0) == [1, 2, 3]
    sim.call("PATCH", "/user/2", {"note": "touched"})
    assert page(3) == [5, 6, 7], "4 is skipped"
    assert [page(o, "&sort=id") for o in (0, 3, 6)] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_validation_texts(panel):
    sim = panel(tls=False, users=1)
    token = login(sim)
    for body, detail in (
            ({"note": "x" * 501}, {"note": "String should have at most 500 characters"}),
            ({"group_ids": "x", "status": "gone"}, None),
            ({"hwid_limit": "many"}, None)):
        status, answer = request(sim, "PUT", "/api/user/by-id/1", token, body)
        assert status == 422
        assert detail in (None, json.loads(answer)["detail"])
        assert set(json.loads(answer)["detail"]) == set(body)
    assert request(sim, "PUT", "/api/user/by-id/1/disabled", token, {})[0] == 422


# -- faults ------------------------------------------------------------------------------------

def test_status_faults_are_counted_and_matched(panel):
    sim = panel(tls=False, users=1)
    token = login(sim)
    sim.fault("status", "/api/user/*", method="PUT", count=2, skip=1, status=404,
              body={"detail": "Group not found"}, headers={"Retry-After": "3"})
    got = [request(sim, "PUT", "/api/user/by-id/1", token, {"note": "n"})[0] for _ in range(4)]
    assert got == [200, 404, 404, 200]
    assert request(sim, "GET", "/api/user/by-id/1", token)[0] == 200
    assert [e["fault"] for e in sim.journal(method="PUT")] == [None, "status", "status", None]
    assert sim.get("/faults")["faults"][0]["hits"] == 2


def test_lost_answer_has_its_effect(panel):
    sim = panel(tls=False, users=1)
    token = login(sim)
    sim.fault("lose_answer", "/api/user/by-id/1/disabled")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        request(sim, "PUT", "/api/user/by-id/1/disabled", token, {"disabled": True})
    assert sim.user(1)["status"] == "disabled"


def test_client_that_hangs_up_does_not_undo_the_call(panel):
    sim = panel(tls=False, users=1)
    token = login(sim)
    sim.config(latency=[["PUT", "*", 6]])
    with pytest.raises(TimeoutError):
        request(sim, "PUT", "/api/user/by-id/1/disabled", token, {"disabled": True}, timeout=0.1)
    assert sim.user(1)["status"] == "active"
    sim.wait(lambda: sim.user(1)["status"] == "disabled", 2)


@pytest.mark.parametrize("kind,args,error", [
    ("drop", {}, (http.client.RemoteDisconnected, ConnectionResetError)),
    ("reset", {}, (ConnectionResetError, http.client.RemoteDisconnected)),
    ("cut_body", {"bytes": 40}, http.client.IncompleteRead),
    ("hang", {}, TimeoutError),
    ("endless_head", {"bytes": 300_000}, http.client.HTTPException),
])
def test_faults_on_the_wire(panel, kind, args, error):
    sim = panel(tls=False, users=2)
    token = login(sim)
    sim.fault(kind, "/api/users*", **args)
    with pytest.raises(error):
        request(sim, "GET", "/api/users", token, timeout=0.4 if kind == "hang" else 40)
    assert request(sim, "GET", "/api/users", token)[0] == 200


def test_a_slow_answer(panel):
    sim = panel(tls=False)
    token = login(sim)
    sim.fault("slow", "/api/nodes", bytes_per_s=2000)
    begun = time.monotonic()
    status, body = request(sim, "GET", "/api/nodes", token)
    assert status == 200 and json.loads(body)["total"] == 1
    assert 0.7 * len(body) / 2000 < time.monotonic() - begun < 40


def test_malformed_and_oversize_bodies(panel):
    sim = panel(tls=False)
    token = login(sim)
    sim.fault("malformed", "/api/nodes")
    with pytest.raises(ValueError):
        json.loads(request(sim, "GET", "/api/nodes", token)[1])
    sim.fault("oversize", "/api/nodes", bytes=3_000_000)
    assert len(json.loads(request(sim, "GET", "/api/nodes", token)[1])["pad"]) > 2_900_000


def test_restart_refuse_and_half_open(panel):
    sim = panel(users=1)
    token = login(sim)
    reader = Reader(sim, 1, token)
    sim.post("/restart", {"seconds": 3})
    reader.until(lambda: reader.ended)
    with pytest.raises(ConnectionRefusedError):
        request(sim, "GET", "/health")
    sim.wait(lambda: alive(sim), 5)
    assert request(sim, "GET", "/api/users", token)[0] == 200
    sim.post("/restart", {"seconds": 2, "keep_tokens": False})
    sim.wait(lambda: not alive(sim))
    sim.wait(lambda: alive(sim))
    assert request(sim, "GET", "/api/users", token)[0] == 401
    sim.post("/half_open", {"seconds": 3})
    with pytest.raises((TimeoutError, ssl.SSLError)):
        request(sim, "GET", "/health", timeout=0.3)
    sim.wait(lambda: alive(sim))


def alive(sim):
    try:
        return request(sim, "GET", "/health", timeout=1)[0] == 200
    except OSError:
        return False


# -- the rest ----------------------------------------------------------------------------------

def test_journal(panel):
    sim = panel(tls=False, users=1)
    token = login(sim)
    before = time.monotonic()
    request(sim, "PUT", "/api/user/by-id/1", token, {"note": "x"})
    login_entry, put = sim.journal()
    assert (login_entry["method"], login_entry["auth"], login_entry["status"]) == \
        ("POST", "none", 200)
    assert put["body"] == '{"note": "x"}' and put["auth"] == "bearer" and put["admin"] == "admin"
    assert before <= put["mono"] <= time.monotonic() and put["ms"] >= 0
    assert sim.journal(since=1, method="PUT", path="user") == [put]
    sim.clear_journal()
    assert sim.journal() == []


def test_keep_alive_pipelining_and_bad_requests(panel):
    sim = panel(tls=False)
    with socket.create_connection(("127.0.0.1", sim.port), timeout=40) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 2
                     + b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while part := sock.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200 OK\r\ndate: ") == 3
    assert data.count(b"Connection: close") == 1
    with socket.create_connection(("127.0.0.1", sim.port), timeout=40) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        data = b""
        while part := sock.recv(65536):
            data += part
    assert data.startswith(b"HTTP/1.1 400 Bad Request") and data.endswith(
        b"Invalid HTTP request received.")


def test_a_process_of_its_own():
    with as_process("--users", 5, "--nodes", 3, "--version", 4, "--latency", "real") as sim:
        token = login(sim)
        status, body = request(sim, "GET", "/api/nodes", token)
        assert status == 200 and json.loads(body)["total"] == 3
        entry = sim.wait_call("POST", "/api/admin/token")
        assert entry["ms"] > 350
        assert sim.pin.startswith("sha256//") and len(sim.pin) == 8 + 44
    assert sim.process.returncode == 0


def running(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_process_ends_with_its_parent():
    code = ("import subprocess, sys, os\n"
            "p = subprocess.Popen([sys.executable, '-m', 'simpanel', '--http', '--print-port', "
            "'--exit-with-parent'], stdout=subprocess.PIPE)\n"
            "p.stdout.readline(); print(p.pid, flush=True); os._exit(0)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=pathlib.Path(__file__).resolve().parent)
    pid, end = int(done.stdout), time.monotonic() + 30
    while running(pid):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_it_listens_on_loopback_only():
    from simpanel import Panel
    with pytest.raises(ValueError):
        Panel(host="0.0.0.0")


def test_many_users_in_sorted_pages(panel):
    sim = panel(tls=False)
    begun = time.monotonic()
    sim.post("/users", {"generate": 100_000})
    token = login(sim)
    status, body = request(sim, "GET", "/api/users?sort=id&offset=99500&limit=500", token)
    page = json.loads(body)
    assert page["total"] == 100_000 and [u["id"] for u in page["users"]][-1] == 100_000
    status, body = request(sim, "GET", "/api/users/simple?sort=id&offset=50000&limit=500", token)
    assert [u["id"] for u in json.loads(body)["users"]] == list(range(50_001, 50_501))
    assert time.monotonic() - begun < 60
