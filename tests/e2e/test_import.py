"""`pg-limiter import`: what the old programs left, taken over beside a simulated panel."""

import hashlib
import json
import os
import sqlite3
import stat
import time
import zipfile

import pytest
from daemon import built_with
from old_program import backup_zip, database, died_writing, state_files

TABLES = ("settings", "special_limits", "exceptions", "limit_patterns", "admin_patterns", "violations",
          "enforcements", "events", "admins")
STEPS = json.dumps(json.dumps([{"type": "warning", "duration": 0}, {"type": "disable", "duration": 15},
                               {"type": "disable", "duration": 0}]))


def dump(d):
    """Every row of the tables an import may write."""
    return {t: d.sql(f"SELECT * FROM {t} ORDER BY 1") for t in TABLES}


def imported(d, *arguments):
    return json.loads(d.cli("import", *arguments, "--yes", "--json"))


def rows(report, kind):
    return {r["name"]: r for r in report["data"] if r["kind"] == kind}


def settings(report):
    return {r["key"]: r for r in report["settings"]}


def everything(folder, now):
    """One row of every kind, as a database and its state files."""
    database(folder / "pg_limiter.db", config={
        "general_limit": 3, "check_interval": 120, "time_to_active_users": 900, "country_code": '"RU"',
        "punishment_enabled": '"true"', "punishment_window_hours": '"72"', "punishment_steps": STEPS,
        "cdn_inbounds": '"VLESS CDN"', "disabled_nodes": '"2"', "subnet_ip_grouping": '"true"',
        "show_single_ip_users": '"true"', "group_filter_enabled": '"true"',
        "group_filter_ids": '"1,x"', "made_up": '"secret-of-old"', "panel_backup": '{"password": "p"}'},
        users=[{"username": "alice", "special_limit": 5, "is_excepted": 0},
               {"username": "bob", "special_limit": None, "is_excepted": 1, "exception_reason": "office"},
               {"username": "zero", "special_limit": 0, "is_excepted": 0},
               {"username": "renamed", "special_limit": 4}],
        limits=[("alice", 9), ("carol", 7)], excepted=[("dave", None)],
        disabled=[("stale", now - 100, None, [1])],
        patterns=[("prefix", "vip_", 6), ("prefix", "vip_", 4), ("postfix", "_x", 2), ("middle", "y", 2)],
        owners=[("reseller", "prefix", "r_")], violations=[("alice", now, 1, 10)])
    state_files(folder, disabled={"off": (now - 60, now + 600), "moved": (now - 60, None),
                                  "ever": (now - 60, -1), "late": (now - 900, now - 300),
                                  "again": (now - 60, now + 600), "nobody": (now - 60, now + 600)},
                groups={"moved": [1, 2]},
                violations={"alice": [(now - 7200, 0, 0), (now - 3600, 1, 15)]})


@pytest.fixture
def place(lab, daemon, tmp_path):
    sim = lab("--nodes", 1)
    d = daemon(sim, start=False, ADMIN_IDS="1")
    d.data_dir.mkdir(parents=True, exist_ok=True)
    return sim, d, tmp_path


def add_users(sim, disabled=(), active=()):
    for name in (*disabled, *active):
        sim.add_user(name)
    for name in disabled:
        sim.call("PATCH", f"/user/{name}", {"status": "disabled"})


