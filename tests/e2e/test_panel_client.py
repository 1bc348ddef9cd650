"""The panel client against the simulated panel: logins, faults, streams, users, online lists."""

import contextlib
import pathlib
import socket
import ssl
import threading
import time

import pytest
from panel_driver import client

READ_ONLY_KEY = {"nodes": {"read": True, "logs": True, "stats": True},
                 "users": {"read": {"scope": 2}, "update": {"scope": 2}},
                 "groups": {"read": True}, "admins": {"read": True}}


def logins(sim):
    return len(sim.journal(path="^/api/admin/token$"))


# -- logging in ---------------------------------------------------------------------------------


def test_password_login_and_streams(panel):
    sim = panel(nodes=3, users=5)
    with client(sim) as c:
        c.wait("open", 3)
        state = c.ask("state", "state")
        assert state["up"] and state["version"] == "5.2.1" and not state["guessed"]
        assert logins(sim) == 1
        sim.lines(2, "2026/11/23 15:44:42.883276 hello one", "2026/11/23 15:44:42.883277 two")
        lines = c.wait("line", 2, node=2)
        assert [e["text"][-3:] for e in lines] == ["one", "two"]
        assert not c.logged("Bearer", 0) and not c.logged("admin-password", 0)


def test_api_key_with_few_permissions(panel):
    sim = panel(nodes=2, users=5)
    key = sim.post("/keys", {"name": "k", "inherit": False, "permissions": READ_ONLY_KEY})["key"]
    with client(sim, PANEL_API_KEY=key, PANEL_PASSWORD="") as c:
        c.wait("open", 2)
        c.wait("state", version="5.1 or later")
        assert logins(sim) == 0
        # /users/simple has a permission of its own: whole users instead.
        assert c.ask("list names", "listed")["n"] == 5
        assert c.found("page")[0]["full"]
        assert c.ask("disable 2", "user")["status"] == "disabled"
        assert sim.user(2)["status"] == "disabled"
        assert not c.logged(key, 0)


def test_wrong_password_is_tried_once(panel):
    sim = panel(nodes=2)
    with client(sim, PANEL_PASSWORD="wrong") as c:
        c.wait("state", session=4)
        for _ in range(20):
            c.tell("read 1")
            c.tell("poll")
        c.wait("user", 20)
        assert {e["name"] for e in c.found("user")} == {"login refused"}
        time.sleep(2.5)
        assert logins(sim) == 1
        told = [line for line in c.logged("refuses the login of admin") if "DEBUG" not in line]
        assert len(told) == 1 and "ERROR" in told[0]
        assert not c.logged("wrong", 0)
        assert not c.found("open")


def test_wrong_key_is_one_message(panel):
    sim = panel(nodes=2)
    with client(sim, PANEL_API_KEY="pg_key_00000000-0000-4000-8000-000000000000") as c:
        c.wait("state", session=4)
        c.tell("read 1")
        assert "PANEL_API_KEY" in c.wait("user")[0]["error"]
        time.sleep(1.5)
        assert len([x for x in c.logged("refuses PANEL_API_KEY") if "DEBUG" not in x]) == 1
        assert logins(sim) == 0


def test_one_login_for_twenty_expired_streams(panel):
    sim = panel(nodes=20)
    with client(sim) as c:
        c.wait("open", 20)
        assert logins(sim) == 1
        c.forget()
        sim.post("/tokens", {"expire_in": 0})
        sim.post("/drop", {})
        c.wait("open", 20, seconds=15)
        assert logins(sim) == 2
        assert len({e["node"] for e in c.found("open")}) == 20


def test_refused_again_right_after_login_is_no_storm(panel):
    sim = panel(nodes=5)
    with client(sim) as c:
        c.wait("open", 5)
        sim.fault("status", "/api/nodes", status=401, body={"detail": "no"}, count=-1)
        time.sleep(5)
        # The first, one for the refused token, and one more at most while that pause runs.
        assert logins(sim) <= 3
        sim.clear_faults()


def test_login_meets_a_fault_and_is_repeated(panel):
    sim = panel(nodes=1)
    sim.fault("status", "/api/admin/token", status=502, body="bad gateway", count=2)
    with client(sim) as c:
        c.wait("open", 1, seconds=15)
        assert c.logged("502")
        assert logins(sim) == 3


