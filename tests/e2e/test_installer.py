"""`pg-limiter.sh install`, unattended and with a person at a terminal, against a machine of stand-ins."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from daemon import HASTY, ROOT
from installer_box import ARCH, SCRIPT, Box
from old_program import database, state_files

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the installation does"),
    pytest.mark.together,  # the installer looks for old programs among all processes of the machine
]


@pytest.fixture
def box():
    # Not tmp_path: the control socket in it must have a path of at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pgi") as folder:
        made = Box(pathlib.Path(folder))
        yield made
        made.close()


def access(sim, **more):
    return {"PANEL_DOMAIN": sim.url, "PANEL_PASSWORD": "admin-password", "PANEL_TLS_PIN": sim.pin, **more}


def lines(box):
    """The .env as it counts: the last of each key."""
    return dict(line.split("=", 1) for line in box.env.read_text().splitlines() if re.match(r"[A-Z]", line))


# -- the easy way ----------------------------------------------------------------------------------

def test_unattended_and_again(box, lab):
    sim = lab("--nodes", "1")
    deb = box.deb()
    said = box.install("--package", deb, **access(sim, GENERAL_LIMIT=3, BOT_TOKEN="", PANEL_USERNAME="admin"))
    assert "installed version 0.1.0" in said and "pg-limiter.service runs" in said and "PG-Limiter runs since" in said
    assert lines(box) == {"PANEL_DOMAIN": sim.url, "PANEL_USERNAME": "admin", "PANEL_PASSWORD": "admin-password",
                          "PANEL_TLS_PIN": sim.pin, "GENERAL_LIMIT": "3", "ENFORCEMENT": "shadow",
                          "TZ": "Asia/Tehran"}
    assert box.env.stat().st_mode & 0o777 == 0o600 and box.lib.stat().st_mode & 0o777 == 0o750
    assert "systemctl enable pg-limiter.service" in box.calls()
    # Nothing of what is asked for is shown, nor left lying about.
    assert "admin-password" not in said
    assert not list(box.etc.glob(".env.*"))
    before = box.ours()
    for words in (["--package", deb], []):
        said = box.install(*words, **access(sim))
        assert "Nothing had to be changed" in said and "+ " not in said
        assert box.ours() == before and box.calls() == []
    # What stands there is the operator's.
    said = box.install(**access(sim, GENERAL_LIMIT=9))
    assert "GENERAL_LIMIT stands in" in said and box.ours() == before
    # In place: data and settings stay, the daemon is restarted.
    said = box.install("--package", box.deb("0.2.0"))
    assert "upgraded from 0.1.0 to 0.2.0" in said and box.env.read_bytes() == before["etc/opt/pg-limiter/.env"][0]
    assert sorted(p.name for p in (box.keep / "packages").iterdir()) == [
        f"pg-limiter_0.1.0_{ARCH}.deb", f"pg-limiter_0.2.0_{ARCH}.deb"]
    assert "is older" in box.talk("--package", str(deb), answers=[("is older.*N", "")])
    assert (box.fake / "version").read_text() == "0.2.0\n"
    # One that does not come up: said, with the way back.
    (box.fake / "refuse").touch()
    box.end_daemon()
    said = box.install("--package", box.deb("0.3.0"), code=1)
    assert "does not stay up" in said and "--allow-downgrades" in said and "0.2.0" in said


def test_dry_run_and_usage(box):
    assert "usage:" in box.run("--help") and "PG_OLD" in box.run("install", "--help")
    assert "no such option" in box.run("install", "--what", code=2)
    assert "package or docker" in box.run("install", code=2, PG_MODE="snap")
    assert "usage:" in box.run("start", code=2)
    box.container()
    before = box.ours()
    said = box.run("install", "--dry-run", "--package", box.deb())
    assert "Nothing was changed" in said and "container pg-limiter, running" in said and "copy the old program" in said
    assert box.ours() == before and box.calls() == []
    (box.root / "etc/os-release").write_text('ID=ubuntu\nVERSION_ID="24.04"\n')
    assert "--docker" in box.install(code=1)
    (box.root / "etc/os-release").write_text('ID=debian\nVERSION_ID="11"\n')
    assert "Debian 12 and 13" in box.install(code=1)
    # Half of a download runs nothing.
    text = SCRIPT.read_text()
    for part in (0.3, 0.9, 1 - 12 / len(text)):
        done = subprocess.run(["bash", "-s", "--", "install", "--yes"], input=text[:int(len(text) * part)], text=True,
                              env=box.environment(), capture_output=True, timeout=90)
        assert done.stdout == "" and box.calls() == [], done
    done = subprocess.run(["bash", str(SCRIPT), "install"], user=65534, capture_output=True, text=True, timeout=90,
                          env=box.environment(), cwd="/")
    assert done.returncode in (1, 126, 127) and (done.returncode > 1 or "needs root" in done.stderr)


# -- a person --------------------------------------------------------------------------------------

def test_asked_at_a_terminal(box, lab):
    sim = lab("--nodes", "1")
    said = box.talk("--package", box.deb(), answers=[
        ("Address of the panel", sim.url.replace("https", "http")),
        ("1 or 2", ""), ("Name of the admin", ""), ("Password", "wrong-one"),
        ("Use https://", ""),
        ("trust exactly this key", "n"), ("certificate .PEM.", ""), ("Address of the panel", sim.url),
        ("trust exactly this key", "y"),
        ("1 or 2", "1"), ("Name of the admin", ""), ("Password", "admin-password"),
        ("Token of the bot", ""), ("How many devices", "many"), ("How many devices", "4"),
        ("shadow mode .Y", ""), ("Time zone", "Mars/Base"), ("Time zone", "Europe/Berlin"),
        ("Start it now", "")])
    assert "the panel refuses the password" in said and "tells its owner" in said
    assert "ok: version: panel 5" in said and "users   read, read_simple, update" in said
    assert "admin-password" not in said and "wrong-one" not in said
    assert lines(box) == {"PANEL_DOMAIN": sim.url, "PANEL_USERNAME": "admin", "PANEL_PASSWORD": "admin-password",
                          "PANEL_TLS_PIN": sim.pin, "GENERAL_LIMIT": "4", "ENFORCEMENT": "shadow",
                          "TZ": "Europe/Berlin"}
    assert "Nothing had to be changed" in box.talk()


def test_a_key_and_what_it_may(box, lab):
    sim = lab("--nodes", "1")
    weak = sim.post("/keys", {"name": "weak", "inherit": False, "permissions": {
        "users": {"read": {"scope": 2}}, "nodes": {"read": True, "logs": True}}})["key"]
    said = box.talk("--package", box.deb(), answers=[
        ("Address of the panel", sim.url), ("1 or 2", "2"), ("API key", weak),
        ("trust exactly", "y"), ("Enter to try again", ""), ("Enter to try again", "login"),
        ("1 or 2", "1"), ("Name of the admin", ""), ("Password", "admin-password"),
        ("Token", ""), ("devices", ""), ("shadow", "n"), ("Time zone", ""), ("Start it now", "n")])
    assert 'FAILED   permission users update: refused' in said and "Not started" in said
    assert lines(box)["ENFORCEMENT"] == "on" and "PANEL_API_KEY" not in lines(box)


def test_piped_into_bash(box, lab):
    """curl … | bash: the answers come from the terminal."""
    sim = lab("--nodes", "1")
    said = box.talk(argv=["bash", "-s", "--", "install", "--package", str(box.deb())], feed=SCRIPT.read_bytes(),
                    answers=[("Address", sim.url), ("1 or 2", ""), ("Name of", ""), ("Password", "admin-password"),
                             ("trust", "y"), ("Token", ""), ("devices", ""), ("shadow", ""), ("zone", ""),
                             ("Start it", "")])
    assert "pg-limiter.service runs" in said
    # No terminal anywhere.
    done = subprocess.run(["bash", "-s", "--", "install"], input=SCRIPT.read_text(), text=True, start_new_session=True,
                          env=box.environment(), capture_output=True, timeout=90)
    assert done.returncode == 2 and "no terminal" in done.stderr and "--yes" in done.stderr
    # Answers out of a pipe, which ends too early.
    said = box.run("install", feed="\n", code=0)
    assert "Nothing had to be changed" in said
    box.env.unlink()
    said = box.run("install", feed="127.0.0.1:1\n", code=1)
    assert "answers have ended" in said


def test_the_panel_is_away(box):
    deb = box.deb()
    said = box.talk("--package", deb, code=130, interrupt=None, answers=[
        ("Address", "127.0.0.1:9"), ("1 or 2", ""), ("Name of", ""), ("Password", "x"),
        ("Use http://", ""), ("Address of the panel .127.0.0.1:9", "nowhere.invalid"),
        (r"nowhere.invalid is unknown(?s:.)*Address", "\x03")])
    assert "Stopped" in said and "PANEL_PASSWORD=x" not in box.env.read_text()
    # No password: for later, and nothing is started.
    said = box.talk(answers=[("Address", ""), ("1 or 2", ""), ("Name of", ""), ("Password", "")])
    assert "left for later" in said and not (box.fake / "pid").exists()
    # Unattended, each with a code of its own, and .env as it was.
    before = box.env.read_bytes()
    said = box.install(code=1)
    assert "Installed, but not configured" in said
    said = box.install(code=3, PANEL_DOMAIN="https://127.0.0.1:9", PANEL_PASSWORD="secret-word")
    assert "does not answer" in said and "secret-word" not in said and box.env.read_bytes() == before
    said = box.install(code=3, PANEL_DOMAIN="https://127.0.0.1:9", PANEL_PASSWORD="secret-word", CHECK_INTERVAL="often")
    assert "check_interval" in said and box.env.read_bytes() == before
    said = box.install(PANEL_DOMAIN="https://127.0.0.1:9", PANEL_PASSWORD="it's a $ecret \\ # \"word\"",
                       PG_SKIP_CHECK="yes", PG_START="no")
    assert "kept all the same" in said and "Not started" in said
    said = box.install(PG_START="no", code=3)
    shown = subprocess.run([str(box.program), "config", "show", "--json", "--env", str(box.env)],
                           env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert '"panel_password"' in shown.stdout, shown


def test_stopped_at_every_question(box, lab):
    """Ctrl-C wherever it asks: nothing half-written, the terminal as it was, and the next run goes on."""
    sim = lab("--nodes", "1")
    answers = [("Address of the panel", sim.url), ("1 or 2", ""), ("Name of the admin", ""),
               ("Password", "admin-password"), ("trust exactly", "y"), ("Token of the bot", ""),
               ("How many devices", ""), ("shadow mode", ""), ("Time zone", ""), ("Start it now", "")]
    deb = box.deb()
    for at in range(len(answers)) if os.environ.get("PG_LONG") else (0, 3, 4, 8, 9):
        fresh = box.env.read_bytes() if box.env.exists() else None
        said = box.talk("--package", deb, answers=[*answers[:at], (answers[at][0], "\x03")], code=130)
        assert "Stopped" in said and not list(box.etc.glob(".env.*")), said
        if at < len(answers) - 1 and fresh is not None:
            assert box.env.read_bytes() == fresh, at
    assert lines(box)["ENFORCEMENT"] == "shadow", "it was written before the last question"
    said = box.talk("--package", deb, answers=[("Start it now", "")])
    assert "is kept as it is" in said and "pg-limiter.service runs" in said
    assert "Nothing had to be changed" in box.talk("--package", deb)


def test_half_an_installation(box, lab):
    sim = lab("--nodes", "1")
    deb = box.deb()
    (box.fake / "apt-fails").touch()
    assert "Unable to fetch" in box.install("--package", deb, code=1)
    (box.fake / "apt-fails").unlink()
    (box.fake / "apt-half").touch()
    assert "goes on from here" in box.install("--package", deb, code=1)
    assert "No package was named" in box.install(code=1)
    # dpkg can finish it by itself; a candidate of a killed run lies about.
    (box.fake / "mends").touch()
    (box.fake / "version").write_text("0.1.0\n")
    (box.fake / "apt-half").unlink()
    box.etc.mkdir(parents=True)
    (box.etc / ".env.install-AbCdEf").write_text("PANEL_PASSWORD=half")
    said = box.install(**access(sim))
    assert "was not finished" in said and "whole again" in said and "runs" in said
    assert not list(box.etc.glob(".env.install-*"))
    # Not even dpkg: installed anew.
    for name in ("mends",):
        (box.fake / name).unlink()
    (box.fake / "status").write_text("half-installed\n")
    said = box.install("--package", deb)
    assert "installed version 0.1.0" in said
    # Two at a time.
    holder = subprocess.Popen(["flock", str(box.keep / "lock"), "sleep", "60"])
    try:
        while subprocess.run(["flock", "-n", box.keep / "lock", "true"]).returncode == 0:
            time.sleep(0.02)  # not yet
        assert "Another installation" in box.install(code=1)
    finally:
        holder.kill()
        holder.wait()


def test_killed_at_any_moment(box, lab):
    """SIGKILL again and again: .env is nothing or whole, and in the end it is done."""
    sim = lab("--nodes", "1")
    deb = box.deb()
    for tenth in range(1, 16, 1 if os.environ.get("PG_LONG") else 3):
        done = subprocess.Popen(["bash", str(SCRIPT), "install", "--yes", "--package", str(deb)], stdin=subprocess.DEVNULL,
                                env=box.environment(**access(sim)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)
        time.sleep(tenth * 0.15)
        os.killpg(done.pid, signal.SIGKILL)
        done.wait()
        if box.env.exists() and b"\nPANEL_PASSWORD=admin-password" in box.env.read_bytes():
            assert lines(box)["TZ"] == "Asia/Tehran", "whole"
    box.install("--package", deb, **access(sim))
    assert "Nothing had to be changed" in box.install()
    assert not list(box.etc.glob(".env.install-*"))
    # Killed when a running daemon's .env has been changed, and before it is restarted.
    (box.fake / "at-reload").write_text("kill -9 $PPID\n")
    was = (box.fake / "pid").read_text()
    box.install(code=-signal.SIGKILL, **access(sim, GROUP_FILTER_MODE="exclude"))
    assert lines(box)["GROUP_FILTER_MODE"] == "exclude" and (box.fake / "pid").read_text() == was
    (box.fake / "at-reload").unlink()
    assert "pg-limiter.service runs" in box.install() and (box.fake / "pid").read_text() != was
    assert "Nothing had to be changed" in box.install()


# -- files -----------------------------------------------------------------------------------------

def test_an_env_is_only_added_to(box, lab):
    """An old program's .env: kept letter for letter; what is missing comes behind it, after asking."""
    sim = lab("--nodes", "1")
    box.etc.mkdir(parents=True)
    old = ("# mine\r\nPANEL_DOMAIN=" + sim.url.removeprefix("https://") + "\r\nPANEL_USERNAME=admin\r\nPANEL_PASSWORD=wrong\r\n"
           "BOT_TOKEN=\nADMIN_IDS=12\nUSER_SYNC_INTERVAL=5\nDATABASE_URL=sqlite+aiosqlite:///./data/pg_limiter.db\nGENERAL_LIMIT=2")
    box.env.write_text(old, newline="")
    box.env.chmod(0o644)
    box.lib.mkdir(parents=True)
    box.lib.chmod(0o777)
    (box.lib / "secrets.env").write_text("")
    os.chown(box.lib / "secrets.env", 65534, 65534)
    said = box.talk("--package", box.deb(), answers=[
        ("trust exactly", "y"), ("1 or 2", ""), ("Name of", ""), ("Password", "admin-password"),
        ("shadow", ""), ("Add them", "n")])
    assert box.env.read_bytes() == old.encode() and "left as it is" in said
    assert "had mode 644, and has 600 now" in said and "secrets.env belonged to nobody:nogroup" in said
    assert "had mode 777" in said
    said = box.talk(answers=[
        ("trust exactly", "y"), ("1 or 2", ""), ("Name of", ""), ("Password", "admin-password"),
        ("shadow", ""), ("Add them", ""), ("Start it", "")])
    text = box.env.read_bytes().decode()
    assert text.startswith(old + "\n") and "put right" not in said
    assert {k: v for k, v in lines(box).items() if k in ("PANEL_PASSWORD", "PANEL_TLS_PIN", "ENFORCEMENT")} == {
        "PANEL_PASSWORD": "admin-password", "PANEL_TLS_PIN": sim.pin, "ENFORCEMENT": "shadow"}
    assert "Nothing had to be changed" in box.talk()
    box.env.chmod(0o640)
    assert "had mode 640" in box.install() and "Nothing had to be changed" in box.install()