def test_a_row_of_every_kind_and_twice(place):
    sim, d, folder = place
    now = time.time()
    everything(folder, now)
    add_users(sim, disabled=("off", "moved", "ever", "late", "stale"),
              active=("alice", "bob", "carol", "dave", "zero", "again"))
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    empty = json.loads(d.cli("import", folder, "--dry-run", "--json"))
    assert empty["dry_run"] and not any(dump(d).values()), "a dry run writes nothing"
    report = imported(d, folder)
    assert {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()} == before
    assert [(r["name"], r["result"]) for r in report["data"]] == [
        (r["name"], r["result"]) for r in empty["data"]], "the dry run told the truth"

    limits = rows(report, "limit")
    assert limits["alice"]["new"] == "5" and limits["carol"]["new"] == "7"
    assert "no user of that name" in limits["renamed"]["detail"] and "zero" not in limits
    assert set(rows(report, "exception")) == {"bob", "dave"}
    assert rows(report, "pattern")["prefix:vip_"]["new"] == "4"
    assert rows(report, "owner pattern")["prefix:r_"]["new"] == "reseller"
    off = rows(report, "disabled")
    assert {n: r["result"] for n, r in off.items()} == {
        "off": "taken", "moved": "changed", "ever": "taken", "late": "taken", "again": "left",
        "nobody": "left"}
    assert "active" in off["again"]["detail"] and off["ever"]["new"] == "by hand"
    assert "30 minutes" in off["moved"]["detail"]
    told = json.dumps(report["left"])
    for word in ("of zero", "stale", "limit_patterns: y"):
        assert word in told
    assert "secret-of-old" not in json.dumps(report)

    s = settings(report)
    assert (s["check_interval"]["old"], s["check_interval"]["in_effect"], s["check_interval"]["new"]) == (
        "120", "60", "120")
    assert (s["time_to_active_users"]["in_effect"], s["country_code"]["in_effect"]) == ("1800", "IR")
    assert s["general_limit"]["new"] == "3" and s["punishment_steps"]["new"] == "warn,15m,hand"
    assert s["group_filter"]["result"] == "left" and s["subnet_ip_grouping"]["new"] is None
    assert s["disable_method"]["result"] == "unset" and s["punishment_window_hours"]["new"] == "72"

    ids = {n: sim.user(n)["id"] for n in ("alice", "carol", "off", "moved", "ever", "late")}
    have = {r["name"]: (r["user_id"], r["max_devices"]) for r in d.sql("SELECT * FROM special_limits")}
    assert have == {"alice": (ids["alice"], 5), "carol": (ids["carol"], 7), "renamed": (None, 4)}
    journal = {r["name"]: r for r in d.rows()}
    assert {n: (r["user_id"], r["state"]) for n, r in journal.items()} == {
        n: (ids[n], "applied") for n in ("off", "moved", "ever", "late")}
    assert journal["off"]["due_at"] == int((now + 600) * 1000) and journal["ever"]["due_at"] is None
    assert journal["moved"]["due_at"] == int((now - 60) * 1000) + 1_800_000
    counted = d.sql("SELECT action, outcome FROM violations WHERE ordered_by IS NULL ORDER BY at")
    assert [(r["action"], r["outcome"]) for r in counted] == [("warn", "warned"), ("disable 15m", "applied")]

    state = dump(d)
    again = imported(d, folder)
    assert dump(d) == state, "the second time changes nothing"
    assert again["taken"] == again["changed"] == 0

    # Ours stays, unless it is said otherwise.
    d.cli("user", "update", "carol", "2")
    assert rows(imported(d, folder), "limit")["carol"]["result"] == "left"
    assert rows(imported(d, folder, "--overwrite"), "limit")["carol"]["result"] == "changed"

    # Who is late is enabled as soon as the daemon runs; nobody else is.
    d.start()
    d.wait_state("late", "restored", 20)
    assert sim.user("late")["status"] == "active"
    assert {sim.user(n)["status"] for n in ("off", "moved", "ever", "stale")} == {"disabled"}


@pytest.mark.alone
def test_a_thousand_users_are_all_enabled_on_time(place):
    """Disabled by the old program by both of its methods; the clock runs at 30 times its speed."""
    sim, d, folder = place
    if not built_with("PG_TIME_ORIGIN"):
        pytest.skip("a build without the test clock")
    scale, n = 30, 1000
    now = time.time()
    names = [f"user{i:04}" for i in range(n)]
    sim.post("/users", {"users": [{"username": name} for name in names]})
    home = sim.user(names[0])["group_ids"]
    pen = sim.post("/groups", {"name": "pen", "inbound_tags": []})["id"]
    for i, name in enumerate(names):
        fields = {"status": "disabled"}
        if i % 4 == 0:
            fields["group_ids"] = [pen]
        sim.call("PATCH", f"/user/{name}", fields)
    disabled = {}
    for i, name in enumerate(names):
        due = None if i % 10 == 9 else now + 120 + i * 0.6
        disabled[name] = (now - 1500 if due is None else now - 300, due)
    state_files(folder, disabled=disabled, groups={name: home for name in names[::4]})
    database(folder / "pg_limiter.db", config={"disable_method": '"group"', "disabled_group_id": f'"{pen}"'})
    begun = time.monotonic()
    report = imported(d, folder)
    took = time.monotonic() - begun
    assert report["taken"] + report["changed"] == n, report["detail"]
    state = dump(d)
    imported(d, folder)
    assert dump(d) == state

    d.start(environment={"PG_TIME_SCALE": str(scale), "PG_TIME_ORIGIN": repr(now)})
    d.wait(lambda: d.sql("SELECT count(*) n FROM enforcements WHERE state='restored'")[0]["n"] == n, 90,
           "everyone is enabled", step=0.5)
    late = [(r["closed_at"] - r["due_at"]) / 1000 for r in d.rows()]
    assert min(late) >= 0, "nobody before his time"
    print(f"{n} taken over in {took:.1f} s; enabled {max(late):.1f} s late at the most,"
          f" {sorted(late)[n // 2]:.1f} s in the middle (of a clock {scale} times as fast)")
    assert max(late) <= 10 * scale
    wrong = [x for x in (sim.user(name) for name in names)
             if x["status"] != "active" or x["group_ids"] != home]
    assert wrong == []