def test_no_panel_there(panel):
    with client(PANEL_DOMAIN="http://127.0.0.1:9") as c:
        c.wait("state", up=False)
        c.tell("read 1")
        assert c.wait("user", seconds=20)[0]["name"] == "unreachable"
        assert len(c.logged("does not answer")) == 1


# -- TLS ------------------------------------------------------------------------------------------


def test_self_signed_shows_the_pin_to_set(panel):
    sim = panel()
    with client(sim, PANEL_TLS_PIN="") as c:
        c.wait("state", up=False)
        line = c.logged("does not answer")[0]
        assert "PANEL_TLS_PIN=" + sim.pin in line
        assert "self-signed" in line or "self signed" in line
        assert "127.0.0.1" in line and "valid until 20" in line
        assert "http://" not in line.split("PANEL_TLS_PIN")[1]
    assert logins(sim) == 0


def test_wrong_pin_never_gets_the_password(panel):
    sim = panel()
    with client(sim, PANEL_TLS_PIN="sha256//" + "A" * 43 + "=") as c:
        c.wait("state", up=False)
        assert "none of the pinned" in c.logged("does not answer")[0]
    assert logins(sim) == 0


def test_one_of_several_pins(panel):
    sim = panel(nodes=1)
    with client(sim, PANEL_TLS_PIN="sha256//" + "A" * 43 + "=, " + sim.pin) as c:
        c.wait("open")


def test_ca_file(panel):
    sim = panel(nodes=1)
    with client(sim, PANEL_TLS_PIN="", PANEL_CA_FILE=sim.cert) as c:
        c.wait("open")


def test_ca_file_with_another_name(panel):
    sim = panel(nodes=1)
    with client(sim, PANEL_TLS_PIN="", PANEL_CA_FILE=sim.cert,
                PANEL_DOMAIN=f"https://127.0.0.2:{sim.port}") as c:
        c.wait("state", up=False)
        assert c.logged("does not answer")
    assert logins(sim) == 0


def test_a_name_instead_of_an_address(panel):
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        pytest.skip("this root has no /etc/hosts")
    sim = panel(nodes=1)
    with client(sim, PANEL_DOMAIN=f"localhost:{sim.port}") as c:
        c.wait("open")


def test_verify_off_is_loud(panel):
    sim = panel(nodes=1)
    with client(sim, PANEL_TLS_PIN="", PANEL_TLS_VERIFY=0) as c:
        c.wait("open")
        assert c.logged("PANEL_TLS_VERIFY is off")


def test_certificate_that_ends_soon_is_told(panel):
    sim = panel(nodes=1, cert_days=5)
    with client(sim) as c:
        c.wait("open")
        assert len(c.logged("certificate ends on")) == 1


def test_http_panel_without_scheme_shows_the_line_to_paste(panel):
    sim = panel(tls=False)
    with client(sim, PANEL_DOMAIN=f"127.0.0.1:{sim.port}", PANEL_TLS_PIN="") as c:
        c.wait("state", up=False, seconds=20)
        assert f"write PANEL_DOMAIN=http://127.0.0.1:{sim.port}" in c.logged("does not answer")[0]
    assert logins(sim) == 0


def test_bad_options_name_the_setting():
    for settings, text in (({"PANEL_DOMAIN": ""}, "PANEL_DOMAIN"),
                           ({"PANEL_DOMAIN": "x", "PANEL_PASSWORD": ""}, "PANEL_PASSWORD"),
                           ({"PANEL_DOMAIN": "x", "PANEL_TLS_PIN": "abc"}, "PANEL_TLS_PIN")):
        with pytest.raises(AssertionError), client(**settings) as c:
            assert text in c.wait("invalid")[0]["error"]


# -- faults ---------------------------------------------------------------------------------------


def test_missing_permission_is_named_once(panel):
    sim = panel(nodes=4)
    few = {**READ_ONLY_KEY, "nodes": {"read": True}}
    key = sim.post("/keys", {"name": "k", "inherit": False, "permissions": few})["key"]
    with client(sim, PANEL_API_KEY=key) as c:
        c.wait("nodes", 3)
        sim.wait(lambda: len(sim.journal(path="/logs$")) >= 4)
        assert len(c.logged("Permission denied: nodes.logs")) == 1
        assert "Permission denied: nodes.stats" in c.ask("online 1", "online")["error"]
        assert len(sim.journal(path="/logs$")) == 4


