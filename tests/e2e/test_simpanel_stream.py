"""Log streams: the bytes of the recordings, and one channel shared by its readers."""

import pathlib
import re
import time

import pytest

from sse_reader import Reader, login

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "panel" / "sse"
PING = re.compile(rb"2[0-9a-f]\r\n: ping - \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?\+00:00"
                  rb"\r\n\r\n\r\n")


def opened(sim, node=1, who=("admin", "admin-password")):
    reader = Reader(sim, node, login(sim, *who))
    sim.wait(lambda: any(s["node"] == node for s in sim.streams()))
    return reader


@pytest.mark.parametrize("name,version", [("coreput_node1", 5), ("coreput_node1_fresh", 5),
                                          ("v4_node2", 4), ("v5_node2", 5)])
def test_bytes_are_those_of_the_recording(panel, name, version):
    raw = (DATA / f"{name}.raw").read_bytes()
    _, theirs_head, theirs = raw.split(b"\r\n\r\n", 2)
    pings = [m.group() for m in re.finditer(rb"2d\r\n: ping - [^\r]*\r\n\r\n\r\n", theirs)]
    assert bool(pings) != name.endswith("_fresh")
    assert all(PING.fullmatch(p) for p in pings)
    plain = PING.sub(b"", theirs)
    lines = [b[6:] for b in re.findall(rb"data: [^\r\n]*", plain)]
    sim = panel(lab=True, tls=False, version=version, ping_interval=0.2)
    node = 1 if "node1" in name else 2
    reader = opened(sim, node, ("labowner", "Lab-Owner-1"))
    sim.lines(node, *[line.decode() for line in lines])
    reader.until(lambda: len(reader.lines()) == len(lines) and len(reader.pings()) >= 2)
    without_date = re.compile(rb"date: [^\r]*")
    assert without_date.sub(b"", reader.head) == without_date.sub(b"", theirs_head)
    pinged = reader.chunks()
    assert PING.sub(b"", reader.body)[:len(plain)] == plain
    assert all(PING.fullmatch(b"%x\r\n%b\r\n" % (len(c), c)) for c in pinged
               if c.startswith(b":"))


def test_pings_come_at_the_interval(panel):
    sim = panel(tls=False, ping_interval=0.1)
    begun = time.monotonic()
    reader = opened(sim)
    reader.until(lambda: len(reader.pings()) >= 4)
    assert 0.3 <= time.monotonic() - begun < 30


def test_readers_split_the_lines(panel):
    sim = panel(tls=False)
    token = login(sim)
    readers = [Reader(sim, 1, token) for _ in range(3)]
    sim.wait(lambda: sim.nodes()[1]["readers"] == 3)
    for i in range(60):
        sim.lines(1, *[f"line {10 * i + j}" for j in range(10)])
    for r in readers:
        r.until(lambda r=r: len(r.lines()) >= 200)
    got = [set(r.quiet().lines()) for r in readers]
    assert [len(g) for g in got] == [200, 200, 200]
    assert len(set.union(*got)) == 600


def test_backlog_is_replayed_and_reopening_loses_nothing(panel):
    sim = panel(tls=False)
    wanted = [f"line {i}".encode() for i in range(1500)]
    got = []
    for part in range(3):
        for i in range(500 * part, 500 * part + 250):
            sim.lines(1, f"line {i}")
        reader = opened(sim)
        sim.lines(1, *[f"line {i}" for i in range(500 * part + 250, 500 * part + 500)])
        reader.until(lambda: len(reader.lines()) == 500)
        got += reader.lines()
        reader.close()
        sim.wait(lambda: sim.nodes()[1]["readers"] == 0)
    assert got == wanted


def test_a_full_channel_drops_the_newest(panel):
    sim = panel(tls=False)
    answer = sim.lines(1, *[f"line {i}" for i in range(10_500)])
    assert answer == {"pushed": 10_500, "dropped": 500}
    reader = opened(sim)
    reader.until(lambda: len(reader.lines()) == 10_000, 20)
    assert reader.lines()[-1] == b"line 9999"
    sim.lines(1, "after")
    reader.until(lambda: reader.lines()[-1] == b"after")


@pytest.mark.parametrize("action", ["reconnect", "restart", "disable", "down"])
def test_an_old_stream_is_dead_but_pings(panel, action):
    sim = panel(tls=False, ping_interval=0.1)
    old = opened(sim)
    sim.lines(1, "before")
    old.until(lambda: old.lines() == [b"before"])
    sim.node(1, action)
    if action in ("disable", "down"):
        sim.node(1, "enable" if action == "disable" else "up")
    assert sim.nodes()[1]["status"] == "connected"
    new = Reader(sim, 1, login(sim))
    sim.lines(1, "after")
    new.until(lambda: b"after" in new.lines())
    assert new.lines()[0].startswith(b"Xray 26.7.28")
    pings = len(old.pings())
    old.until(lambda: len(old.pings()) >= pings + 2)
    assert old.lines() == [b"before"] and not old.ended


@pytest.mark.parametrize("how", ["sync", "crash"])
def test_a_stream_goes_on_after_sync_and_crash(panel, how):
    from sse_reader import request
    sim = panel(tls=False)
    reader = opened(sim)
    if how == "sync":
        assert request(sim, "PUT", "/api/node/1/sync", login(sim))[0] == 200
    else:
        sim.node(1, "crash")
    sim.lines(1, "after")
    reader.until(lambda: reader.lines()[-1:] == [b"after"])