def test_beside_a_running_daemon_and_of_a_running_program(place):
    """Its database is open, with everything in the log of changes; ours runs, and enables in time."""
    sim, d, folder = place
    add_users(sim, disabled=("off",), active=("alice",))
    d.start()
    d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    now = time.time()
    held = database(folder / "old" / "pg_limiter.db", wal=True, users=[
        {"username": "alice", "special_limit": 5},
        {"username": "off", "is_disabled_by_limiter": 1, "disabled_at": now - 60, "enable_at": now + 12}])
    try:
        held.execute("BEGIN IMMEDIATE")
        report = imported(d, folder / "old" / "pg_limiter.db")
    finally:
        held.close()
    assert report["taken"] == 2, report
    assert d.get("/users/limits")["data"][0]["username"] == "alice"
    before = sim.user("off")["status"]
    assert before == "disabled" or time.time() > now + 12, "not before his time"
    row = d.wait_state("off", "restored", 60)
    assert row["closed_at"] >= row["due_at"] and sim.user("off")["status"] == "active"


@pytest.mark.parametrize("packed", [False, True], ids=["as it lies there", "in a zip"])
def test_of_a_program_that_died_writing(place, packed):
    """What its last transaction had written into the file without its end is no limit of anybody."""
    _, d, folder = place
    database(folder / "old" / "pg_limiter.db", limits=[(f"user{i:05}", 5) for i in range(5000)])
    died_writing(folder / "old" / "pg_limiter.db", 'UPDATE user_limits SET "limit" = 77')
    before = {p.name: p.read_bytes() for p in (folder / "old").iterdir()}
    what = backup_zip(folder / "b.zip", folder / "old") if packed else folder / "old"
    report = json.loads(d.cli("import", what, "--dry-run", "--json"))
    assert len(rows(report, "limit")) == 5000
    assert {r["new"] for r in rows(report, "limit").values()} == {"5"}
    assert {p.name: p.read_bytes() for p in (folder / "old").iterdir()} == before, "nothing is written to"


def test_settings_are_checked_against_the_panel_and_asked_about(place):
    """A group that is not there is not set; with many users to be cut off at once, it is asked first."""
    sim, d, folder = place
    sim.add_user("alice")
    d.start()
    d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    database(folder / "a.db", config={"disable_method": '"group"', "disabled_group_id": '"999"',
                                      "punishment_window_hours": '"72"', "general_limit": 5})
    s = settings(imported(d, folder / "a.db"))
    assert {k: s[k]["result"] for k in ("disable_method", "disabled_group_id", "general_limit",
                                        "punishment_window_hours")} == {
        "disable_method": "left", "disabled_group_id": "left", "general_limit": "taken",
        "punishment_window_hours": "taken"}, s
    assert {r["key"] for r in d.sql("SELECT key FROM settings")} == {"general_limit",
                                                                     "punishment_window_hours"}
    # The body comes from anywhere: it is checked as strictly as any other.
    for body, word in (({"limits": []}, "limits"), ({"limits": {"a": 0}}, "limits.a"),
                       ({"disabled": {"a": 1}}, "disabled.a"), ({"what": {}}, "what"),
                       ({"disabled": {"a": {"due_at": "x"}}}, "disabled.a.due_at"),
                       ({"patterns": [{"kind": "x"}]}, "patterns[0]"), ({"admins": [0]}, "admins[0]"),
                       ({"violations": {"alice": [{}]}}, "violations.alice")):
        status, told = d.call("POST", "/import", body)
        assert status == 422 and word in told["detail"], (status, told)