# -- where the package comes from ------------------------------------------------------------------

@pytest.fixture
def web(tmp_path):
    import functools
    import http.server
    import threading
    folder = tmp_path / "www"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def sign(*words):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "sign_update"), *map(str, words)],
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_signed_or_not(box, web, tmp_path, monkeypatch):
    folder, url = web
    key, other = tmp_path / "key.pem", tmp_path / "other.pem"
    sign("key", key)
    sign("key", other)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, text=True).stdout.split("\n")[1]
    script = tmp_path / "pg-limiter.sh"
    script.write_text(re.sub(r"update_key=\S+", f"update_key={public}", SCRIPT.read_text()))
    monkeypatch.setattr("installer_box.SCRIPT", script)
    deb = box.deb()
    quiet = {"PG_START": "no", "PG_SKIP_CHECK": "yes"}

    def get(*words, code=0, **more):
        for name in ("status", "version"):
            (box.fake / name).unlink(missing_ok=True)
        return box.install(*words, code=code, **quiet, **more)

    assert "no such file" in get("--package", "/nowhere.deb", code=1)
    assert "is for s390x" in get("--package", box.deb(arch="s390x"), code=1)
    assert "no package of PG-Limiter" in get("--package", box.deb(name="other"), code=1)
    deb = box.deb()
    shutil.copy(deb, folder / "a.deb")
    assert "could not be fetched" in get("--package", url + "/b.deb", code=1)
    assert "plain http" in get("--package", url + "/a.deb", code=1)
    digest = subprocess.run(["sha256sum", deb], capture_output=True, text=True).stdout[:64]
    assert "is another" in get("--package", url + "/a.deb", code=1, PG_PACKAGE_SHA256="0" * 64)
    assert "installed version" in get("--package", url + "/a.deb", PG_PACKAGE_SHA256=digest)
    (box.fake / "status").unlink()
    assert "Not used" in box.talk("--package", url + "/a.deb", code=1, answers=[("Do you trust", "")])
    sign("file", other, folder / "a.deb")
    assert "not by the key" in get("--package", url + "/a.deb", code=1)
    sign("file", key, folder / "a.deb")
    assert "signature is right" in get("--package", url + "/a.deb")
    (folder / "a.deb.sig").rename(f"{deb}.sig")
    assert "signature is right" in get("--package", deb)
    sign("file", other, deb)
    assert "not by the key" in get("--package", deb, code=1)
    # UPDATE_URL: only what is signed.
    assert "could not be fetched" in get(code=1, UPDATE_URL=url)
    sign("sign", other, folder, "0.2.0", f"{ARCH}.deb={deb}")
    assert "not signed by the key" in get(code=1, UPDATE_URL=url)
    sign("sign", key, folder, "0.2.0", f"{ARCH}={deb}")
    assert f"no package for {ARCH}" in get(code=1, UPDATE_URL=url)
    sign("sign", key, folder, "0.2.0", f"{ARCH}={deb}", f"{ARCH}.deb={deb}")
    assert "signed, and whole" in get(UPDATE_URL=url)
    with next(folder.glob("pg-limiter*.deb")).open("ab") as f:
        f.write(b"x")
    assert "is not what the manifest says" in get(code=1, UPDATE_URL=url)
    deb.unlink()
    assert "No package" in get(code=1)


