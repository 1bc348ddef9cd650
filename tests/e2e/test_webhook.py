"""The webhook against receivers that behave as badly as they can (webhook_receiver.py).

What is taken is compared with the events of the database, and every request is checked by the example that
docs/webhooks.md gives to its readers.
"""

import concurrent.futures
import io
import itertools
import json
import os
import random
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import pytest
from daemon import UnixHTTP, built_with
from ports import free_port
from webhook_receiver import Receiver, example

SECRET = "a-key-of-the-webhook-0123456789"
SCALE = 360


@pytest.fixture
def receiver():
    with_all = []

    def make(**more):
        with_all.append(Receiver(SECRET, **more))
        return with_all[-1]
    yield make
    for r in with_all:
        r.close()


@pytest.fixture
def hooked(lab, daemon):
    """A factory of daemons whose webhook is a receiver's."""
    def make(receiver, start=True, **settings):
        d = daemon(lab(), start=False, LOG_LEVEL="DEBUG",
                   **{"WEBHOOK_URL": receiver.url if receiver else None, "WEBHOOK_SECRET": SECRET, **settings})
        d.secrets |= {SECRET, "a-path-of-ours", "a-query-of-ours"}
        d.number = itertools.count(1)
        if start:
            d.start()
            if receiver:
                d.wait(lambda: hook(d)["state"] in ("new", "ok"))
                d.wait(lambda: d.sql("SELECT * FROM webhook"), what="the queue begins")
        return d
    return make


def hook(d):
    return d.get("/webhook")


def happen(d, n=1):
    """So many events, each known by its text."""
    for _ in range(n):
        status, told = d.call("POST", "/patterns?confirm=true", {"kind": "prefix", "pattern": f"p{next(d.number)}_",
                                                                 "limit": 3})
        assert status in (200, 201), told


def events(d):
    """All events as the API has them, oldest first."""
    found = []
    while True:
        more = json.loads(page(d, f"/events?limit=1000&offset={len(found)}"))["data"]
        found += more
        if len(more) < 1000:
            return found[::-1]


def waits(d, n, seconds=10):
    return d.wait(lambda: hook(d)["waiting"] == n, seconds, f"{n} events wait")


def all_taken(d, r, seconds=20):
    """Until the newest event was taken, and nothing waits any more."""
    newest = events(d)[-1]["id"]
    r.wait(lambda: any(e["data"]["id"] == newest for e in r.taken), seconds, f"event {newest} is taken")
    waits(d, 0)


def page(d, path):
    conn = UnixHTTP(str(d.data_dir / "run" / "control.sock"), 10)
    conn.request("GET", path, headers={"Accept": "application/json"})
    text = conn.getresponse().read().decode()
    conn.close()
    return text


def check_all(r, d, since=0, doubles=0):
    """Everything after an event was taken, in order, once, genuine, and as the API has it."""
    known = [e for e in events(d) if e["id"] > since]
    r.wait(lambda: {e["data"]["id"] for e in r.taken} >= {e["id"] for e in known}, 20, "all are taken")
    taken = list(r.taken)
    wanted = [e for e in events(d) if e["id"] > since]
    ids = [e["id"] for e in taken]
    firsts = list(dict.fromkeys(ids))
    assert len(ids) - len(firsts) <= doubles, f"{len(ids)} taken, {len(firsts)} different ones"
    by_id = {e["id"]: e for e in taken}
    told = [by_id[i]["data"] for i in firsts if not i.startswith("0-")]
    # Something may have happened since they were taken.
    assert told == wanted[:len(told)], f"{len(told)} taken, {len(wanted)} happened"
    assert all(e["type"] == e["data"]["kind"] and e["time"] == e["data"]["at"] for e in taken)
    assert all(t.genuine for t in r.tries), next(t for t in r.tries if not t.genuine)
    return ids


