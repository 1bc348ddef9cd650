"""Every command that README.md and docs/quickstart.md show is run: here, or in a bare Debian by tools/*_story.

Those run here are RUN, as a person would paste them, with names in place of USER and its like; those of a machine
(building, installing, the service) stand in the transcripts of docs/, which the tools make and which end at the first
command that does not do what it should. A command that is in neither fails.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import zipfile

import pytest
import readme_commands as readme
from daemon import TROUBLE, Sharer, Traffic, program, warm_up
from installer_box import TOOLS
from ports import free_port
from rest_client import Rest
from old_program import state_files
from terminal import talk
from test_geo import Server, file_answer

README, QUICK = readme.text_of("README.md"), readme.text_of("docs/quickstart.md")
# What is neither run by RUN nor in a transcript, and who runs it.
ELSEWHERE = {
    "scripts/test": "runs this test",
    "make deb SUITE=trixie ARCH=arm64": "builds in systems of their own: docs/packaging.md says what was seen",
    "make report": "makes docs/verdicts.md, whose head says so",
    "make bench": "makes the figures under Measured; a quarter of an hour",
    "make pictures": "makes docs/pictures, whose parts test_demo_parts.py and test_bot_*.py play",
}
# In order, on one daemon: the command, its exit code, what it says. A row that is a function is called.
RUN = [
    ("status", 0, "enforcement"), ("health", 0, "ok"), ("nodes", 0, "node-1"), ("top", 0, "users active"),
    ("version", 0, "0\\."), ("help", 0, "Command"), ("help explain", 0, "--customer"),
    ("config show", 0, "general_limit"), ("config show general_limit", 0, "1"),
    ("config add ignored_ips 192.0.2.9 198.51.100.7", 0, "198.51.100.7"),
    ("config remove ignored_ips 192.0.2.9 198.51.100.7 --yes", 0, "ignored_ips"),
    ("config set general_limit 1", 0, "general_limit = 1"), ("config reset general_limit", 0, "general_limit"),
    ("config set enforcement on", 0, "enforcement = on"), ("config set node_guard off", 0, "node_guard = off"),
    ("config example", 0, "PANEL_DOMAIN="), ("config reference", 0, "general_limit"),
    ("config set-limit 1", 0, "general_limit = 1"), ("config set-interval 10", 0, "check_interval = 10"),
    ("config set-reenable-time 900", 0, "time_to_active_users = 900"), ("config set-country none", 0, "country_code"),
    ("mode shadow", 0, "shadow"), ("mode off", 0, "off"), ("mode on", 0, "enforcement = on"),
    ("user find ali", 0, "alice"), ("user list", 0, "no special limits"), ("user add bob 5", 0, "5 devices"),
    ("user update bob 6", 0, "6 devices"), ("user show bob", 0, "6"), ("user delete bob", 0, "bob"),
    ("except list", 0, "no exceptions"), ("except add carol", 0, "carol"), ("except check carol", 0, "is excepted"),
    ("except delete carol", 0, "carol"),
    ("user disable bob --for 30", 0, "bob"), ("disabled list", 0, "bob"), ("disabled info bob", 0, "until"),
    ("disabled enable bob", 0, "enabled"), ("user disable bob --for hand", 0, "bob"),
    ("disabled enable-all --yes", 0, "bob +enabled"), ("disabled enable-freed", 0, ""),
    ("user revoke bob --yes", 0, "bob"), ("disabled enable bob", 0, "enabled"),
    "is_watched", ("user clear carol", 0, "carol"), ("user pardon bob", 0, "not judged until"),
    "are_made_again", ("user recreated", 0, "dave"), ("user take dave", 0, "dave"), ("user recreated", 0, "erin"),
    ("user drop erin", 0, "erin"),
    "is_stuck", ("disabled stuck", 0, "frank"), ("disabled adopt frank --for 30", 0, "frank"),
    "shares", ("violations list", 0, "alice"), ("explain alice", 0, "Verdicts"),
    ("explain alice --customer", 0, "Account: alice"), ("explain alice --customer --language fa", 0, "alice"),
    ("history alice", 0, "disabled"), ("events", 0, "alice"), ("violations clear alice", 0, "alice"),
    ("violations clear-all --yes", 0, ""), ("summary", 0, ""), ("disabled enable alice", 0, "enabled"),
    ("report connections", 0, ""), ("report nodes", 0, "node-1"), ("report inbounds", 0, ""),
    ("report users", 0, ""), ("report addresses", 0, ""),
    ("breaker status", 0, "breaker"), ("breaker resume", 0, ""), ("breaker undo --yes", 0, ""),
    ("steps show", 0, "warn"), ("steps set warn,10m,30m,60m,24h", 0, "punishment_steps"),
    ("pattern add prefix vip_ 5 --yes", 0, "vip_"), ("pattern list", 0, "vip_"), ("pattern delete 1 --yes", 0, ""),
    ("filter group include 1 --yes", 0, "group_filter = 1"), ("filter group exclude 1 --yes", 0, "group_filter"),
    ("filter group remove 1 --yes", 0, "group_filter"), ("filter group add 1 --yes", 0, "group_filter = 1"),
    ("filter group off --yes", 0, "group_filter = "), ("filter admin exclude admin --yes", 0, "admin_filter = admin"),
    ("filter admin remove admin --yes", 0, "admin_filter"), ("filter admin add admin --yes", 0, "admin_filter = admin"),
    ("filter admin include admin --yes", 0, "admin_filter"), ("filter admin off --yes", 0, "admin_filter = "),
    ("filter owner add prefix al admin --yes", 0, ""), ("filter owner list", 0, "al"),
    ("filter owner delete 1 --yes", 0, ""),
    ("shared list", 0, ""), ("shared remove 5.10.1.7", 1, "5.10.1.7"),
    ("topics set GROUP", 0, ""), ("topics show", 0, ""), ("topics check", 0, ""), ("topics create", 0, ""),
    ("topics route backup general", 0, ""), ("topics clear", 0, ""), ("schedule", 0, "backup"),
    ("webhook show", 0, ""), ("config set webhook_url HOOK", 0, "webhook_url"),
    ("config set webhook_secret 0123456789abcdef0123456789abcdef", 0, ""), ("webhook test", 0, "200"),
    ("config reset webhook_url", 0, ""),
    ("admin add 5000002 operator", 0, "5000002"), ("admin list", 0, "5000002"), ("admin set 5000002 viewer", 0, "viewer"),
    ("admin remove 5000002 --yes", 0, ""),
    ("panel groups", 0, ""), ("panel admins", 0, "admin"),
    ("geo status", 0, "country"), ("geo lookup 8.8.8.8", 0, ""), ("geo update", 0, ""), ("geo build out.mmdb as.csv", 0, ""),
    ("config cleanup --dry-run", 0, ""), ("config cleanup", 0, ""), ("config cleanup --undo", 1, "nothing|cleanup"),
    ("doctor", 0, "panel"), ("doctor --access", 0, "login"), ("doctor --bundle report.json", 0, "report.json"),
    "other_access",
    ("completion bash", 0, "complete"), ("completion zsh", 0, "compdef"), ("completion fish", 0, "complete"),
    ("logs -n 5 --no-follow", 0, ""), ("logs --api --no-follow", 0, ""), ("logs --telegram --no-follow", 0, ""),
    "follows",
    ("import --dry-run old", 0, "alice"), ("import --docker pg-limiter --dry-run", 0, "alice"),
    ("import old --yes", 0, ""), ("backup b.zip", 0, "b.zip"), "keeps_secrets", "records",
    ("scan access.log", 0, "{"), ("cat access.log | pg-limiter scan -", 0, "{"), ("replay recorded/*", 0, ""),
    ("replay --compare a.env b.env recorded/*", 0, ""), ("restore b.zip --yes", 0, ""),
]


def run_here():
    """The words of the commands of RUN, and of the functions in it."""
    lines = [row[0] for row in RUN if not isinstance(row, str)]
    return [w.split()[1 if w.startswith("pg-limiter") else 0:] for w in
            (line.split("| ")[-1] for line in [*lines, *FUNCTIONS_RUN])]


FUNCTIONS_RUN = ("run --record recorded", "config panel domain URL", "config panel login admin", "config panel key KEY",
                 "events -f", "logs -n 5", "backup --secrets s.zip")


def test_every_command_is_run_somewhere():
    """Fails for a command that is added to README or quick start, and run by nobody."""
    transcribed = readme.transcribed()
    runs = run_here() + [words for line in transcribed for words in readme.words_of(line)]
    missing = []
    for words, options in readme.table(README):
        found = [run for run in runs if readme.alike(words, run)]
        if not found:
            missing.append("table: " + " ".join(words))
        for option in options:
            if not any(readme.alike(option.split(), run[i:]) for run in found for i in range(len(run) + 1)):
                if option not in ("-", "DAY", "FILE") or not any(len(run) > len(words) for run in found):
                    missing.append(f"table: {' '.join(words)} {option}")
    for option in readme.described(README):
        if not any(option in run for run in runs):
            missing.append(f"table: {option}")
    for where, text in (("README.md", README), ("quickstart.md", QUICK)):
        for line in readme.blocks(text) + readme.spans(text):
            assert not re.search(r"  +\S", line), f"{where}: not to be pasted as it stands: {line}"
            words = line.split()
            if line in ELSEWHERE or line in transcribed:
                continue
            if words[0] == "pg-limiter" and any(readme.alike(words[1:], run) for run in runs):
                continue
            missing.append(f"{where}: {line}")
    assert not missing, "\n".join(missing)


def test_the_table_is_complete():
    """README's table names every command that `help` lists."""
    listed = re.findall(r"^  ([a-z]+(?:[ -][a-z]+)*)(?:  |$)", subprocess.run(
        [program(), "help"], capture_output=True, text=True).stdout, re.MULTILINE)
    shown = [" ".join(w for w in words if w.islower()) for words, _ in readme.table(README)]
    assert len(listed) > 60
    assert not [c for c in listed if not any(s == c or s.startswith(c + " ") for s in shown)]


