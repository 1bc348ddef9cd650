"""The command line against a daemon with the simulated panel, and without one."""

import concurrent.futures
import json
import os
import re
import shlex
import signal
import subprocess
import time

import pytest
from daemon import TROUBLE, Sharer, Traffic, program, warm_up
from daemon_fixtures import daemon, lab  # noqa: F811, F401

# The examples of the README of the Python program, as they stand but for the program's name and, for
# USERNAME, a user of the panel; what they say, and what is true afterwards.
EXAMPLES = [
    ("user list", "There are no special limits", None),
    ("user add USERNAME 5", "special limit of USERNAME set: 5 devices",
     lambda d: d.get("/users/limits/USERNAME")["limit"] == 5),
    ("user list", r"USERNAME +\d+ +5 ", None),
    ("user update USERNAME 10", "updated: 10 devices",
     lambda d: d.get("/users/limits/USERNAME")["limit"] == 10),
    ("user delete USERNAME", "", lambda d: d.get("/users/limits")["total"] == 0),
    ("except list", "There are no exceptions", None),
    ("except add USERNAME", "USERNAME",
     lambda d: d.get("/users/except/USERNAME")["excepted"]),
    ("except list", "USERNAME", None),
    ("except check USERNAME", "USERNAME is excepted", None),
    ("except delete USERNAME", "", lambda d: not d.get("/users/except/USERNAME")["excepted"]),
    ("except check USERNAME", "USERNAME is not excepted", None),
    ("disabled list", "Nobody is disabled by us", None),
    ("disabled enable-all", "Nobody was disabled by us", None),
    ("config show", "general_limit", None),
    ("config set-limit 3", "general_limit = 3 devices", lambda d: setting(d, "general_limit") == "3"),
    ("config set-interval 120", "check_interval = 120 s",
     lambda d: setting(d, "check_interval") == "120"),
    ("config set-reenable-time 1800", "time_to_active_users = 1800 s",
     lambda d: setting(d, "time_to_active_users") == "1800"),
    ("config set-country IR", "country_code = IR", lambda d: setting(d, "country_code") == "IR"),
]


def setting(d, key):
    return next(s["value"] for s in d.get("/config")["data"] if s["key"] == key)