def test_backup_zip_v2iplimit_and_the_early_database(place):
    sim, d, folder = place
    now = time.time()
    add_users(sim, disabled=("off", "oldest"), active=("alice", "bob", "carol"))
    old = folder / "old"
    database(old / "pg_limiter.db", variant="early", users=[{"username": "alice"}],
             limits=[("alice", 3)], excepted=[("bob", "boss")], config={
                 "timing": json.dumps(json.dumps({"check_interval": 30}))})
    state_files(old, disabled={"off": (now - 60, now + 900)})
    report = imported(d, backup_zip(folder / "b.zip", old, "GENERAL_LIMIT=4\nADMIN_IDS=1, 77\n"
                                                           "BOT_TOKEN=123:secret\n"))
    assert rows(report, "limit")["alice"]["new"] == "3" and set(rows(report, "exception")) == {"bob"}
    assert rows(report, "disabled")["off"]["result"] == "taken"
    assert settings(report)["general_limit"]["new"] == "4"
    assert settings(report)["check_interval"]["new"] == "30"
    every = settings(report)["backup_every"]
    assert (every["old"], every["in_effect"], every["new"]) == ("6", "6", "6")
    assert {n: r["result"] for n, r in rows(report, "admin").items()} == {"1": "same", "77": "taken"}
    assert "123:secret" not in json.dumps(report)

    v2 = folder / "config.json"
    v2.write_text(json.dumps({"BOT_TOKEN": "123:secret", "ADMINS": [88], "PANEL_DOMAIN": "p.example",
                              "CHECK_INTERVAL": 240, "TIME_TO_ACTIVE_USERS": 1200, "IP_LOCATION": "IR",
                              "GENERAL_LIMIT": 2, "SPECIAL_LIMIT": [["carol", 9], ["x"]],
                              "EXCEPT_USERS": ["carol"]}))
    report = imported(d, v2, "--overwrite")
    assert rows(report, "limit")["carol"]["new"] == "9"
    assert settings(report)["check_interval"]["in_effect"] == "240"
    assert settings(report)["country_code"]["new"] == "IR"
    # The oldest form of the list has no times at all.
    (folder / "o.json").write_text(json.dumps({"disable_user": ["oldest"]}))
    assert rows(imported(d, folder / "o.json"), "disabled")["oldest"]["result"] == "changed"
    state = dump(d)
    assert rows(imported(d, folder / "o.json"), "disabled")["oldest"]["result"] == "same"
    assert dump(d) == state


def test_backups_that_were_sent_by_themselves(place):
    _, d, folder = place
    path = folder / "auto_backup_config.json"
    for written, new in (({"enabled": False, "interval_hours": 3}, "0"), ({"enabled": True, "interval_hours": 12}, "12")):
        path.write_text(json.dumps(written))
        assert settings(imported(d, folder, "--overwrite"))["backup_every"]["new"] == new
    for wrong in ({"enabled": "yes", "interval_hours": 3}, {"enabled": True, "interval_hours": 0},
                  {"enabled": True, "interval_hours": []}, {"interval_hours": 9e9}):
        path.write_text(json.dumps(wrong))
        report = imported(d, folder, "--overwrite")
        assert settings(report)["backup_every"]["result"] == "unset" and "automatic backups" in json.dumps(report["left"])


def test_out_of_a_container(place):
    sim, d, folder = place
    now = time.time()
    add_users(sim, disabled=("off",))
    state_files(folder / "app", disabled={"off": (now - 60, now + 900)})
    database(folder / "var/lib/pg-limiter/data/pg_limiter.db", config={"general_limit": 6})
    fake = folder / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f"""#!/bin/sh
[ "$1" = cp ] || exit 2
case $2 in old:*) ;; *) echo "Error: No such container: ${{2%%:*}}" >&2; exit 1;; esac
cp -r "{folder}/${{2#old:}}" "$3"
""")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    path = os.environ["PATH"]
    try:
        os.environ["PATH"] = f"{fake.parent}:{path}"
        report = imported(d, "--docker", "old")
        assert rows(report, "disabled")["off"]["result"] == "taken"
        assert settings(report)["general_limit"]["new"] == "6"
        no = d.cli("import", "--docker", "other", check=False)
        assert no.returncode == 1 and "No such container: other" in no.stderr
        os.environ["PATH"] = str(folder / "nothing")
        no = d.cli("import", "--docker", "old", check=False)
        assert no.returncode == 1 and "docker is not installed" in no.stderr
    finally:
        os.environ["PATH"] = path
    no = d.cli("import", "--docker", "-v", check=False)
    assert no.returncode == 1 and "no name of a container" in no.stderr


