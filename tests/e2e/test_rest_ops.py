"""What the operations do that only a running daemon can show, asked over REST."""

import json
import pathlib
import re
import shutil
import subprocess
import time

import pytest
from daemon import Sharer, Traffic, warm_up
from rest_client import served


@pytest.fixture(scope="module")
def place():
    with served("alice", "bob", "gone1", "gone2", "phone", "lonely", nodes=2, GENERAL_LIMIT=10,
                TIME_TO_ACTIVE_USERS=3600, MONITORING_PERIOD=20) as made:
        warm_up(made[1], made[0])
        yield made


def test_a_value_is_in_force_within_5_seconds(place):
    """Limit 10: nothing happens to two devices. Then 1, set in three ways: the engine watches them."""
    sim, d, rest = place

    def state(name):
        return rest.get(f"/users/{name}").json["live"].get("state")

    def watched_within(name, seconds=5.0):
        return d.within(lambda: state(name) == "monitoring", seconds, f"{name} is watched", step=0.1)

    with Traffic(sim, Sharer("alice", every=0.3), Sharer("bob", every=0.3),
                 Sharer("phone", every=0.3)) as traffic:
        d.wait(lambda: all(rest.get(f"/users/{n}").json["live"].get("active_devices") == 2
                           for n in ("alice", "bob", "phone")), 10, "two devices each")
        assert {state(n) for n in ("alice", "bob", "phone")} == {"clear"}
        assert rest("POST", "/users/limits", {"username": "alice", "limit": 1}).status == 200
        took = [watched_within("alice")]
        d.cli("user", "add", "bob", "1")
        took.append(watched_within("bob"))
        phone = sim.user("phone")["id"]
        d.sql("INSERT INTO special_limits(user_id, name, max_devices, updated_at, updated_by) "
              "VALUES(?, 'phone', 1, 0, 'another process')", phone)
        took.append(watched_within("phone"))
        print("in force after", [f"{t:.1f} s" for t in took])

        # And the list of who is active, the worst first. (All are convicted soon: the last one has the most time.)
        active = rest.get("/users/active").json
        assert active["total"] == 3 and active["data"][0]["devices"] == 2, active
        row = next(r for r in active["data"] if r["username"] == "phone")
        assert row["state"] == "monitoring" and row["limit"] == 1 and row["limit_from"] == "special"
        assert len(row["addresses"]) == 2 and row["nodes"], row
        assert rest.get("/users/active?limit=1&offset=2").json["data"][0]["id"] == max(
            r["id"] for r in active["data"])
        assert rest.get("/users/active?state=punished").json["total"] == 0
        traffic.add(Sharer("lonely", n=1))
        d.wait(lambda: rest.get("/users/active?single=true").json["total"] == 4)
        assert rest.get("/users/active").json["total"] == 3
        assert rest("PATCH", "/config", {"single_ip_users": True, "enhanced_details": False}
                    ).status == 200
        d.wait(lambda: rest.get("/users/active").json["total"] == 4)
        assert "addresses" not in rest.get("/users/active").json["data"][0]
        assert rest("PATCH", "/config", {"single_ip_users": None, "enhanced_details": None}
                    ).status == 200

        # They are convicted: the story is told to whoever asks.
        for name in ("alice", "bob", "phone"):
            d.wait_state(name, "applied", 60)

    told = rest.get("/users/alice/history?hours=1").json
    assert told["actions"][0]["state"] == "applied" and told["total"] == len(told["data"])
    assert {"limit", "disabled"} <= {e["kind"] for e in told["data"]}, told["data"]
    assert any(e["who"] == "api:admin" for e in told["data"])
    verdict = told["violations"][0]
    assert len(verdict["evidence"]["devices"]) == 2 and verdict["limit"] == 1
    assert {"address", "node_name", "inbound", "first_seen", "last_seen", "role"} <= set(
        verdict["evidence"]["devices"][0])
    listed = rest.get("/violations").json
    assert listed["total"] == 3 and {v["username"] for v in listed["data"]} == {"alice", "bob", "phone"}
    assert rest.get("/violations?username=alice&since=1h&counting=true").json["total"] == 1
    assert rest.get("/violations?limit=1&offset=1").json["data"][0] == listed["data"][1]
    assert rest.get("/violations?username=nobody-such").status == 404
    # Forgiven, they stay in the list and no longer count.
    assert rest("DELETE", "/violations?username=alice").json["forgiven"] == 1
    assert rest("DELETE", "/violations?username=alice").json["forgiven"] == 0
    number = next(v["violation"] for v in listed["data"] if v["username"] == "bob")
    assert rest("DELETE", f"/violations/{number}").json["username"] == "bob"
    assert rest("DELETE", "/violations/999999").status == 404
    assert rest("DELETE", "/violations").status == 422
    assert rest.get("/violations?counting=true").json["total"] == 1
    assert rest.get("/violations").json["total"] == 3