def test_what_comes(hooked, receiver):
    """The first minutes: address, key, test, events, another key, off; and what is shown of it."""
    r = receiver()
    d = hooked(None, WEBHOOK_SECRET=None)
    happen(d, 3)
    assert hook(d)["state"] == "off" and "no webhook" in d.cli("webhook", "show")
    refused = d.cli("webhook", "test", check=False)
    assert refused.returncode == 1 and "set webhook_url first" in refused.stderr
    for bad in ("shop.example.com/x", "ftp://shop.example.com/", "https://", "http://a b/", "https://x:0/",
                "https://x:99999/", "javascript:alert(1)"):
        status, told = d.call("PATCH", "/config", {"webhook_url": bad})
        assert status == 422, (bad, told)

    # Without a key nothing is sent; what happens meanwhile waits for it.
    d.cli("config", "set", "webhook_url", r.url)
    d.wait(lambda: hook(d)["state"] == "unsigned")
    begun = d.wait(lambda: d.sql("SELECT done_id FROM webhook"))[0]["done_id"]
    happen(d, 2)
    d.wait(lambda: hook(d)["waiting"] >= 2)
    assert not r.tries
    assert any("WEBHOOK_SECRET is not set" in p for p in d.status()["problems"])
    doctor = d.cli("doctor", check=False).stdout
    assert "nothing is sent unsigned" in doctor and "config set webhook_secret" in doctor
    d.cli("config", "set", "webhook_secret", SECRET)
    d.wait(lambda: hook(d)["state"] == "ok")
    check_all(r, d, begun)
    one = r.tries[0]
    assert one.path == "/hook/a-path-of-ours?key=a-query-of-ours"
    assert one.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"pg-limiter/\d.*", one.headers["User-Agent"])
    assert one.headers["X-PG-Limiter-Id"] == one.id and re.fullmatch(r"\d+-\d{13}", one.id)
    assert {"pattern", "setting"} <= {e["type"] for e in r.taken}

    told = json.loads(d.cli("webhook", "test", "--json"))
    assert told["ok"] and told["status"] == 200 and told["id"] == r.taken[-1]["id"]
    assert r.taken[-1]["type"] == "test" and r.taken[-1]["data"]["who"] == "cli"
    shown = d.cli("webhook", "show")
    assert "takes events" in shown and f"http://127.0.0.1:{r.port}" in shown
    assert f"http://127.0.0.1:{r.port}\n" in d.cli("status")
    assert "takes events" in d.cli("doctor", check=False).stdout
    shown += d.cli("status") + d.cli("doctor", check=False).stdout + json.dumps(d.status())
    assert "a-path" not in shown and "a-query" not in shown and SECRET not in shown
    assert SECRET not in json.dumps(d.get("/config")) + json.dumps(r.taken)
    d.cli("doctor", "--bundle", d.folder / "bundle.json", check=False)
    bundle = (d.folder / "bundle.json").read_text()
    assert "takes events" in bundle and "a-path" not in bundle and SECRET not in bundle
    d.cli("backup", d.folder / "b.zip")
    with zipfile.ZipFile(d.folder / "b.zip") as z:
        assert all(SECRET.encode() not in z.read(name) for name in z.namelist())

    # Another key signs from now on; no address, no events.
    d.cli("config", "set", "webhook_secret", "another-key-of-the-webhook")
    d.secrets.add("another-key-of-the-webhook")
    happen(d)
    r.wait(lambda: r.tries[-1].event["type"] == "pattern")
    assert not r.tries[-1].genuine
    d.cli("config", "set", "webhook_url", "")
    d.wait(lambda: hook(d)["state"] == "off" and not d.sql("SELECT * FROM webhook"))
    n = len(r.tries)
    happen(d, 3)
    time.sleep(1.2)
    assert len(r.tries) == n