def test_node_down_gives_head_and_end(panel):
    sim = panel(tls=False)
    sim.node(1, "down")
    reader = Reader(sim, 1, login(sim))
    reader.until(lambda: reader.body == b"0\r\n\r\n")
    assert b"200 OK" in reader.head and sim.nodes()[1]["status"] == "error"


def test_authentication_only_at_opening(panel):
    from sse_reader import request
    sim = panel(tls=False)
    token = login(sim)
    reader = Reader(sim, 1, token)
    sim.post("/tokens", {"expire_in": 0})
    assert request(sim, "GET", "/api/nodes", token)[0] == 401
    sim.lines(1, "still here")
    reader.until(lambda: reader.lines() == [b"still here"])


HALF = b"10\r\ndata: line 3\r\n\r\n\r\n"


@pytest.mark.parametrize("how,tail", [("mid_frame", HALF[:len(HALF) // 2]), ("close", b""),
                                      ("end", b"0\r\n\r\n")])
def test_cut_streams(panel, how, tail):
    sim = panel(tls=False)
    sim.fault("cut_stream", "/api/node/1/logs", how=how, lines=3)
    reader = opened(sim)
    sim.lines(1, *[f"line {i}" for i in range(5)])
    whole = b"".join(HALF.replace(b"3", b"%d" % i) for i in range(3)) + tail
    reader.until(lambda: len(reader.body) >= len(whole) and reader.ended == (how != "end"))
    reader.quiet(0.3)
    assert reader.body == whole and reader.ended == (how != "end")


def test_a_stream_cut_by_reset(panel):
    sim = panel(tls=False)
    reader = opened(sim)
    sim.node(1, "stream", how="rst")
    with pytest.raises(ConnectionResetError):
        reader.sock.settimeout(40)
        while reader.sock.recv(65536):
            pass


def test_streams_can_be_told_to_die_or_freeze(panel):
    sim = panel(tls=False, ping_interval=0.05)
    dead = opened(sim)
    sim.node(1, "stream", how="dead")
    frozen = Reader(sim, 1, login(sim))
    sim.wait(lambda: sim.nodes()[1]["readers"] == 1)
    sim.node(1, "stream", how="freeze", id=sim.streams()[1]["id"])
    sim.lines(1, "unseen")
    frozen.quiet(0.2)
    pings = len(frozen.pings()), len(dead.quiet(0.01).pings())
    time.sleep(0.2)
    frozen.quiet(0.02)
    dead.until(lambda: len(dead.pings()) > pings[1])
    assert len(frozen.pings()) == pings[0] and not frozen.ended
    assert dead.lines() == frozen.lines() == []
    assert sorted((s["dead"], s["frozen"]) for s in sim.streams()) == [(False, True), (True, False)]
    assert sim.nodes()[1]["waiting"] == 1


def test_a_slow_stream_trickles(panel):
    sim = panel(tls=False)
    sim.fault("slow", "/api/node/1/logs", bytes_per_s=200)
    reader = opened(sim)
    sim.lines(1, *["x" * 40] * 3)
    begun = time.monotonic()
    reader.until(lambda: b"x" * 10 in reader.body and not reader.lines())
    reader.until(lambda: len(reader.lines()) == 3)
    assert 0.6 < time.monotonic() - begun < 40


def test_a_hung_reader_takes_its_half(panel):
    sim = panel(tls=False)
    token = login(sim)
    hung, reading = Reader(sim, 1, token), Reader(sim, 1, token)
    sim.wait(lambda: sim.nodes()[1]["readers"] == 2)
    sim.lines(1, *[f"line {i}" for i in range(1000)])
    reading.until(lambda: len(reading.lines()) >= 500)
    reading.quiet()
    assert len(reading.lines()) == 500
    hung.close()
    sim.wait(lambda: sim.nodes()[1]["readers"] == 1)


def test_tls_one_record_per_event(panel):
    """The bytes on the wire hold at least one TLS record per event."""
    import socket
    import ssl
    sim = panel()
    token = login(sim)
    context = ssl.create_default_context(cafile=sim.cert)
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inside, outside, server_hostname="127.0.0.1")
    wire = b""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=40) as sock:
        def step(call):
            nonlocal wire
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    if out := outside.read():
                        sock.sendall(out)
                    part = sock.recv(65536)
                    wire += part
                    inside.write(part)
        step(tls.do_handshake)
        tls.write(f"GET /api/node/1/logs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}"
                  "\r\n\r\n".encode())
        sock.sendall(outside.read())
        step(lambda: tls.read(65536))
        wire, plain = b"", b""
        sim.wait(lambda: sim.nodes()[1]["readers"] == 1)
        sim.lines(1, *[f"line {i}" for i in range(200)])
        while plain.count(b"data: ") < 200:
            plain += step(lambda: tls.read(65536))
    records, at = 0, 0
    while at + 5 <= len(wire):
        records += wire[at] == 23
        at += 5 + int.from_bytes(wire[at + 3:at + 5], "big")
    assert records == 200