def test_metrics(place):
    _, d, rest = place
    rest.get("/status")  # a request to be counted
    answer = rest.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    found = {}
    kinds = dict(re.findall(r"^# TYPE (\S+) (gauge|counter|histogram)$", text, re.M))
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP \S+ .+|TYPE \S+ (gauge|counter|histogram))", line), line
            continue
        match = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="[^"]*",?)+\})? (\S+)', line)
        assert match, line
        family = re.sub(r"_(bucket|sum|count)$", "", match[1])
        if kinds.get(family) != "histogram":
            assert (kinds[match[1]] == "counter") == match[1].endswith("_total"), line
        assert line.rpartition(" ")[0] not in found, f"{line} twice"
        found[line.rpartition(" ")[0]] = float(match[3])
    assert found["pg_limiter_panel_up"] == 1
    assert found['pg_limiter_node_stream_open{node="1"}'] == 1
    assert found['pg_limiter_node_lines_total{node="1"}'] > 0
    assert found['pg_limiter_users{state="disabled"}'] == d.status()["users"]["disabled"]
    assert found['pg_limiter_enforcement_mode{mode="on"}'] == 1
    assert 5e6 < found["process_resident_memory_bytes"]
    for name in ("loop_turn_seconds", "loop_turn_cpu_seconds", "api_request_seconds"):
        steps = [v for k, v in found.items() if k.startswith(f"pg_limiter_{name}_bucket")]
        assert steps == sorted(steps) and steps[-1] == found[f"pg_limiter_{name}_count"] > 0
        assert found[f"pg_limiter_{name}_sum"] > 0
    assert "alice" not in text and len(found) < 160


ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MONITORING = ROOT / "packaging" / "monitoring"
# Given only beside a bot, a panel with TLS.
SOMETIMES = {"pg_limiter_panel_certificate_expiry_time_seconds", "pg_limiter_telegram_up",
             "pg_limiter_telegram_calls_total", "pg_limiter_outbox_given_up_total",
             "pg_limiter_outbox_messages"}


def promtool(*arguments, text=None):
    program = next((p for p in (shutil.which("promtool"), ROOT / "build/tools/promtool")
                    if p and pathlib.Path(p).exists()), None)
    if not program:
        pytest.skip("no promtool here: scripts/promtool brings it")
    done = subprocess.run([program, *arguments], input=text, cwd=MONITORING, capture_output=True,
                          text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_metrics(place):
    text = place[2].get("/metrics").body.decode()
    assert promtool("check", "metrics", text=text) == (0, "")
    code, said = promtool("check", "metrics", text=text.replace("_total", "_sum"))
    assert code and "counter metrics should have" in said


def test_promtool_runs_the_alerts():
    code, said = promtool("test", "rules", "alerts_test.yml")
    assert code == 0 and "SUCCESS" in said, said
    code, said = promtool("check", "rules", "alerts.yml")
    assert code == 0 and "18 rules found" in said, said


def test_alerts_and_dashboard_ask_for_what_there_is(place):
    """Every name and label in them is one of /metrics; instance and job are Prometheus' own."""
    _, _, rest = place
    text = rest.get("/metrics").body.decode()
    there = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{([^}]*)\})? ", text, re.M):
        there.setdefault(name, {"instance", "job"}).update(re.findall(r'([a-z]+)="', labels))
    board = json.loads((MONITORING / "grafana.json").read_text())
    asked = [t["expr"] for p in board["panels"] for t in p["targets"]]
    alerts = (MONITORING / "alerts.yml").read_text()
    asked += re.findall(r"^ +expr: (.+)$", alerts, re.M)
    assert len(asked) > 35 and len({p["id"] for p in board["panels"]}) == len(board["panels"])
    seen = set()
    for expression in asked:
        for name, labels in re.findall(r"\b((?:pg_limiter|process)_[a-z_]+)(?:\{([^}]*)\})?", expression):
            seen.add(name)
            if name not in SOMETIMES:
                assert name in there, f"{name} in {expression}"
                assert set(re.findall(r"([a-z]+)=", labels)) <= there[name], expression
    source = (MONITORING.parent.parent / "src" / "app" / "shown" / "metrics.c").read_text()
    for name in SOMETIMES:
        assert name in seen and f'"{name.removeprefix("pg_limiter_")}"' in source, name
    # The values that stand for something, too.
    for state in set(re.findall(r'state="([a-z]+)"', "".join(asked))):
        assert f'pg_limiter_users{{state="{state}"}}' in text