def test_the_key_is_the_programs():
    header = (ROOT / "src/cli/machine/update_key.h").read_text()
    raw = bytes(int(b, 16) for b in re.findall(r"0x([0-9a-f]{2})", header))
    import base64
    named = base64.b64decode(re.search(r"update_key=(\S+)", SCRIPT.read_text()).group(1))
    assert len(raw) == 32 and named == bytes.fromhex("302a300506032b6570032100") + raw
    # And the old program's places are those of `import --docker`.
    places = re.findall(r'{"(/[^"]+)", "([^"]+)"}', (ROOT / "src/cli/machine/docker.c").read_text())
    assert [f"{a}={b}" for a, b in places] == re.search(r"old_places=\((.*?)\)", SCRIPT.read_text(), re.S).group(1).split()


# -- an old program --------------------------------------------------------------------------------

def old_state(folder, now, **due):
    """What the Python program keeps in its container: who is disabled, and until when (seconds from now)."""
    state_files(folder, disabled={name: (now - 60, now + s if s is not None else None) for name, s in due.items()})


def test_the_old_container_is_taken_over(box, lab):
    """Users disabled at that very moment are imported, and let in on time; it is never started again."""
    sim = lab("--nodes", "1")
    now = time.time()
    for name in ("past", "soon", "late", "free", "last"):
        sim.add_user(name, status="active" if name == "free" else "disabled")
    fs = box.container()
    old_state(fs / "app", now, past=-5, soon=25, late=3600)
    database(fs / "var/lib/pg-limiter/data/pg_limiter.db", config={"general_limit": 6}, limits=[("free", 4)])
    box.etc.mkdir(parents=True)
    (box.etc / "docker-compose.yml").write_text("services:\n  pg-limiter:\n    restart: always\n")
    box.env.write_text("".join(f"{k}={v}\n" for k, v in access(sim, USER_SYNC_INTERVAL=5).items()))
    cron = box.root / "var/spool/cron/crontabs/root"
    cron.parent.mkdir(parents=True)
    cron.write_text("MAILTO=x\n0 */6 * * * docker restart pg-limiter\n5 4 * * * /usr/bin/backup\n")
    script = box.root / "usr/local/bin/pg-limiter"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/bash\nset -e\ndocker compose up -d # PG-Limiter 0.9.8\n")
    # One more is disabled between the first copy and the stop.
    (box.fake / "at-stop").write_text(
        f"""python3 - <<'X'
import json
p = "{fs}/app/.disable_users.json"
d = json.load(open(p))
d["disabled_users"]["last"] = {now}
d["enable_at"]["last"] = {now + 20}
json.dump(d, open(p, "w"))
X
""")
    deb = box.deb()
    # Said no: nothing of it is touched, and ours is not started beside it.
    said = box.talk("--package", deb, answers=[("shadow", ""), ("Add them", ""), ("let the new one take over", "n")])
    assert "goes on, so the new one is not started" in said and box.of_container("state") == "running"
    assert script.exists() and "docker" not in " ".join(box.calls())
    # Unattended it must be said.
    assert "PG_OLD=take-over or PG_OLD=leave" in box.install(code=1)
    said = box.talk("--package", deb, answers=[("let the new one take over", ""), ("Take this over", ""),
                                               ("Start it now", "")])
    assert "container pg-limiter, running, restart policy always" in said and "a line in" in said
    assert "soon" in said and "What would be taken over from container-pg-limiter" in said
    assert box.of_container("state") == "exited" and box.of_container("restart") == "no"
    calls = box.calls()
    assert calls.index("docker update --restart=no pg-limiter") < calls.index("docker stop -t 20 pg-limiter")
    assert not (box.etc / "docker-compose.yml").exists() and not script.exists()
    assert sorted(p.name for p in (box.keep / "replaced").iterdir()) == ["cron-root", "docker-compose.yml", "pg-limiter"]
    text = cron.read_text().splitlines()
    assert text[0] == "MAILTO=x" and text[1].startswith("# pg-limiter.sh") and text[2] == "5 4 * * * /usr/bin/backup"
    # Shadow mode or not: who is due is let in.
    for name, due in (("past", 0), ("last", now + 20), ("soon", now + 25)):
        sim.wait(lambda: sim.user(name)["status"] == "active", 90)
        assert time.time() >= due - 1, f"{name} before his time"
    assert sim.user("late")["status"] == "disabled" and sim.user("free")["status"] == "active"
    shown = subprocess.run([box.program, "disabled", "list", "--json", "--env", box.env], capture_output=True, text=True,
                           env={"PATH": os.environ["PATH"]})
    assert [row["username"] for row in json.loads(shown.stdout)["data"]] == ["late"], shown
    assert "Nothing had to be changed" in box.install()
    assert (box.keep.stat().st_mode & 0o777) == 0o700


