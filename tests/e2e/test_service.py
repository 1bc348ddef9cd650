"""The daemon under a service manager: what it tells it, the unit's hardening, two daemons on one directory."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time

import pytest
from daemon import ROOT, Daemon, program, settings_for

UNIT = ROOT / "packaging" / "pg-limiter.service.in"


def quiet(**more):
    return {"PANEL_DOMAIN": "http://127.0.0.1:1", "PANEL_PASSWORD": "secret-of-the-panel", **more}


class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said = []  # (time, text)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while text := self.socket.recv(4096):
                self.said.append((time.monotonic(), text.decode()))

    def heard(self, pattern, since=0):
        return [at for at, text in self.said[since:] if re.search(pattern, text)]

    def silent(self):
        """Waits until all is heard of one who says no more; how much was said."""
        n = -1
        while n != len(self.said):
            n = len(self.said)
            time.sleep(0.5)
        return n

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()


@pytest.fixture
def manager(tmp_path):
    m = Manager(tmp_path)
    yield m
    m.close()


def test_ready_reload_watchdog_stop(lab, daemon, manager):
    sim = lab("--nodes", "2")
    d = daemon(sim, start=False)
    d.start(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "600000"})
    d.wait(lambda: manager.heard("^READY=1"), 5, "READY")
    d.wait(lambda: manager.heard(r"STATUS=Enforcement is on\. 2 of 2 nodes"), 15, "a status")
    # The watchdog: a word within half the time, but for what else the machine has to do.
    n = len(manager.said)
    d.wait(lambda: len(manager.heard("WATCHDOG=1", n)) >= 12, what="the watchdog's words")
    beats = manager.heard("WATCHDOG=1", n)
    gaps = [b - a for a, b in zip(beats, beats[1:])]
    assert statistics.median(gaps) <= 0.3, gaps
    # A loop that stands still is silent.
    d.process.send_signal(signal.SIGSTOP)
    n = manager.silent()
    time.sleep(1)
    assert not manager.heard("WATCHDOG", n)
    d.process.send_signal(signal.SIGCONT)
    d.wait(lambda: manager.heard("WATCHDOG", n), 2)
    d.reload()
    d.wait(lambda: manager.heard("^RELOADING=1\nMONOTONIC_USEC=[0-9]+$"), 5)
    d.wait(lambda: len(manager.heard("^READY=1")) == 2, 5, "ready again")
    d.stop()
    d.wait(lambda: manager.heard("^STOPPING=1"))


def test_the_panels_absence_is_no_reason_for_a_restart(daemon, manager):
    d = daemon(**quiet(), start=False)
    d.start(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"})
    d.wait(lambda: len(manager.heard("WATCHDOG=1")) >= 12)
    d.wait(lambda: manager.heard("STATUS=The panel does not answer"))
    # Meant for another process: not for us.
    d.stop()
    n = manager.silent()
    d.start(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"})
    d.wait(lambda: manager.heard("^READY=1", n))
    time.sleep(0.7)
    assert not manager.heard("WATCHDOG=1", n)


def test_two_daemons_on_one_directory(daemon):
    first = daemon(**quiet())
    begun = time.monotonic()
    second = subprocess.run([program(), "run", "--env", str(first.env_file)], capture_output=True, text=True,
                            timeout=60)
    assert second.returncode == 1 and time.monotonic() - begun < 30
    assert f"another pg-limiter runs on {first.data_dir} already (process {first.process.pid})" in second.stderr
    assert first.get("/healthz")
    # Also while the socket is not there yet: many at once, one of them lives.
    first.stop()
    many = [subprocess.Popen([program(), "run", "--env", str(first.env_file)], stderr=subprocess.PIPE)
            for _ in range(4)]
    try:
        first.wait(lambda: sum(p.poll() is None for p in many) == 1, 10, "all but one to end")
        time.sleep(0.3)
        alive = [p for p in many if p.poll() is None]
        assert len(alive) == 1 and {p.returncode for p in many if p not in alive} == {1}
    finally:
        for p in many:
            if p.poll() is None:
                p.terminate()
            p.communicate(timeout=60)
    # A lock left by one that was killed keeps nobody out.
    first.start()
    first.kill()
    first.start()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a PID namespace needs root")
def test_as_the_first_process_of_a_container(daemon):
    """Process 1 gets no signal it has no handler for, and every orphan to bury."""
    d = daemon(**quiet(), start=False)
    outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", program(), "run", "--env", str(d.env_file)],
                             stderr=subprocess.DEVNULL)
    try:
        d.process = outer
        d.wait(d.answers, 15, "the control socket")
        first = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
        status = pathlib.Path(f"/proc/{first}/status")
        assert re.search(r"^NSpid:\t\d+\t1$", status.read_text(), re.MULTILINE)
        orphan = subprocess.run(["nsenter", "--target", str(first), "--pid", "sh", "-c",
                                 "sleep 7 >/dev/null 2>&1 & echo $!"],  # or its end would be waited for
                                capture_output=True, text=True, timeout=60)
        assert orphan.returncode == 0, orphan.stderr
        children = pathlib.Path(f"/proc/{first}/task/{first}/children")
        assert children.read_text().split(), "it has inherited the orphan"
        d.wait(lambda: not children.read_text().split(), 20, "the orphan to be buried")
        health = subprocess.run([program(), "health", "--env", str(d.env_file)], capture_output=True, text=True)
        assert (health.returncode, health.stdout) == (0, "ok\n"), health.stderr
        # .env is spoilt later: what runs goes on, and is healthy.
        d.env_file.write_text(d.env_file.read_text() + "GENERAL_LIMIT=many\n")
        health = subprocess.run([program(), "health", "--env", str(d.env_file)], capture_output=True, text=True)
        assert health.returncode == 0, health.stderr
        os.kill(first, signal.SIGHUP)
        time.sleep(0.2)
        os.kill(first, signal.SIGSTOP)
        health = subprocess.run([program(), "health", "--env", str(d.env_file)], capture_output=True, text=True)
        assert health.returncode == 3 and "no answer" in health.stderr
        os.kill(first, signal.SIGCONT)
        os.kill(first, signal.SIGTERM)
        assert outer.wait(60) == 0
    finally:
        if outer.poll() is None:
            outer.kill()
        d.process = None


def test_signals_while_it_is_built_anew(daemon):
    """After a restore the daemon is taken apart and built anew: no signal may end it in between."""
    d = daemon(**quiet())
    backup = d.folder / "backup.zip"
    d.cli("backup", backup)
    for _ in range(2):
        begun = len(d.log)
        restore = subprocess.Popen([program(), "restore", str(backup), "--yes", "--env", str(d.env_file)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and not d.logged("log files in", begun):
            d.reload()
            time.sleep(0.003)
        assert restore.wait(60) == 0
        assert d.running(), d.tail()
        d.wait(d.answers, 15, "the control socket")
    d.stop()


def test_a_wrong_configuration_is_not_restarted(daemon):
    d = daemon(PANEL_DOMAIN="x", GENERAL_LIMIT="many", start=False)
    d.start(wait=False)
    assert d.ended() == 2, "RestartPreventExitStatus=2"
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=2" in text and "Restart=always" in text


def unit(folder):
    path = folder / "pg-limiter.service"
    path.write_text(UNIT.read_text().replace("@bindir@/pg-limiter", "/bin/true"))
    return path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_units_hardening(tmp_path):
    path = unit(tmp_path)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
                          capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    print(f"\nexposure {found.group(1)}")
    assert float(found.group(1)) <= 2.0
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True,
                          timeout=60)
    assert "pg-limiter.service" not in done.stderr, done.stderr


def test_credentials_win_over_env(lab, daemon, tmp_path):
    sim = lab("--nodes", "1")
    d = daemon(sim, start=False, PANEL_PASSWORD="wrong-password")
    d.start()
    d.wait_log("panel", 10)
    d.wait(lambda: d.cli("doctor", check=False).returncode == 1, 15)
    d.stop()
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "panel_password").write_text("admin-password\n")
    d.secrets.add("admin-password")
    d.start(environment={"CREDENTIALS_DIRECTORY": str(credentials)})
    d.wait_log("users known", 15)
    assert d.get("/config")["data"][2]["origin"] == "environment"


# -- files with secrets ----------------------------------------------------------------------------

def checks(d, *, code=None):
    import json
    done = d.cli("doctor", "--json", check=False)
    return {(c["check"], c["subject"]): c for c in json.loads(done.stdout)["checks"]}


def test_doctor_names_wrong_owner_and_mode(daemon):
    d = daemon(**quiet())
    here = checks(d)
    assert here["file", str(d.env_file)]["level"] == "ok"
    secrets_env = d.data_dir / "secrets.env"
    secrets_env.write_text("")
    secrets_env.chmod(0o644)
    d.env_file.chmod(0o640)
    os.chmod(d.data_dir, 0o777)
    here = checks(d)
    for path, mode in ((d.env_file, "600"), (secrets_env, "600"), (d.data_dir, "750")):
        found = here["file", str(path)]
        assert found["level"] == "warning" and found["cure"] == f"chmod {mode} {path}", found
    os.chmod(d.data_dir, 0o700)
    if os.geteuid() == 0:
        os.chown(secrets_env, 12345, 12345)
        secrets_env.chmod(0o600)
        found = checks(d)["file", str(secrets_env)]
        assert found["level"] == "failed", found
        assert found["cure"] == f"chown root {secrets_env}", found