def test_the_examples_of_the_docs(hooked, tmp_path):
    """Both, as they stand there: the receiver runs as a program, the script looks at a kept body."""
    port = free_port()
    (tmp_path / "receiver.py").write_text(example("python"))
    (tmp_path / "check.sh").write_text(example("sh"))
    run = subprocess.Popen([sys.executable, str(tmp_path / "receiver.py"), str(port)], text=True,
                           stdout=subprocess.PIPE, env={**os.environ, "WEBHOOK_SECRET": SECRET})
    try:
        d = hooked(None, WEBHOOK_URL=f"http://127.0.0.1:{port}/")
        d.wait(lambda: json.loads(d.cli("webhook", "test", "--json", check=False).stdout)["ok"], 10)
        happen(d, 2)
        lines = [run.stdout.readline() for _ in range(3)]
        assert "test" in lines[0] and "p1_" in lines[1] and "p2_" in lines[2], lines

        def post(body, **headers):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, headers)
            try:
                return urllib.request.urlopen(request, timeout=60).status
            except urllib.error.HTTPError as error:
                return error.code
        assert post(b'{"id":"9-9","type":"disabled"}') == 401
        assert post(b"{}", **{"X-PG-Limiter-Timestamp": "x", "X-PG-Limiter-Signature": "v1=0"}) == 401
    finally:
        run.kill()
        run.wait()
        run.stdout.close()

    r = Receiver(SECRET)
    try:
        d.cli("config", "set", "webhook_url", r.url)
        happen(d)
        one = r.wait(lambda: r.tries)[0]
    finally:
        r.close()

    def script(stamp, signature, body, secret=SECRET):
        done = subprocess.run(["sh", str(tmp_path / "check.sh"), stamp, signature], input=body,
                              capture_output=True, env={**os.environ, "WEBHOOK_SECRET": secret}, timeout=60)
        return done.returncode, done.stdout.decode().strip()
    stamp, signature = one.headers["X-PG-Limiter-Timestamp"], one.headers["X-PG-Limiter-Signature"]
    assert script(stamp, signature, one.body) == (0, "genuine")
    assert script(stamp, signature, one.body + b" ") == (1, "not genuine")
    assert script(str(int(stamp) + 1), signature, one.body) == (1, "not genuine")
    assert script(stamp, signature, one.body, "another key") == (1, "not genuine")
    check = r.check
    assert check(one.headers, one.body) == one.event
    assert check(one.headers, one.body, now=int(stamp) + 301) is None


def test_bad_receivers(hooked, receiver):
    """Each kind in turn; what it did not take comes again, and nothing else waits for it."""
    r, other = receiver(), receiver()
    d = hooked(r)
    begun = d.sql("SELECT done_id FROM webhook")[0]["done_id"]
    for mode, reason in ((500, "answers 500"), ("close", "without an answer"), ("reset", "connection"),
                         ("garbage", "HTTP"), ("heads", "headers"), (302, "not followed"),
                         (401, "answers 401"), (404, "answers 404"), (410, "answers 410"),
                         (429, "too many requests"), (400, "answers 400")):
        r.headers = {"Location": other.url} if mode == 302 else {}
        r.mode = mode
        happen(d)
        r.wait(lambda m=mode: [t for t in r.tries if t.mode == m])

        def failing(why=reason):
            told = hook(d)  # no next try is known while one goes on
            return why in (told["error"] or "") and told["next_try"] and told
        told = d.wait(failing, 10, reason)
        assert told["state"] == "failing" and told["cure"] and told["waiting"] >= 1 and told["failing_since"]
        r.mode = 200
        d.call("POST", "/webhook/test")  # goes well: what waits is tried at once
        all_taken(d, r)
    assert not other.tries, "a redirect was followed"
    # A body without an end, or cut off, behind a 2xx: taken. Retry-After is kept.
    for mode in ("endless", "trickle", "cut"):
        r.mode = mode
        happen(d)
        r.wait(lambda m=mode: [t for t in r.tries if t.mode == m])
        all_taken(d, r)
    ids = check_all(r, d, begun)
    print(f"\n{len(ids)} events taken of {len(r.tries)} attempts")
    r.mode, r.headers = 503, {"Retry-After": "4"}
    happen(d)
    first = r.wait(lambda: [t for t in r.tries if t.mode == 503])[0]
    r.mode, r.headers = 200, {}
    all_taken(d, r)
    assert r.tries[-1].at - first.at >= 3.9
    metrics = dict(line.rsplit(" ", 1) for line in page(d, "/metrics").splitlines() if line[:1] != "#")
    name = "pg_limiter_webhook_"
    assert float(metrics[name + 'attempts_total{result="delivered"}']) == len([i for i in ids if i[:2] != "0-"]) + 1
    assert float(metrics[name + 'attempts_total{result="refused"}']) == len([t for t in r.tries if t.mode == 400])
    assert float(metrics[name + 'attempts_total{result="failed"}']) >= 11
    assert float(metrics[name + "events_waiting"]) == float(metrics[name + "failing"]) == 0
    assert abs(float(metrics[name + "delivered_time_seconds"]) - time.time()) < 300