def test_5xx_is_repeated_and_4xx_is_not(panel):
    sim = panel(nodes=1, users=3)
    with client(sim, NODES_POLL=60) as c:
        c.wait("open")
        c.wait("nodes")
        sim.clear_journal()
        sim.fault("status", "/api/user/by-id/1*", status=503, body={"detail": "later"}, count=2)
        assert c.ask("read 1", "user", seconds=20)["status"] == "active"
        assert len(sim.journal(path="by-id/1")) == 3
        sim.fault("status", "/api/user/by-id/2*", status=422, body={"detail": {"a": "b"}}, count=5)
        assert c.ask("disable 2", "user")["error"].endswith("422: a: b")
        assert len(sim.journal(method="PUT")) == 1
        sim.clear_faults()


def test_retry_after_is_obeyed(panel):
    sim = panel(nodes=0, users=1)
    with client(sim, NODES_POLL=60) as c:
        c.wait("nodes")
        sim.fault("status", "/api/user/by-id/1", status=429, headers={"retry-after": "3"},
                  body={"detail": "slowly"})
        start = time.monotonic()
        assert c.ask("read 1", "user", seconds=20)["rc"] == 0
        assert 2.9 < time.monotonic() - start < 30


def test_lost_answer_of_a_change(panel):
    sim = panel(nodes=0, users=1)
    with client(sim, NODES_POLL=60) as c:
        c.wait("nodes")
        sim.clear_journal()
        # A change is sent once: who has lost its answer looks at the user before anything else.
        for fault, name in ((dict(kind="lose_answer"), "UNSURE"), (dict(kind="drop"), "UNSURE"),
                            (dict(kind="status", status=500, body="x"), "UNSURE"),
                            (dict(kind="status", status=503, body="x"), "UNREACHABLE"),
                            (dict(kind="status", status=429, body="x"), "UNREACHABLE")):
            sim.fault(path="/api/user/by-id/1*", method="PUT", **fault)
            answer = c.ask("disable 1", "user", seconds=20)
            assert answer["rc"] == {"UNSURE": -20, "UNREACHABLE": -8}[name], (fault, answer)
            assert c.ask("read 1", "user", seconds=20)["rc"] == 0  # no row of faults, so no gate
        assert len(sim.journal(method="PUT")) == 5
        sim.fault("malformed", "/api/user/by-id/1*", method="PUT")
        assert c.ask("enable 1", "user", seconds=20)["rc"] == -12  # answered, looked at, not made
        assert sim.user(1)["status"] == "disabled"


def test_bodies_that_are_none(panel):
    sim = panel(nodes=1, users=2)
    with client(sim) as c:
        c.wait("open")
        for fault in ({"kind": "malformed"}, {"kind": "oversize", "bytes": 3_000_000},
                      {"kind": "endless_head", "bytes": 500_000}, {"kind": "cut_body", "bytes": 10}):
            sim.fault(path="/api/user/by-id/1", count=3, **fault)
            answer = c.ask("read 1", "user", seconds=20)
            assert answer["rc"] != 0 and answer["error"], fault
            sim.clear_faults()
        # A broken list of nodes changes nothing.
        sim.fault("malformed", "/api/nodes", body='{"nodes":[],"total":1}')
        sim.fault("malformed", "/api/nodes")
        c.wait("nodes", len(c.found("nodes")) + 2)
        assert not c.found("close")
        assert c.ask("read 1", "user", seconds=40)["rc"] == 0


def test_hang_slow_and_half_open(panel):
    sim = panel(nodes=1, users=1)
    with client(sim, NODES_POLL=60) as c:
        c.wait("open")
        sim.fault("hang", "/api/user/by-id/1", count=1)
        start = time.monotonic()
        assert c.ask("read 1", "user", seconds=30)["rc"] == 0
        assert 10 < time.monotonic() - start < 40
        sim.fault("slow", "/api/user/by-id/1", bytes_per_s=400)
        assert c.ask("read 1", "user", seconds=30)["rc"] == 0