def test_database_url_in_its_old_form(place):
    _, d, folder = place
    database(folder / "old.db", config={"general_limit": 7})
    no = d.cli("import", "--yes", check=False)
    assert no.returncode == 2 and "DATABASE_URL" in no.stderr
    d.write_env(DATABASE_URL=f"sqlite+aiosqlite:///{folder}/old.db")
    # At the first start it is offered, in log and status, and nothing happens by itself.
    d.start()
    d.wait_log("is the database of the old program: `pg-limiter import`", 10)
    assert any("pg-limiter import" in p for p in d.status()["problems"])
    d.wait(lambda: d.status()["panel"]["up"], 10)
    assert not d.sql("SELECT * FROM settings")
    assert settings(imported(d))["general_limit"]["new"] == "7"
    assert not any("pg-limiter import" in p for p in d.status()["problems"])
    d.stop()
    seen = len(d.log)
    d.start()
    d.wait(lambda: d.status()["panel"]["up"], 10)
    assert not any("pg-limiter import" in line.text for line in d.log[seen:])


def test_what_is_damaged_changes_nothing(place):
    """Each bad file is refused with its name, and no row of ours is written."""
    sim, d, folder = place
    sim.add_user("alice")
    d.cli("config", "show")
    database(folder / "good.db", users=[{"username": "alice", "special_limit": 5}])
    whole = (folder / "good.db").read_bytes()
    bad = {
        "cut.db": whole[:len(whole) // 2], "torn.db": whole[:4096] + bytes(4096) + whole[8192:],
        "head.db": b"SQLite format 3\0" + b"\xff" * 200, "none.json": b"{", "deep.json": b"[" * 100_000,
        "list.json": b"[1]", "other.json": b'{"hello": 1}', "text.txt": b"hello", "empty.json": b"",
        "notzip.zip": b"PK\x03\x04" + bytes(100),
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    with sqlite3.connect(folder / "foreign.db") as db:
        db.execute("CREATE TABLE users(id INTEGER, login TEXT)")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("legacy/.disable_users.json", b" " * (40 << 20))
    with zipfile.ZipFile(folder / "many.zip", "w") as z:
        for i in range(1001):
            z.writestr(f"f{i}", b"")
    for name in (*bad, "foreign.db", "bomb.zip", "many.zip", "not there"):
        no = d.cli("import", folder / name, "--yes", check=False)
        assert no.returncode == 1 and name in no.stderr, (name, no)
    assert not any(dump(d).values())
    # The panel away: nothing either.
    sim.fault("status", path="/api/users*", status=500, count=1000)
    no = d.cli("import", folder / "good.db", "--yes", check=False)
    assert no.returncode in (1, 3) and "nothing was imported" in no.stderr, no
    assert not any(dump(d).values())
    sim.clear_faults()
    assert imported(d, folder / "good.db")["taken"] == 1


def test_every_wrong_type_is_told_and_the_rest_taken(place):
    sim, d, folder = place
    add_users(sim, disabled=("off", "odd"))
    now = time.time()
    wrong = [None, True, [], {}, "x", -5, 10**30, "2026-01-01"]
    for i, value in enumerate(wrong):
        text = json.dumps({"disabled_users": {"off": now - 9, "odd": value}, "enable_at": {"odd": value}, "":1})
        (folder / f"w{i}.json").write_text(text)
        out = json.loads(d.cli("import", folder / f"w{i}.json", "--dry-run", "--json"))
        assert rows(out, "disabled")["off"]["result"] == "changed"
        assert rows(out, "disabled")["odd"]["result"] == "changed", (value, out)
    for key in ("disabled_users", "enable_at", "user_groups", "violations", "limits", "except_users"):
        for value in wrong:
            (folder / "k.json").write_text(json.dumps({key: value, "disabled_users": {"off": now}}
                                                      if key != "disabled_users" else {key: value}))
            out = d.cli("import", folder / "k.json", "--dry-run", "--json")
            assert json.loads(out)["dry_run"]