def test_a_receiver_that_hangs_delays_nobody(hooked, receiver):
    r = receiver()
    d = hooked(r)
    r.mode = "hang"
    happen(d, 5)
    r.wait(lambda: r.tries)
    took = []
    for _ in range(40):
        began = time.monotonic()
        d.get("/healthz")
        happen(d)
        took.append(time.monotonic() - began)
    told = d.wait(lambda: hook(d)["error"] and hook(d), 15)
    assert "no answer came within 10 s" in told["error"] and "answer first" in told["cure"]
    assert all(b.at - a.at > 9.9 for a, b in itertools.pairwise(r.tries)), "one at a time"
    took.sort()
    # Who waits for the receiver waits for 10 s; the machine may hold up one or another.
    assert took[20] < 2 and took[-1] < 9, took
    r.mode = 200
    r.hang.set()
    all_taken(d, r)
    # It was not answered, so the first came again, under the same id.
    assert [t.id for t in r.tries][:2] == [r.tries[0].id] * 2
    ids = [e["id"] for e in r.taken]
    assert len(ids) == len(set(ids)) >= 45
    print(f"\nslowest of 40 requests while it hung: {took[-1] * 1000:.0f} ms")
    # In the middle of a hanging attempt it stops in time. (The machine may hold up one stop, not all.)
    r.hang.clear()
    r.mode = "hang"
    stops = []
    while not stops or stops[-1] >= 5 and len(stops) < 4:
        if stops:
            d.start()
        n = len(r.tries)
        happen(d)
        r.wait(lambda: len(r.tries) > n)  # noqa: B023
        stops.append(d.stop())
    assert stops[-1] < 5, stops


def test_an_hour_of_outage_and_deaths(hooked, receiver):
    """The clock runs 360 times as fast: an hour in ten seconds, with everything that can be wrong."""
    if not built_with("PG_TIME_SCALE"):
        pytest.skip("needs a build with -Dtest_clock=true")
    origin = time.time()
    r = receiver(clock=lambda: origin + (time.time() - origin) * SCALE)
    # A tenth of a second is more than the 5 minutes of the example's bound on a machine that is busy.
    check = r.check
    r.check = lambda headers, body, now: check(headers, body, now=int(headers["X-PG-Limiter-Timestamp"]))
    d = hooked(r, start=False)
    speed = {"environment": {"PG_TIME_SCALE": str(SCALE), "PG_TIME_ORIGIN": repr(origin)}}
    d.start(**speed)
    begun = d.wait(lambda: d.sql("SELECT done_id FROM webhook"))[0]["done_id"]
    happen(d, 3)
    r.wait_taken(3)
    outage = failing = time.monotonic()
    modes = itertools.cycle([500, "close", 302, "garbage", 503, "reset", 404])
    made, lives = 0, []  # how long each life of the daemon has seen this
    r.mode = 500
    happen(d, 10)
    for rounds in (10, 13):
        for _ in range(rounds):
            r.mode = next(modes)
            happen(d, 3)
            made += 3
            time.sleep(0.3)
        d.kill()
        lives.append(time.monotonic() - failing)
        r.refuse()
        failing = time.monotonic()
        d.start(**speed)
        happen(d, 5)
        d.wait(lambda: hook(d)["waiting"] > made)
        time.sleep(1)
        r.listen()
    while time.monotonic() - outage < 3600 / SCALE:
        r.mode = next(modes)
        time.sleep(0.2)
    lives.append(time.monotonic() - failing)
    if max(lives) < 3500 / SCALE:  # unless the machine held it up
        assert not d.logged("ERROR +webhook"), "no life of it has seen an hour of this"
    away = (time.monotonic() - outage) * SCALE / 60
    before = len(r.taken)
    waiting = len([e for e in events(d) if e["id"] > begun]) - before
    attempts = len(r.tries)
    assert before <= 4 and waiting >= 50, (before, waiting)
    r.mode = 200
    back = time.monotonic()
    all_taken(d, r)
    took = time.monotonic() - back
    ids = check_all(r, d, begun)
    assert hook(d)["lost"] == 0
    print(f"\n{len(ids)} events, {waiting} of them from {away:.0f} min of outage with {attempts} failed attempts "
          f"and 2 deaths: all taken {took:.1f} s after the return, in order, none twice")


def test_deaths_while_events_go_out(hooked, receiver):
    """SIGKILL again and again: in order, none lost; at most one twice for each death, under its id."""
    rng = random.Random(int(os.environ.get("PG_SEED", time.time())))
    r = receiver()
    d = hooked(r)
    begun = d.sql("SELECT done_id FROM webhook")[0]["done_id"]
    deaths = 20 if os.environ.get("PG_LONG") else 6
    for _ in range(deaths):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            going = pool.submit(happen_until_dead, d)
            time.sleep(rng.uniform(0.3, 1.2))
            d.kill()
            going.result()
        d.start()
    all_taken(d, r, 40)
    ids = check_all(r, d, begun, doubles=deaths)
    print(f"\n{len(ids)} taken, {len(ids) - len(set(ids))} of them twice, {deaths} deaths")