def test_the_copy_or_the_import_fails(box, lab):
    sim = lab("--nodes", "1")
    sim.add_user("ali", status="disabled")
    fs = box.container()
    old_state(fs / "app", time.time(), ali=2)
    (box.fake / "cp-fails").touch()
    deb = box.deb()
    said = box.install("--package", deb, code=1, PG_OLD="take-over", **access(sim))
    assert "nothing was stopped" in said and "i/o timeout" in said and box.of_container("state") == "running"
    (box.fake / "cp-fails").unlink()
    # The panel refuses in the middle: the old one goes on.
    said = box.install("--package", deb, code=1, PG_OLD="take-over", PG_SKIP_CHECK="yes",
                       **access(sim, PANEL_PASSWORD="wrong"))
    assert "cannot be taken over" in said and box.of_container("state") == "running"
    box.env.unlink()
    # Killed after the stop: the next run goes on with the copies.
    (box.fake / "at-stop").write_text("kill -9 $PPID\necho exited >$box/$last/state\n")
    box.env.write_text("")
    said = box.run("install", "--yes", code=-signal.SIGKILL, PG_OLD="take-over", **access(sim))
    assert box.of_container("state") == "exited" and sim.user("ali")["status"] == "disabled"
    (box.fake / "at-stop").unlink()
    shutil.rmtree(fs / "app")  # and the container gives no more copies
    said = box.install(PG_OLD="take-over", **access(sim))
    assert "gives no new copy" in said and "took over container-pg-limiter" in said
    sim.wait(lambda: sim.user("ali")["status"] == "active", 90)
    assert "Nothing had to be changed" in box.install()