def test_cleanup_removes_only_whom_the_panel_says_it_has_not(place):
    sim, d, rest = place
    for name in ("gone1", "gone2"):
        assert rest("POST", "/users/limits", {"username": name, "limit": 3}).status == 200
    assert rest("POST", "/users/except", {"username": "gone1", "reason": "a friend"}).status == 200
    ids = {name: sim.user(name)["id"] for name in ("gone1", "gone2")}
    sim.call("DELETE", "/user/gone1")

    # Not while the panel does not answer in full.
    for path in ("/api/users*", "/api/user/*"):
        sim.fault("status", path, status=500, count=-1)
        answer = rest("POST", "/cleanup?days=0")
        assert answer.status in (408, 409, 503), (path, answer)
        sim.clear_faults()
    assert ids["gone1"] in {u["id"] for u in rest.get("/users/limits").json["data"]}
    assert rest.get("/users/except").json["total"] == 1

    # Missing for less than cleanup_days: stays. Then looked at, then done.
    d.wait(lambda: rest("POST", "/cleanup").status == 200, 20, step=1)
    assert rest("POST", "/cleanup").json["total"] == 0
    dry = rest("POST", "/cleanup?days=0&dry_run=true").json
    assert [u["username"] for u in dry["data"]] == ["gone1"] and dry["total_removed"] == 0
    assert rest.get("/users/limits").json["total"] >= 2
    done = rest("POST", "/cleanup?days=0").json
    assert done["special_limits_removed"] == done["except_users_removed"] == ["gone1"], done
    assert done["total_removed"] == 1
    assert rest.get("/users/except").json["total"] == 0
    names = [u["username"] for u in rest.get("/users/limits").json["data"]]
    assert "gone1" not in names and "gone2" in names

    undone = rest("POST", "/cleanup/undo", {"cleanup": done["cleanup"]}).json
    assert [u["result"] for u in undone["data"]] == ["restored"], undone
    assert rest.get("/users/except").json["data"][0]["reason"] == "a friend"
    assert rest("POST", "/cleanup/undo").status == 404
    # A week later it goes by cleanup_days.
    d.sql("UPDATE users SET gone_at = gone_at - 8 * 86400000 WHERE gone_at IS NOT NULL")
    assert rest("POST", "/cleanup").json["special_limits_removed"] == ["gone1"]
    assert rest.get("/events?kind=cleanup", Accept="application/json").json["total"] == 3


def test_more_than_a_few_are_not_removed_unasked(place):
    sim, d, rest = place
    made = sim.post("/users", {"users": [{"username": f"crowd{i}"} for i in range(21)]})["ids"]
    for i in made:
        assert rest("POST", "/users/limits", {"username": f"id:{i}", "limit": 3}).status == 200
    for i in made:
        sim.call("DELETE", f"/user/{i}")
    answer = rest("POST", "/cleanup?days=0")
    assert answer.status == 409 and answer.code == "confirm_needed" and "21 users" in answer.json["detail"]
    assert rest("POST", "/cleanup?days=0&dry_run=true").json["total"] == 21
    assert rest("POST", "/cleanup?days=0&confirm=true").json["total_removed"] == 21


def test_a_user_whom_the_panel_has_not_is_not_punished(place):
    """Lines of an id that the panel does not know: judged, and let go before the panel is called."""
    sim, d, rest = place
    assert rest("PUT", "/config/limit?confirm=true", {"limit": 1}).status == 200
    gone = 987654

    def both_devices():
        for ip in ("91.10.0.7", "5.200.1.7"):
            at = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
            sim.lines(1, f"{at} from tcp:{ip}:5000 accepted tcp:a.example:443 "
                         f"[VLESS TCP >> DIRECT] email: {gone}")
        return d.logged(rf"id:{gone}: not disabled: .*404")

    since = max((e["n"] for e in sim.journal()), default=0)
    d.wait(both_devices, 60, "he is let go", step=0.3)
    assert not [r for r in d.rows() if r["user_id"] == gone and r["state"] == "applied"]
    assert not [e for e in sim.journal(since=since) if e["method"] == "PUT"]