@pytest.mark.parametrize("point, doubles", [("webhook.answered", 1), ("webhook.noted", 0)])
def test_a_death_around_the_note(hooked, receiver, point, doubles):
    """Between the answer and the note the third event is in doubt, and comes again as the same; after it not."""
    if not built_with("PG_FAULT"):
        pytest.skip("needs a build with -Dfault_points=true")
    r = receiver()
    r.mode = 503
    d = hooked(r)
    begun = d.sql("SELECT done_id FROM webhook")[0]["done_id"]
    happen(d, 5)
    waits(d, 5)
    d.stop()
    r.mode = 200
    d.start(wait=False, environment={"PG_FAULT": f"{point}:3"})
    assert d.ended(20) == -9
    d.start()
    all_taken(d, r)
    ids = check_all(r, d, begun, doubles=doubles)
    assert len(ids) == 5 + doubles and ids[2] == ids[2 + doubles]
    assert not doubles or r.taken[2] == r.taken[3], "the same in every byte"


def happen_until_dead(d):
    while d.running():
        try:
            happen(d)
        except (OSError, ValueError, AssertionError):
            return


def test_refused_for_an_hour_is_given_up(hooked, receiver):
    """One event that the receiver will not have holds the others for an hour, and is told of."""
    if not built_with("PG_TIME_SCALE"):
        pytest.skip("needs a build with -Dtest_clock=true")
    origin = time.time()
    r = receiver(clock=lambda: origin + (time.time() - origin) * SCALE)
    check = r.check
    r.check = lambda headers, body, now: check(headers, body, now=int(headers["X-PG-Limiter-Timestamp"]))
    d = hooked(r, start=False)
    d.start(environment={"PG_TIME_SCALE": str(SCALE), "PG_TIME_ORIGIN": repr(origin)})
    d.wait(lambda: d.sql("SELECT done_id FROM webhook"))
    waits(d, 0)
    serve = r.serve

    def picky(request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        request.rfile = io.BytesIO(body)
        r.mode = 422 if b"p1_" in body else 200
        serve(request)
    r.serve = picky
    happen(d, 4)
    all_taken(d, r, 60)
    poison = next(e["id"] for e in events(d) if "p1_" in e["what"])
    refused = [t for t in r.tries if t.mode == 422]
    others = [t for t in r.tries if t.mode == 200]
    assert len(refused) > 3 and {t.event["data"]["id"] for t in refused} == {poison}
    minutes = (others[0].at - refused[0].at) * SCALE / 60
    assert 55 < minutes < 240, minutes
    assert [e["data"]["id"] for e in r.taken] == [poison + 1, poison + 2, poison + 3]
    assert hook(d)["lost"] == 1
    d.wait_log(r"ERROR +webhook +1 events are given up")
    d.wait_log(r"ERROR +webhook .*has taken nothing for an hour: it answers 422; 4 events wait")
    assert "1 events were given up" in d.cli("doctor", check=False).stdout
    print(f"\nrefused {len(refused)} times in {minutes:.0f} min, then given up")


def test_too_old_or_too_many(hooked, receiver):
    """What has waited for 7 days goes; so does what retention has taken away meanwhile. Both are counted."""
    r = receiver()
    r.mode = 500
    d = hooked(r)
    happen(d, 6)
    waits(d, 6)
    d.stop()
    first = d.sql("SELECT done_id FROM webhook")[0]["done_id"] + 1
    d.sql("DELETE FROM events WHERE id = ?", first)
    d.sql("UPDATE events SET at = at - 8 * 86400000 WHERE id BETWEEN ? AND ?", first + 1, first + 2)
    r.mode = 200
    d.start()
    all_taken(d, r)
    assert [e["data"]["id"] for e in r.taken] == [first + 3, first + 4, first + 5]
    assert hook(d)["lost"] == 3
    d.wait_log(r"ERROR +webhook +3 events are given up")


def test_a_restore_keeps_what_waits(hooked, receiver):
    r = receiver()
    d = hooked(r)
    happen(d, 2)
    d.cli("backup", d.folder / "b.zip")
    all_taken(d, r)
    r.mode = 500
    happen(d, 3)
    wanted = [e["what"] for e in events(d)[-3:]]
    waits(d, 3)
    d.cli("restore", d.folder / "b.zip", "--yes")

    def built_anew():
        try:
            return any(e["kind"] == "restore" for e in events(d)) and hook(d)["state"] != "ok"
        except (OSError, KeyError, AssertionError):  # it is being taken apart, and built
            return False
    d.wait(built_anew, 30)
    n = len(r.taken)
    r.mode = 200
    all_taken(d, r)
    got = r.taken[n:]
    assert [e["data"]["what"] for e in got[:3]] == wanted
    assert "restore" in [e["type"] for e in got]
    ids = [e["id"] for e in r.taken]
    assert len(ids) == len(set(ids))


def test_in_the_bot(stage, receiver):
    """Settings › Webhook in Persian: none, address, key, a receiver that is ill, a test."""
    s = stage(language="fa")
    d, ali = s.daemon, s.owners[0]
    d.secrets |= {SECRET, "a-path-of-ours", "a-query-of-ours"}
    ali.say("/settings")
    ali.chat.wait("تنظیمات")

    def show(data, wanted=""):
        """Presses a button with a target, shown or not; the text of what comes (and holds `wanted`)."""
        message = ali.chat.last
        before = len(message.history)
        ali.press(data=data, on=message, force=True)
        return ali.chat.wait(lambda m: wanted in m.text and (
            m.id > message.id or m is message and len(m.history) > before)).text

    def target(pattern):
        return next(b["callback_data"] for row in ali.chat.last.buttons for b in row
                    if re.match(pattern, b.get("callback_data", "")))

    def screen():
        if "sall" not in str(ali.chat.last.buttons):
            show("sconf")  # a message that is not changed is not edited
        return show("shook")

    assert "هنوز نیست" in screen()
    assert "ahooktest" not in str(ali.chat.last.buttons)
    r = receiver()
    r.mode = 500
    for key, value in (("webhook_url", r.url), ("webhook_secret", SECRET)):
        screen()
        show(target(rf"sset\|{key}"))
        show(target(r"i(val|sec)\|"))
        said = ali.say(value)
        ali.chat.wait(lambda m, n=said.id: m.id > n)
        d.wait(lambda k=key: next(x for x in d.get("/config")["data"] if x["key"] == k)["origin"] == "database")
    d.wait(lambda: hook(d)["state"] == "failing")
    text = screen()
    assert "پاسخ 500 می‌دهد" in text.replace("\u2068", "").replace("\u2069", "") and "گزارش گیرنده را ببینید" in text
    assert f"http://127.0.0.1:{r.port}" in text and "a-path" not in text
    show("ahooktest", "گزارش گیرنده را ببینید")
    r.mode = 200
    print("\n" + show("ahooktest"))
    r.wait(lambda: any(e["type"] == "test" and e["data"]["who"] == f"telegram:{ali.id}" for e in r.taken))
    all_taken(d, r)
    assert "می‌پذیرد" in screen()
    assert SECRET not in ali.chat.text(50)


def test_the_certificate_is_checked(hooked, receiver, tmp_path):
    """One that nobody signed: nothing is sent. The same when the machine trusts it: all is."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    r = receiver()
    r.server.socket = context.wrap_socket(r.server.socket, server_side=True)
    d = hooked(None, WEBHOOK_URL=r.url.replace("http:", "https:"))
    d.wait(lambda: d.sql("SELECT * FROM webhook"))
    happen(d, 2)
    told = d.wait(lambda: hook(d)["error"] and hook(d))
    assert "certificate that this machine trusts" in told["cure"] and told["state"] == "failing", told
    assert not r.tries
    d.stop()
    d.write_env(WEBHOOK_CA_FILE=tmp_path / "none.pem")
    d.start()
    d.wait(lambda: "none.pem" in (hook(d)["error"] or "") and hook(d)["waiting"] == 2)
    assert "WEBHOOK_CA_FILE" in d.cli("webhook", "show")
    refused = d.cli("webhook", "test", check=False)
    assert refused.returncode == 1 and "none.pem" in refused.stderr
    d.stop()
    d.write_env(WEBHOOK_CA_FILE=cert)
    d.start()
    all_taken(d, r)
    assert len(r.taken) == 2 and "warning" not in "".join(
        row["level"] for row in json.loads(d.cli("doctor", "--json", check=False).stdout)["checks"]
        if row["check"] == "webhook")