def paste(d, line, **more):
    """Runs a line in a shell, as it stands, with the program in PATH and .env found by itself."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
    env |= {"PG_LIMITER_ENV": str(d.env_file), "ASAN_OPTIONS": "detect_leaks=1"}
    line = re.sub(r"^pg-limiter\b", shlex.quote(program()), line)
    done = subprocess.run(["sh", "-c", line], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=180, **more)
    assert not TROUBLE.search(done.stderr), done.stderr
    return done


def test_the_old_readme_pasted(daemon, lab):  # noqa: F811
    """In order, on one daemon; then a user is disabled and enabled by the two examples for that."""
    sim = lab("--nodes", 1)
    for user in ("USERNAME", "other"):
        sim.add_user(user)
    d = daemon(sim, GENERAL_LIMIT=None, CHECK_INTERVAL=None, TIME_TO_ACTIVE_USERS=None)
    d.wait(lambda: d.status()["users"]["listed"] == 2)
    for line, says, then in EXAMPLES:
        done = paste(d, "pg-limiter " + line)
        assert done.returncode == 0 and done.stderr == "", (line, done)
        assert re.search(says, done.stdout), (line, done.stdout)
        assert then is None or then(d), line
        print(f"{line:32} {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ''}")
    paste(d, "pg-limiter config set-limit 1")
    paste(d, "pg-limiter config set-country none")
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("USERNAME"), Sharer("other")):
        for user in ("USERNAME", "other"):
            d.wait_state(user, "applied", 90)
    listed = paste(d, "pg-limiter disabled list").stdout
    assert "USERNAME" in listed and "other" in listed
    info = paste(d, "pg-limiter disabled info USERNAME").stdout
    assert "USERNAME is disabled by us since" in info
    done = paste(d, "pg-limiter disabled enable USERNAME")
    assert done.returncode == 0 and re.search("USERNAME +enabled", done.stdout), done
    assert sim.user("USERNAME")["status"] == "active"
    done = paste(d, "pg-limiter disabled enable-all")
    assert done.returncode == 0 and re.search("other +enabled", done.stdout), done
    assert sim.user("other")["status"] == "active"
    # What the customer may be told, and what the operator sees.
    text = paste(d, "pg-limiter explain other --customer").stdout
    assert "Account: other" in text and "Devices allowed at the same time: 1" in text
    assert not any(ip in text for ip in Sharer("other").ips)
    text = paste(d, "pg-limiter explain other").stdout
    for word in ("the general limit", "Verdicts, the latest first", "What happened", "counts"):
        assert word in text, text
    for ip in Sharer("other").ips:
        assert ip in text


READS = ["status", "health", "nodes", "user list", "user show ali", "except list", "except check ali",
         "disabled list", "disabled info ali", "config show", "config show general_limit", "mode",
         "explain ali", "shared list", "version", "doctor"]


def test_every_read_knows_json(daemon, lab):  # noqa: F811
    sim = lab("--nodes", 1)
    sim.add_user("ali")
    d = daemon(sim)
    sim.wait(sim.streams, 10)
    d.wait(lambda: d.status()["users"]["listed"] > 0, 10)
    for line in READS:
        plain, done = paste(d, f"pg-limiter {line}"), paste(d, f"pg-limiter {line} --json")
        assert plain.returncode == done.returncode == 0, (line, plain, done)
        json.loads(done.stdout)
        assert plain.stdout and "\x1b" not in plain.stdout
        with pytest.raises(json.JSONDecodeError):
            json.loads(plain.stdout)


def test_lists_come_in_parts(daemon):  # noqa: F811
    d = daemon(start=False)
    d.data_dir.mkdir()
    for i in range(7):
        assert paste(d, f"pg-limiter user add user{i} {i + 1}").returncode == 0
    first = paste(d, "pg-limiter user list --limit 3").stdout
    assert [w for w in first.split() if w.startswith("user")] == ["user0", "user1", "user2"]
    assert "4 more: --offset 3" in first
    rest = json.loads(paste(d, "pg-limiter user list --offset 3 --limit 9 --json").stdout)
    assert [r["username"] for r in rest["data"]] == ["user3", "user4", "user5", "user6"]
    assert "user5" in paste(d, "pg-limiter user list SER5").stdout
    part = paste(d, "pg-limiter user list SER --limit 2 --offset 3").stdout
    assert [w for w in part.split() if w.startswith("user")] == ["user3", "user4"]
    assert "2 more: --offset 5" in part


BAD = [
    # a line, the exit code, what is said
    ("user add ali", 2, "needs USER LIMIT"),
    ("user add ali many", 2, "0 \\(unlimited\\) to 10000"),
    ("user add ali 10001", 2, "to 10000"),
    ("user add '' 3", 1, "name"),
    ("user add id:x 3", 1, "id:12"),
    ("user add \"$(printf 'a\\377')\" 3", 2, "UTF-8"),
    ("user add \"$(printf 'a\\nb')\" 3", 1, "name"),
    ("user add $(printf 'x%.0s' $(seq 300)) 3", 1, "long|128|name"),
    ("user update nobody 3", 1, "nobody"),
    ("user delete nobody", 1, "nobody"),
    ("except delete nobody", 1, "nobody"),
    ("explain nobody-at-all", 1, "nobody-at-all"),
    ("config set genral_limit 3", 1, "did you mean general_limit"),
    ("config set general_limit -1", 1, "0 to 10000"),
    ("config set check_interval 5", 1, "10 to 3600"),
    ("config set enforcement maybe", 1, "on, shadow or off"),
    ("config set data_dir /x", 1, "DATA_DIR"),
    ("config set general_limit \"$(printf '\\377')\"", 2, "UTF-8"),
    ("config set panel_password x", 1, "PANEL_PASSWORD"),
    ("config set-country XYZ", 1, "country_code"),
    ("config reset nothing", 1, "nothing"),
    ("mode sometimes", 1, "on, shadow or off"),
    ("shared remove nonsense", 1, "address"),
    ("user list --limit 0", 2, "allowed are 1 to"),
    ("user list --offset x", 2, "--offset x"),
    ("user lst", 2, "Did you mean `pg-limiter user list`"),
    ("frobnicate", 2, "pg-limiter help"),
    ("status --jsn", 2, "did you mean --json"),
    ("disabled enable-all --since soon --yes", 1, "30m|such as"),
]


@pytest.mark.parametrize("running", [True, False])
def test_bad_input_is_named_and_does_nothing(daemon, lab, running):  # noqa: F811
    sim = lab("--nodes", 1)
    sim.add_user("ali")
    d = daemon(sim, start=running)
    if not running:
        d.data_dir.mkdir()
    else:
        d.wait(lambda: d.status()["users"]["listed"] > 0, 10)
    for line, code, says in BAD:
        done = paste(d, "pg-limiter " + line)
        wanted = 3 if not running and "enable-all" in line else code
        assert done.returncode == wanted, (line, done)
        assert done.stdout == "" and (wanted == 3 or re.search(says, done.stderr)), (line, done)
    for table in ("special_limits", "exceptions", "settings"):
        assert d.sql(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0


def test_what_needs_the_daemon_says_so(daemon):  # noqa: F811
    d = daemon(start=False)
    d.data_dir.mkdir()
    for line in ("status", "health", "nodes", "disabled enable ali", "disabled enable-all --yes"):
        done = paste(d, "pg-limiter " + line)
        assert done.returncode == 3 and "pg-limiter run" in done.stderr, (line, done)


def test_a_daemon_that_does_not_listen_yet_is_waited_for(daemon, lab):  # noqa: F811
    """Between taking its folder and listening, at a start or when it begins anew: it runs, and nothing is done beside it."""
    d = daemon(lab("--nodes", 1), start=False)
    run = d.data_dir / "run"

    def stopped_on_its_way():
        d.start(wait=False)
        while not (run / "lock").exists() or "daemon" not in (run / "lock").read_text():
            assert d.running(), d.tail()
        d.process.send_signal(signal.SIGSTOP)
        if not (run / "control.sock").exists():
            return True
        d.process.send_signal(signal.SIGCONT)  # it was too quick
        d.kill()
        return (run / "lock").unlink()
    d.wait(stopped_on_its_way)
    env = {**os.environ, "PG_LIMITER_ENV": str(d.env_file)}
    asked = [subprocess.Popen([program(), *line.split()], env=env, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
             for line in ("status", "config set general_limit 7", "disabled enable-all --yes")]
    time.sleep(1)
    assert [one.poll() for one in asked] == [None] * 3, "they wait"
    d.process.send_signal(signal.SIGCONT)
    said = [one.communicate(timeout=60)[0] for one in asked]
    assert [one.returncode for one in asked] == [0] * 3 and "no daemon" not in "".join(said), said
    assert setting(d, "general_limit") == "7"


def test_two_command_lines_and_the_daemon_at_once(daemon, lab):  # noqa: F811
    """One CLI through the daemon, one straight on the database, and the daemon itself: all is kept."""
    sim = lab("--nodes", 1)
    for i in range(12):
        sim.add_user(f"c{i}")
    d = daemon(sim)
    d.wait(lambda: d.status()["users"]["listed"] >= 12, 10)
    direct = daemon(start=False)  # the same database in a folder without a control socket
    direct.data_dir.mkdir()
    (direct.data_dir / "data").symlink_to(d.data_dir / "data")

    def through_the_daemon(i):
        return paste(d, f"pg-limiter except add c{i} --reason r{i}")

    def on_the_database(i):
        return paste(direct, f"pg-limiter user add c{i} {i + 1}")

    def an_entry(where):
        return lambda i: paste(where, f"pg-limiter config add ip_allowlist 10.{where is d:d}.0.{i}")

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda f: f[0](f[1]),
                             [(w, i) for i in range(12)
                              for w in (through_the_daemon, on_the_database)]
                             + [(w, i) for i in range(8) for w in (an_entry(d), an_entry(direct))]))
    assert [r for r in done if r.returncode] == []
    assert "no daemon is running" in paste(direct, "pg-limiter user list").stderr
    assert d.get("/users/except")["total"] == 12
    assert d.get("/users/limits")["total"] == 12
    entries = json.loads(paste(direct, "pg-limiter config show ip_allowlist --json").stdout)["value"]
    assert sorted(entries.split(",")) == sorted(f"10.{k}.0.{i}" for k in (0, 1) for i in range(8))
    # The daemon goes by what the other wrote within seconds.
    d.wait(lambda: d.get("/users/c11")["live"]["limit_from"] == "except", 6)
    paste(direct, "pg-limiter except delete c11")
    d.wait(lambda: (d.get("/users/c11")["live"]["limit_from"],
                    d.get("/users/c11")["live"]["limit"]) == ("special", 12), 6)


BASH = """
source <(pg-limiter completion bash)
complete -p pg-limiter
try() {
    COMP_LINE=$1 COMP_POINT=${#1}
    read -ra COMP_WORDS < <(printf '%s' "$1" | sed 's/[:=]/ & /g')
    case $1 in *[[:space:]:=]) COMP_WORDS+=('') ;; esac
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _pg_limiter
    echo "$1 -> ${COMPREPLY[*]}"
}
try 'pg-limiter us'
try 'pg-limiter disabled '
try 'pg-limiter user show ALI'
try 'pg-limiter explain id:'
try 'pg-limiter config set enforcement '
try 'pg-limiter except add ali_reza --'
"""


def test_bash_completes(daemon, lab):  # noqa: F811
    sim = lab("--nodes", 1)
    sim.add_user("ali_reza", )
    user = sim.add_user("ALI")
    d = daemon(sim)
    d.wait(lambda: d.status()["users"]["listed"] > 1, 10)
    folder = os.path.dirname(program())
    done = subprocess.run(["bash", "-c", BASH], capture_output=True, text=True, timeout=60,
                          env={"PATH": f"{folder}:/usr/bin:/bin", "PG_LIMITER_ENV": str(d.env_file)})
    said = dict(line.split(" -> ") for line in done.stdout.splitlines() if " -> " in line)
    assert "-F _pg_limiter pg-limiter" in done.stdout, done
    assert said["pg-limiter us"] == "user"
    assert "enable-all" in said["pg-limiter disabled "].split()
    assert said["pg-limiter user show ALI"] == "ALI"
    assert str(user) in said["pg-limiter explain id:"].split()
    assert said["pg-limiter config set enforcement "] == "on shadow off"
    assert "--reason" in said["pg-limiter except add ali_reza --"].split()
