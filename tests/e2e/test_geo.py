# SPDX-License-Identifier: AGPL-3.0-or-later
"""Countries and providers: databases exchanged under load, `geo update`, services that misbehave."""

import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mmdb
import pytest
from daemon import Sharer, Traffic, warm_up
from redis_server import redis


class Server:
    """A server on the loopback whose answers are functions by path: answers[path](request)."""

    def __init__(self):
        self.answers, self.log = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                n = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(n)
                outer.log.append((self.path, dict(self.headers), self.body))
                answer = outer.answers.get(self.path.split("?")[0])
                if answer is None:
                    self.reply(404, b"")
                else:
                    answer(self)

            do_POST = do_GET

            def reply(self, status, body, cut=None, **headers):
                self.send_response(status)
                for k, v in headers.items():
                    self.send_header(k.replace("_", "-"), v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body[:cut])
                if cut is not None:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    s = Server()
    yield s
    s.close()


def file_answer(content, etag, breaks=0):
    """A file with ranges, whose first `breaks` answers end in the middle."""
    left = [breaks]

    def answer(request):
        begin = 0
        if "Range" in request.headers and request.headers.get("If-Range") == etag:
            begin = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
        rest = content[begin:]
        cut = None
        if left[0]:
            left[0] -= 1
            cut = len(rest) // 2
        more = {"Content_Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"} if begin else {}
        request.reply(206 if begin else 200, rest, cut, ETag=etag, **more)

    return answer


def lookup(d, address):
    return d.get(f"/geo/addresses/{address}")