def test_restart_of_the_panel(panel):
    sim = panel(nodes=10)
    with client(sim) as c:
        c.wait("open", 10)
        c.forget()
        sim.post("/restart", {"seconds": 6, "keep_tokens": True})
        c.wait("close", 10)
        c.wait("state", up=False, seconds=10)
        c.wait("state", up=True, seconds=20)
        c.wait("open", 10, seconds=10)
        assert len(c.logged("does not answer")) == 1
        assert len(c.logged("answers again")) == 1
        # No storm while it was away: the gate lets one probe through at a time.
        assert logins(sim) == 1


# -- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "close", "mid_frame", "rst"])
def test_a_cut_stream_is_reopened(panel, how):
    sim = panel(nodes=1)
    with client(sim) as c:
        c.wait("open")
        sim.lines(1, "first")
        c.wait("line")
        sim.node(1, "stream", how=how)
        sim.lines(1, "second", "third")
        assert [e["text"] for e in c.wait("line", 3)] == ["first", "second", "third"]
        c.wait("open", 2)
        assert len(c.found("close")) == 1


def test_refresh_loses_nothing(panel):
    """Nothing but what the panel gives to a reader whose hanging up it has not dealt with yet."""
    sim = panel(nodes=2)

    def lost():
        return next(n["lost"] for n in sim.get("/nodes")["nodes"] if n["id"] == 1)

    with client(sim, STREAM_REFRESH=1, NODES_POLL=60) as c:
        c.wait("open", 2)
        sent = 0
        end = time.monotonic() + 30
        while len(c.found("open", node=1)) < 6 and time.monotonic() < end:
            sim.lines(1, *[f"line {sent + i}" for i in range(20)])
            sent += 20
            time.sleep(0.02)
        sim.wait(lambda: len(c.found("line")) + lost() >= sent, 10)
        numbers = [int(e["text"].split()[1]) for e in c.found("line")]
        assert len(numbers) == len(set(numbers)) == sent - lost()
        assert len(c.found("open", node=1)) >= 6
        assert lost() < sent / 20
        sim.wait(lambda: sum(s["node"] == 1 for s in sim.streams()) == 1, 10)


class SlowToNotice:
    """Carries connections to a panel; that a client will send no more, the panel hears only seconds later."""

    def __init__(self, port, seconds):
        self.to, self.seconds, self.hung_up = port, seconds, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                other = socket.create_connection(("127.0.0.1", self.to))
                for pair in ((one, other, self.seconds), (other, one, 0)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink, seconds):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            self.hung_up += 1
            time.sleep(seconds)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()


def test_a_panel_slow_to_notice_loses_nothing(panel):
    """What it gives to the stream that was replaced, until it knows, is read."""
    sim = panel(nodes=1, tls=False)
    between = SlowToNotice(sim.port, 8)
    with contextlib.closing(between), client(sim, PANEL_DOMAIN=f"http://127.0.0.1:{between.port}",
                                             STREAM_REFRESH=60, NODES_POLL=60) as c:
        c.wait("open", 1)
        c.tell("reopen 1")
        c.wait("open", 2)
        sim.wait(lambda: len(sim.streams()) == 2, 5)
        end, sent = time.monotonic() + 3, 0
        while time.monotonic() < end:
            sim.lines(1, *[f"line {sent + i}" for i in range(20)])
            sent += 20
            time.sleep(0.05)
        c.wait("line", sent, 10)
        assert sorted(int(e["text"].split()[1]) for e in c.found("line")) == list(range(sent))
        assert sum(s["lines"] > sent / 4 for s in sim.streams()) == 2, "both were given lines"
        c.wait("close", 1, 10)
        sim.wait(lambda: len(sim.streams()) == 1, 10)


def test_nodes_are_followed(panel):
    sim = panel(nodes=2)
    with client(sim) as c:
        c.wait("open", 2)
        sim.node(2, "disable")
        c.wait("node", node=2, status="disabled")
        c.wait("close", node=2)
        sim.node(2, "enable")
        c.wait("open", 2, node=2)
        new = sim.post("/nodes", {"name": "third"})["id"]
        c.wait("open", node=new)
        sim.node(new, "remove")
        c.wait("close", node=new)
        c.wait("node", node=new, changes=2)
        sim.wait(lambda: len(sim.streams()) == 2)