def test_an_old_process_its_unit_and_its_cron_line(box, lab, tmp_path):
    sim = lab("--nodes", "1")
    sim.add_user("ali", status="disabled")
    home = tmp_path / "PG Limiter"
    home.mkdir()
    old_state(home, time.time(), ali=3)
    (home / "limiter.py").write_text("import time\nwhile True:\n    time.sleep(1)\n")
    process = subprocess.Popen([sys.executable, "limiter.py"], cwd=home)
    unit = box.root / "etc/systemd/system/pg-limiter.service"
    unit.parent.mkdir(parents=True)
    unit.write_text(f"[Service]\nWorkingDirectory={home}\nExecStart=/usr/bin/python3 limiter.py\nRestart=always\n")
    ours = unit.with_name("other.service")
    ours.write_text("[Service]\nExecStart=/usr/bin/pg-limiter run\n")
    crontab = box.root / "etc/crontab"
    crontab.write_text("@reboot root cd /x && python3 limiter.py\n@reboot root true")
    try:
        # Left: it goes on, and its unit, which bears the name of ours, stays the one that counts.
        deb = box.deb()
        said = box.install("--package", deb, PG_OLD="leave", **access(sim))
        assert "goes on, so the new one is not started" in said and "pg-limiter.service is the old program's" in said
        assert not any(c.startswith("systemctl") for c in box.calls()) and not (box.fake / "pid").exists()
        assert "Nothing had to be changed" in box.install(PG_OLD="leave", **access(sim))
        assert process.poll() is None and unit.exists() and crontab.read_text().startswith("@reboot root cd /x")
        said = box.install("--package", deb, PG_OLD="take-over", **access(sim))
        assert process.poll() is not None or process.wait(5) is not None
        assert f"process {process.pid}" in said and "took over folder-" in said
        assert not unit.exists() and ours.exists()
        assert crontab.read_text().splitlines()[1] == "@reboot root true" and crontab.read_text().startswith("# pg-limiter.sh")
        assert "systemctl disable --now pg-limiter.service" in box.calls()
        sim.wait(lambda: sim.user("ali")["status"] == "active", 90)
        assert "Nothing had to be changed" in box.install()
    finally:
        process.kill()
        process.wait()