@pytest.mark.parametrize("name", sorted(p.name for p in (readme.ROOT / "docs").glob("*.md")))
def test_blocks_can_be_pasted(name):
    """What follows a command in a block stands behind a #."""
    for line in readme.blocks(readme.text_of(f"docs/{name}")):
        if line.startswith("pg-limiter ") and name not in readme.TRANSCRIPTS:
            assert not re.search(r"\S {2,}\S", line), line


def test_examples_of_help_can_be_pasted():
    """What follows an example of `help COMMAND` stands behind a #, too."""
    page = subprocess.run([program(), "__man"], capture_output=True, text=True).stdout.replace("\\-", "-")
    examples = re.findall(r"^ +pg-limiter .*$", page, re.MULTILINE)
    assert len(examples) > 20 and not [e for e in examples if re.search(r"\S {2,}[^#\s]", e.split(" # ")[0])]


def hears_ctrl_c():
    """SIGINT is ignored where the tests run in the background of a shell, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Paster:
    """A person's shell: the program in PATH by its name, .env found by itself, a folder of one's own."""

    def __init__(self, sim, d, group, folder):
        self.sim, self.d, self.group, self.folder = sim, d, group, folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "pg-limiter").symlink_to(program())
        (folder / "as.csv").write_text("8.8.8.0,8.8.8.255,15169,Example\n")
        self.fake = folder / "fake"
        docker = self.bin / "docker"
        docker.write_text("#!/bin/bash\n" + TOOLS["docker"])
        docker.chmod(0o755)
        app = self.fake / "containers/pg-limiter/fs/app"
        for place in (app, folder / "old"):
            place.mkdir(parents=True)
            state_files(place, disabled={"alice": (0, 1)})
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
        self.environment = keep | {"PATH": f"{self.bin}:{keep['PATH']}", "PG_LIMITER_ENV": str(d.env_file),
                                   "FAKE": str(self.fake), "ASAN_OPTIONS": "detect_leaks=1", "NO_COLOR": "1"}

    def paste(self, line):
        done = subprocess.run(["bash", "-c", line], env=self.environment, stdin=subprocess.DEVNULL, cwd=self.folder,
                              capture_output=True, text=True, timeout=180)
        assert not TROUBLE.search(done.stderr), done.stderr
        return done

    def ask(self, line, *answers):
        code, said = talk(["bash", "-c", line], answers, self.environment)
        assert code == 0, (line, code, said)

    # -- what takes more than one command -----------------------------------------------------------

    def is_stuck(self):
        self.sim.call("PATCH", "/user/frank", {"status": "disabled"})
        self.d.wait(lambda: "frank" in self.paste("pg-limiter disabled stuck").stdout, 30, "frank is stuck", step=1)

    def is_watched(self):
        self.sim.wait(self.sim.streams, 10)
        warm_up(self.d, self.sim)
        with Traffic(self.sim, Sharer("carol")):
            self.d.wait(lambda: self.d.status()["users"]["monitoring"] == 1, 20, "carol is monitored")

    def are_made_again(self):
        for name in ("dave", "erin"):
            self.paste(f"pg-limiter user add {name} 5")
            self.sim.call("DELETE", f"/user/{name}")
            self.sim.add_user(name)
        with Traffic(self.sim, Sharer("dave", n=1, every=0.3)):
            self.d.wait(lambda: self.d.status()["users"]["recreated"] == 2, 20, "both are noticed")

    def shares(self):
        with Traffic(self.sim, Sharer("alice")):
            self.d.wait_state("alice", "applied", 60)

    def other_access(self):
        self.ask(f"pg-limiter config panel domain {self.sim.url}")
        self.ask("pg-limiter config panel login admin", ("assword", "admin-password"))
        key = self.sim.post("/keys", {"name": "k", "inherit": True, "permissions": {}})
        self.ask("pg-limiter config panel key", ("ey", key["key"]))

    def keeps_secrets(self):
        self.ask(f"cd {self.folder} && pg-limiter backup --secrets s.zip", ("assphrase", "of several words"),
                 ("same again", "of several words"))
        assert (self.folder / "s.zip").stat().st_size > 1000

    def follows(self):
        for line in ("pg-limiter events -f", "pg-limiter logs -n 5"):
            child = subprocess.Popen(["bash", "-c", f"exec {line}"], env=self.environment, cwd=self.folder, text=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     preexec_fn=hears_ctrl_c)
            assert child.stdout.readline(), line
            child.send_signal(signal.SIGINT)
            said = child.communicate(timeout=90)[0]
            assert child.returncode in (0, 130, -signal.SIGINT) and not TROUBLE.search(said), (line, said)

    def records(self):
        """The daemon itself, by hand: recorded, and ended by Ctrl-C."""
        self.d.stop()
        child = subprocess.Popen(["bash", "-c", "exec pg-limiter run --record recorded"], env=self.environment,
                                 cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, preexec_fn=hears_ctrl_c)
        try:
            def is_recorded():
                self.sim.connect(1, "bob", "5.6.7.8")  # until its stream is there: that of before may still be listed
                return any(p.stat().st_size for p in (self.folder / "recorded").rglob("*") if p.is_file())
            self.d.wait(is_recorded, step=0.5)
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
        (self.folder / "access.log").write_text(
            "2026/11/25 12:00:00.000000 from 5.6.7.8:1234 accepted tcp:x.example:443 [VLESS TCP >> direct] email: 2.bob\n")
        for name, limit in (("a.env", 1), ("b.env", 5)):
            (self.folder / name).write_text(f"GENERAL_LIMIT={limit}\n")


@pytest.fixture
def web():
    server = Server()
    yield server
    server.close()


def test_the_table_pasted(lab, daemon, telegram, tmp_path, web):
    sim = lab("--http", "--nodes", 1)
    for name in ("alice", "bob", "carol", "dave", "erin", "frank"):
        sim.add_user(name)
    owner = telegram.user("Owner", id=5_000_001)
    telegram.user("Helper", id=5_000_002)
    group = telegram.group("Team", owner, forum=True)
    for name in ("country", "asn"):
        path = readme.ROOT / "build/geo" / f"{name}.mmdb"
        if path.exists():
            web.answers[f"/{name}.mmdb"] = file_answer(path.read_bytes(), f'"{name}"')
    port = free_port()
    web.answers["/hook"] = lambda request: request.reply(200, b"")
    d = daemon(sim, ADMIN_IDS=owner.id, API_ENABLED="true", API_PORT=port, GEOIP_COUNTRY_URL=web.url + "/country.mmdb",
               GEOIP_ASN_URL=web.url + "/asn.mmdb", **telegram.settings)
    d.wait(lambda: d.status()["users"]["listed"] >= 6, 15)
    Rest(port, password=str(owner.id)).get("/status")  # so that there is something in its log
    person = Paster(sim, d, group, tmp_path)
    failed = []
    for row in RUN:
        if isinstance(row, str):
            getattr(person, row)()
            continue
        line, code, says = row
        line = line.replace("GROUP", str(group.id)).replace("HOOK", web.url + "/hook")
        line = line if "pg-limiter" in line.split("| ")[-1].split()[:1] else "pg-limiter " + line
        done = person.paste(line)
        said = done.stdout + done.stderr
        if done.returncode != code or not re.search(says, said) or not said.strip():
            failed.append((line, done.returncode, said[-600:]))
    print(json.dumps(failed, indent=1))
    assert not failed
    assert zipfile.is_zipfile(tmp_path / "b.zip")