def test_a_node_that_reconnects_gets_a_new_stream(panel):
    sim = panel(nodes=1)
    with client(sim) as c:
        c.wait("open")
        sim.node(1, "down")
        c.wait("node", node=1, status="error")
        sim.node(1, "up")
        c.wait("node", 2, node=1, status="connected")
        sim.wait(lambda: any(not s["dead"] for s in sim.streams()), 10)
        sim.lines(1, "after")
        c.wait("line", text="after")
        sim.wait(lambda: len(sim.streams()) == 1, 10)


def test_dead_but_pinging_is_reopened_on_demand(panel):
    sim = panel(nodes=1)
    sim.config(ping_interval=0.2)
    with client(sim) as c:
        c.wait("open")
        sim.node(1, "stream", how="dead")
        sim.lines(1, "unheard")
        time.sleep(2.5)
        assert not c.found("line") and not c.found("close")
        c.tell("reopen 1")
        c.wait("line", text="unheard")
        assert len(c.found("open")) == 2
        assert c.wait("close")[0]["rc"] == 0


def test_a_frozen_stream_is_given_up(panel):
    sim = panel(nodes=1)
    sim.config(ping_interval=0.5)
    with client(sim, STREAM_IDLE=5) as c:
        c.wait("open")
        time.sleep(6)
        assert not c.found("close")
        sim.node(1, "stream", how="freeze")
        close = c.wait("close", seconds=6)[0]
        assert "silent" in close["why"]
        c.wait("open", 2)


# -- users ----------------------------------------------------------------------------------------


def test_big_listing_in_pages(panel):
    sim = panel(nodes=0, users=4321)
    with client(sim) as c:
        c.wait("nodes")
        answer = c.ask("list names", "listed", seconds=30)
        assert (answer["rc"], answer["n"], answer["first"], answer["last"]) == (0, 4321, 1, 4321)
        assert len(c.found("page")) == 3
        assert not c.found("page")[0]["full"]
        c.forget()
        answer = c.ask("list full", "listed", seconds=60)
        assert (answer["rc"], answer["n"]) == (0, 4321)
        assert len(c.found("page")) == 9 and c.found("page")[0]["groups"] == 1
        assert not c.found("disorder")


def test_listing_that_fails_is_not_complete(panel):
    sim = panel(nodes=0, users=1200)
    with client(sim, NODES_POLL=60) as c:
        c.wait("nodes")
        sim.fault("status", "/api/users?sort=id&offset=499&*", status=400, body={"detail": "x"})
        answer = c.ask("list full", "listed", seconds=30)
        assert answer["rc"] != 0 and answer["n"] == 500
        sim.fault("malformed", "/api/users?sort=id&offset=499&*")
        answer = c.ask("list full", "listed", seconds=30)
        assert answer["rc"] != 0
        sim.fault("status", "/api/users?sort=id&offset=499&*", status=502, body="x")
        assert c.ask("list full", "listed", seconds=30)["rc"] == 0


def test_users_deleted_while_listing(panel):
    sim = panel(nodes=0, users=1500)
    sim.config(latency=[["GET", "/api/users", 0.5]])
    with client(sim, NODES_POLL=60) as c:
        c.wait("nodes")
        c.tell("list full")
        c.wait("page")
        for user in range(3, 43):
            sim.call("DELETE", f"/user/{user}")
        answer = c.wait("listed", seconds=30)[0]
        # All 500 of the first page were told before they went; none after it is missing.
        assert (answer["rc"], answer["n"], answer["last"]) == (0, 1500, 1500)


def test_gone_users_are_told_from_gone_groups(panel):
    sim = panel(nodes=0, users=5)
    with client(sim, NODES_POLL=60) as c:
        c.wait("nodes")
        assert c.ask("groups 2 99", "user")["name"] == "refused"
        assert c.ask("groups 2 ,", "user")["name"] == "invalid"
        assert c.ask("groups 2 1", "user")["rc"] == 0
        assert c.ask("disable 99", "user")["name"] == "not found"
        assert [e["method"] for e in sim.journal(path="by-id/99")] == ["PUT", "GET"]
        sim.fault("status", "/api/user/by-id/3*", status=404, body={"detail": "User not found"})
        assert c.ask("disable 3", "user")["name"] == "refused"
        sim.fault("status", "/api/user/by-id/3*", status=404, body={"detail": "User not found"})
        assert c.ask("read 3", "user")["rc"] == 0
        assert c.ask("disable 3", "user")["rc"] == 0
        assert c.ask("disable 3", "user")["rc"] == 0
        assert c.ask("enable 3", "user")["status"] == "active"