# -- in a container --------------------------------------------------------------------------------

def test_in_a_container(box, lab, tmp_path):
    sim = lab("--nodes", "1")
    sim.add_user("ali", status="disabled")
    image, compose = tmp_path / "image.tar", ROOT / "docker-compose.yml"
    image.write_text("x")
    fs = box.container("old-limiter")
    old_state(fs / "app", time.time(), ali=900)
    box.container("pg-limiter", path="/usr/bin/pg-limiter")  # one of ours is no old one
    (box.root / "etc/os-release").write_text('ID=fedora\nVERSION_ID="40"\n')
    (box.fake / "has-compose").touch()
    words = ("--docker", "--image", image, "--compose", compose)
    said = box.install(*words, PG_OLD="take-over", **access(sim, PANEL_USERNAME="admin"))
    assert "the container runs" in said and (box.fake / "up").exists() and "container pg-limiter" not in said
    assert box.of_container("state", "old-limiter") == "exited" and box.of_container("state") == "running"
    assert (box.etc / "docker-compose.yml").read_text() == compose.read_text()
    assert lines(box)["PANEL_DOMAIN"] == sim.url and box.env.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run([box.program, "disabled", "list", "--json", "--env", box.env], capture_output=True, text=True,
                           env={"PATH": os.environ["PATH"]})
    assert json.loads(shown.stdout)["total"] == 1, shown
    assert "Nothing had to be changed" in box.install(*words)
    # The command beside it.
    command = box.root / "usr/local/bin/pg-limiter"

    def pg(*words):
        box.calls()
        done = subprocess.run([command, *words], env=box.environment(), capture_output=True, text=True, timeout=90,
                              stdin=subprocess.DEVNULL)
        return done.stdout + done.stderr

    file = box.etc / "docker-compose.yml"
    assert "2 users are disabled" in pg("stop") and f"docker compose -f {file} stop" in box.calls()
    pg("start")
    assert f"docker compose -f {file} up -d" in box.calls()
    pg("user", "list", "--json")
    assert box.calls()[-1] == f"docker compose -f {file} exec -T limiter pg-limiter user list --json"
    pg("uninstall")
    assert not command.exists() and box.env.exists()


def test_docker_is_installed_after_asking(box):
    (box.bin / "docker").rename(box.bin / "docker-kept")
    path = box.folder / "path"
    path.mkdir()
    for name in os.environ["PATH"].split(":"):
        for tool in os.scandir(name) if os.path.isdir(name) else ():
            if not tool.name.startswith("docker") and not (path / tool.name).exists():
                (path / tool.name).symlink_to(tool.path)
    tools = {"PATH": f"{box.bin}:{path}"}
    box.fake.joinpath("has-compose").touch()
    said = box.talk("--docker", answers=[("Install docker.io docker-compose", "n")], code=1, **tools)
    assert "Without Docker" in said and not any("install" in c for c in box.calls())
    said = box.talk("--docker", answers=[("Install docker.io docker-compose", "")], code=1, **tools)
    assert any("install --no-install-recommends docker.io docker-compose" in c for c in box.calls())