def test_update(lab, daemon, server):
    """A broken download goes on, what is wrong is not taken, the old file stays and is kept."""
    sim = lab()
    d = daemon(sim, GEOIP_COUNTRY_URL=f"{server.url}/country.mmdb")
    first = mmdb.database({n: {"country": {"iso_code": "IR"}} for n in ("0.0.0.0/1", "128.0.0.0/1")})
    server.answers["/country.mmdb"] = file_answer(first, '"one"', breaks=2)
    server.answers["/country.mmdb.sha256"] = lambda r: r.reply(
        200, hashlib.sha256(first).hexdigest().encode() + b"  country.mmdb\n")  # fmt: skip
    done = d.cli("geo", "update", check=False)
    assert done.returncode == 0, (done.stdout, d.tail())
    done = done.stdout
    assert "done" in done and "sha256 right" in done
    ranges = [h["Range"] for p, h, _ in server.log if p == "/country.mmdb" and "Range" in h]
    half = len(first) // 2
    assert ranges == [f"bytes={half}-", f"bytes={half + (len(first) - half) // 2}-"], ranges
    d.wait(lambda: lookup(d, "8.8.8.8")["country"] == "IR", 5)
    own = d.data_dir / "geo" / "country.mmdb"
    assert own.read_bytes() == first and not own.with_suffix(".part").exists()

    def refused(answer, why, sha=None):
        server.answers["/country.mmdb"] = answer
        server.answers["/country.mmdb.sha256"] = sha
        bad = d.cli("geo", "update", check=False)
        assert bad.returncode == 1 and why in bad.stdout, bad
        assert own.read_bytes() == first and lookup(d, "8.8.8.8")["country"] == "IR"

    second = mmdb.world("DE")
    refused(file_answer(b"<html>not a database</html>" * 100, '"html"'), "no MMDB file")
    refused(file_answer(second[: len(second) // 2], '"half"'), "no MMDB file")
    refused(file_answer(mmdb.countries(FR=["5.0.0.0/8"]), '"few"'), "does not know addresses")
    refused(file_answer(mmdb.database({"0.0.0.0/1": {"asn": 1}}), '"asn"'), "of another kind")
    refused(file_answer(second, '"two"'), "sha256", lambda r: r.reply(200, b"0" * 64))
    refused(lambda r: r.reply(403, b""), "status 403")
    # Begun with another file: the server's new one is taken from its beginning.
    server.answers["/country.mmdb"] = file_answer(second, '"two"')
    server.answers["/country.mmdb.sha256"] = None
    (d.data_dir / "geo" / "country.part").write_bytes(b"old" * 10)
    (d.data_dir / "geo" / "country.part.from").write_text(f'{server.url}/country.mmdb\n"older"\n')
    assert "done" in d.cli("geo", "update")
    d.wait(lambda: lookup(d, "8.8.8.8")["country"] == "DE", 5)
    assert own.read_bytes() == second
    assert (d.data_dir / "geo" / "country.previous.mmdb").read_bytes() == first
    assert "nothing" not in d.cli("geo", "status") and "in effect" in d.cli("geo", "status")
    # Without a URL it says so.
    d.cli("config", "set", "geoip_country_url", "")
    none = d.cli("geo", "update", check=False)
    assert none.returncode == 1 and "set geoip_country_url" in none.stderr


def test_exchange_under_load(lab, daemon, tmp_path):
    """A file that is truncated, filled with garbage, removed and replaced while lines come in."""
    path = tmp_path / "country.mmdb"
    path.write_bytes(mmdb.world("IR"))
    sim = lab()
    sim.add_user("sharer")
    d = daemon(sim, GEOIP_COUNTRY_DB=path, COUNTRY_CODE="IR", ENFORCEMENT="shadow")
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer", n=3, every=0.02)):
        for round_ in range(10):
            since = len(d.log)
            for content in (b"", b"garbage" * 1000, mmdb.world("IR")[:300]):
                path.write_bytes(content)  # in place: a mapped file would end the daemon
                d.reload()
                time.sleep(0.05)
                assert lookup(d, "9.9.9.9")["country"] in ("IR", "DE")
            path.unlink()
            d.reload()
            d.wait_log("stays in force", 5, since=since)
            country = "DE" if round_ % 2 == 0 else "IR"
            path.write_bytes(mmdb.world(country))
            d.reload()
            d.wait(lambda want=country: lookup(d, "9.9.9.9")["country"] == want, 5)
    assert d.status()["lines"]["counted"] > 0


def test_filter_is_shown_without_effect(daemon, lab, tmp_path):
    """No country data: the filter is named in status, geo status and config show."""
    sim = lab()
    missing = tmp_path / "none.mmdb"
    d = daemon(sim, GEOIP_COUNTRY_DB=missing, COUNTRY_CODE="IR")
    assert any("without effect" in p for p in d.status()["problems"])
    assert "without effect" in d.cli("geo", "status")
    assert "without effect" in d.cli("config", "show", "country_code")
    missing.write_bytes(mmdb.world("IR"))
    d.reload()
    d.wait(lambda: d.get("/geo")["country"]["in_effect"], 5)
    assert not any("without effect" in p for p in d.status()["problems"])
    assert d.get("/geo")["country_filter"]["in_effect"]


def nowhere(tmp_path):
    """Databases that know of one network only, so that providers are asked."""
    (tmp_path / "c.mmdb").write_bytes(mmdb.countries(DE=["9.0.0.0/8"]))
    (tmp_path / "a.mmdb").write_bytes(mmdb.database({"9.0.0.0/8": {"asn": "AS64500", "as_name": "X"}}))
    return {"GEOIP_COUNTRY_DB": tmp_path / "c.mmdb", "GEOIP_ASN_DB": tmp_path / "a.mmdb"}


def test_providers(lab, daemon, server, tmp_path):
    """One fails, one is busy, one sends too much: the next one tells, in one batch; kept over a restart."""

    def ipinfo(request):
        asked = json.loads(request.body)
        request.reply(200, json.dumps({
            ip: {"ip": ip, "country": "IR", "org": "AS44244 Iran Cell Service"} for ip in asked
        }).encode())  # fmt: skip

    server.answers["/ipapi"] = lambda r: r.reply(500, b"down")
    server.answers["/ip-api"] = lambda r: r.reply(429, b"", Retry_After="3000")
    server.answers["/iplocation"] = lambda r: r.reply(200, b"[" * (1 << 20))
    server.answers["/ipinfo"] = ipinfo
    urls = ",".join(f"{n}={server.url}/{n}" for n in ("ipapi", "ip-api", "iplocation", "ipinfo"))
    sim = lab()
    d = daemon(sim, **nowhere(tmp_path), GEO_PROVIDERS="ipapi,ip-api,iplocation",
               GEO_PROVIDER_URLS=urls, IPINFO_TOKEN="secret-token")  # fmt: skip
    d.secrets.add("secret-token")
    assert lookup(d, "31.0.1.2")["country"] is None  # at once: nobody waits for a provider
    for i in range(1, 60):
        lookup(d, f"31.{i}.1.2")
    d.wait(lambda: lookup(d, "31.59.1.99")["country"] == "IR", 20)  # by block, not by address
    told = lookup(d, "31.7.1.2")
    assert (told["asn"], told["isp"]) == (44244, "Iran Cell Service")
    assert lookup(d, "9.1.1.1")["country"] == "DE"
    asked = [json.loads(body) for path, _, body in server.log if path == "/ipinfo"]
    assert len(asked) <= 20 and sum(map(len, asked)) == 60
    assert not any("9.1.1.1" in batch for batch in asked)
    assert all(h["Authorization"] == "Bearer secret-token" for p, h, _ in server.log if p == "/ipinfo")
    by = {p["name"]: p for p in d.get("/geo")["providers"]}
    assert by["ip-api"]["resting_s"] > 2900 and "429" in by["ip-api"]["problem"]
    assert by["ipapi"]["failed"] == 1 and by["iplocation"]["failed"] == 1
    d.wait(lambda: d.sql("SELECT count(*) AS n FROM geo_cache")[0]["n"] == 60, 5)
    d.stop()
    server.answers.clear()
    before = len(server.log)
    d.start()
    lookup(d, "31.7.1.2")
    d.wait(lambda: lookup(d, "31.7.1.2")["country"] == "IR", 5)
    assert not any("31.7.1." in str(x) for x in server.log[before:])


def test_what_providers_told_is_found_in_redis(lab, daemon, server, tmp_path):
    """Without its database's rows a start asks Redis, and no provider, about blocks told of before."""

    def ip_api(request):
        request.reply(200, json.dumps([
            {"query": ip if isinstance(ip, str) else ip["query"], "status": "success", "countryCode": "IR",
             "as": "AS44244 Iran Cell Service", "isp": "Irancell"} for ip in json.loads(request.body)]).encode())

    server.answers["/ip-api"] = ip_api
    sim = lab()
    with redis() as store:
        d = daemon(sim, **nowhere(tmp_path), GEO_PROVIDERS="ip-api", GEO_PROVIDER_URLS=f"ip-api={server.url}/ip-api",
                   REDIS_URL=f"redis://127.0.0.1:{store.port}")
        d.wait(lambda: d.status()["cache"]["in_use"] == "redis", 5)
        lookup(d, "31.7.1.2")
        d.wait(lambda: lookup(d, "31.7.1.2")["country"] == "IR", 20)
        first = lookup(d, "31.7.1.2")
        key = d.wait(lambda: [k for k in store.keys() if ":isp:" in k], 5)
        assert len(key) == 1 and "31.7" not in key[0]
        assert 6 * 86400 < int(store.say("TTL", key[0])[1:]) <= 7 * 86400 + 1
        d.stop()
        assert d.sql("SELECT count(*) AS n FROM geo_cache")[0]["n"] == 1
        d.sql("DELETE FROM geo_cache")
        before = len(server.log)
        d.start()
        d.wait(lambda: d.status()["cache"]["in_use"] == "redis", 5)
        lookup(d, "31.7.1.99")
        d.wait(lambda: lookup(d, "31.7.1.99")["country"] == "IR", 5)
        assert {k: lookup(d, "31.7.1.2")[k] for k in ("asn", "isp")} == {k: first[k] for k in ("asn", "isp")}
        assert len(server.log) == before, server.log[before:]


def test_providers_that_lie(lab, daemon, server, tmp_path):
    """Wrong types, other addresses, nonsense, an answer that never ends: all stay unknown."""
    hold = threading.Event()

    def lie(request):
        request.reply(200, json.dumps([
            {"query": "1.2.3.4", "countryCode": "RU", "as": "AS1 X"},  # not asked for
            {"query": 5, "countryCode": ["IR"]}, "text", None, 7,
            {"query": "31.0.1.2", "countryCode": "IRN", "as": "AS99999999999 X", "isp": 5},
            {"query": "31.1.1.2", "countryCode": "I1", "as": {}, "isp": "\u0007"},
        ]).encode())  # fmt: skip

    server.answers["/lie"] = lie
    server.answers["/hang"] = lambda r: hold.wait(20)
    sim = lab()
    d = daemon(sim, **nowhere(tmp_path), GEO_PROVIDERS="ip-api,iplocation",
               GEO_PROVIDER_URLS=f"ip-api={server.url}/lie,iplocation={server.url}/hang")  # fmt: skip

    def unknown():
        for ip in ("31.0.1.2", "31.1.1.2", "31.2.1.2", "1.2.3.4"):
            told = lookup(d, ip)
            assert (told["country"], told["asn"], told["isp"]) == (None, None, None), told

    unknown()
    d.wait(lambda: d.get("/geo")["providers"][0]["answered"] >= 1, 10)
    unknown()
    d.wait(lambda: any(p == "/hang" for p, _, _ in server.log), 10, "the other one is asked")
    d.stop(within=5)
    hold.set()