def test_panel_4(panel):
    sim = panel(version=4, nodes=1, users=5)
    with client(sim, NODES_POLL=60) as c:
        c.wait("open")
        c.wait("state", version="4.0.2")
        assert c.ask("list full", "listed")["n"] == 5
        assert c.ask("disable 2", "user")["status"] == "disabled"
        assert sim.user(2)["status"] == "disabled"
        assert c.ask("enable 2", "user")["status"] == "active"
        assert c.ask("groups 2 1", "user")["rc"] == 0
        sim.online(1, 3, {"203.0.113.9": 1795448496, "2001:db8::7": 1795448490})
        assert c.ask("online 3", "online")["list"] == [
            [1, "203.0.113.9", 1795448496], [1, "2001:db8::7", 1795448490]]
        assert {e["path"] for e in sim.journal(method="PUT")} == {"/api/user/by-id/2"}


def test_version_by_what_answers(panel):
    for version, text in ((4, "3.1 or later"), (5, "5 or later")):
        sim = panel(version=version, nodes=0, users=3)
        sim.fault("status", "/api/system", status=403, body={"detail": "no"}, count=-1)
        with client(sim, NODES_POLL=60) as c:
            c.wait("state", version=text, guessed=True)
            assert c.ask("disable 2", "user")["status"] == "disabled"


def test_lookups_and_online_lists_are_paced(panel):
    sim = panel(nodes=1, users=30)
    sim.config(latency=[["GET", "/api/node/online_stats/*", 0.3],
                        ["GET", "/api/user/by-id/*", 0.3]])
    with client(sim, NODES_POLL=60, ONLINE_RATE=3) as c:
        c.wait("open")
        start = time.monotonic()
        for user in range(1, 11):
            c.tell(f"online {user}")
        for user in range(1, 16):
            c.tell(f"lookup {user}")
        c.wait("online", 10, seconds=20)
        assert 2.9 < time.monotonic() - start < 30
        c.wait("user", 15, seconds=20)
        assert time.monotonic() - start > 2.7
        assert all(e["rc"] == 0 for e in c.found("user") + c.found("online"))
        assert c.ask("online 77", "online")["error"].endswith("User not found")


# -- weight ---------------------------------------------------------------------------------------


def weigh(panel, nodes, bundle):
    """Memory (KB) and CPU (us) of a client with so many streams, verifying against a whole bundle."""
    sim = panel(nodes=nodes)
    bundle.write_text(pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text()
                      + pathlib.Path(sim.cert).read_text())
    with client(sim, NODES_POLL=60, PANEL_TLS_PIN="", PANEL_CA_FILE=bundle) as c:
        start = time.monotonic()
        c.wait("open", nodes, seconds=20)
        took = time.monotonic() - start
        assert len(sim.streams()) == nodes
        usage = c.ask("usage", "usage")
        return usage["rss_kb"], usage["cpu_us"], took


@pytest.mark.alone
def test_fifty_tls_streams_share_one_trust_store(panel, tmp_path):
    """Each stream loading all certificates again would cost 35 ms and 900 KB (twice under ASan)."""
    rss1, cpu1, _ = weigh(panel, 1, tmp_path / "ca.pem")
    rss50, cpu50, took = weigh(panel, 50, tmp_path / "ca.pem")
    assert took < 20
    assert (rss50 - rss1) / 49 < 1100
    assert (cpu50 - cpu1) / 49 < 15_000


def test_nothing_but_tls_is_spoken_to_https(panel):
    """A sanity check of the simulator itself: the certificate is the pinned one."""
    sim = panel()
    pem = ssl.get_server_certificate(("127.0.0.1", sim.port))
    assert "BEGIN CERTIFICATE" in pem
