"""The REST examples of two READMEs, pasted as they stand: only the host is another.

OURS are those of README.md, and are looked for there; OLD are those of the Python program's README,
whose users paste them from habit.
"""

import pathlib
import re
import subprocess

import pytest
from rest_client import Rest, served

OLD = r'''
# Get status
curl -u admin:123456789 http://localhost:8307/status

# Add special limit
curl -u admin:123456789 -X POST \
  http://localhost:8307/users/limits \
  -H "Content-Type: application/json" \
  -d '{"username": "vip_user", "limit": 5}'

# Enable disabled user
curl -u admin:123456789 -X POST \
  http://localhost:8307/users/disabled/john_doe/enable

# Cleanup deleted users
curl -u admin:123456789 -X POST \
  http://localhost:8307/cleanup
'''
# Its table of endpoints: method and path as they stand there, and what a client sends.
OLD_TABLE = [
    ("GET", "/", None), ("GET", "/status", None), ("GET", "/users/limits", None),
    ("POST", "/users/limits", {"username": "carol", "limit": 4}),
    ("PUT", "/users/limits/carol", {"limit": 6}), ("DELETE", "/users/limits/carol", None),
    ("GET", "/users/except", None), ("POST", "/users/except", {"username": "carol"}),
    ("DELETE", "/users/except/carol", None), ("GET", "/users/disabled", None),
    ("POST", "/users/disabled/carol/enable", None), ("POST", "/users/disabled/enable-all", None),
    ("GET", "/config", None), ("PUT", "/config/limit?limit=3", None),
    ("PUT", "/config/interval?interval=120", None),
    ("PUT", "/config/reenable-time?seconds=1800", None), ("PUT", "/config/country?country=IR", None),
    ("PUT", "/config/country", {"country": "none"}), ("POST", "/cleanup", None),
]
README = pathlib.Path(__file__).resolve().parent.parent.parent / "README.md"


def commands(text):
    """The curl commands of a text, in their order."""
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip().startswith("curl ")]


@pytest.fixture(scope="module")
def place():
    # The password of the READMEs: none is set, so it is the first admin's chat id.
    with served("vip_user", "john_doe", "carol", "gone_soon", password=None,
                ADMIN_IDS="123456789,987654321", TIME_TO_ACTIVE_USERS=900, PARDON_MINUTES=0) as made:
        yield *made[:2], made[2].port


def paste(command, port):
    """Runs it in a shell, as a person does; what it prints. `-i` adds the status."""
    text = command.replace("localhost:8307", f"127.0.0.1:{port}")
    assert str(port) in text, command
    done = subprocess.run(["bash", "-c", text.replace("curl ", "curl -sS --max-time 60 -w ' %{http_code}' ", 1)],
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, (command, done.stderr)
    body, _, status = done.stdout.rpartition(" ")
    return int(status), body


def disable(sim, d, name):
    """Disables a user through the daemon's own doing: two devices at once, limit 1."""
    from daemon import Sharer, Traffic, warm_up
    warm_up(d, sim)
    with Traffic(sim, Sharer(name)):
        d.wait_state(name, "applied", 60)
    sim.wait(lambda: sim.user(name)["status"] == "disabled", 10)


def check_effects(sim, d, found):
    assert found["/status"][0] == 200 and '"enforcement"' in found["/status"][1]
    assert d.get("/users/limits/vip_user")["limit"] == 5
    assert sim.user("john_doe")["status"] == "active", "enabled in the panel, not only here"
    assert '"result":"enabled"' in found["/users/disabled/john_doe/enable"][1]
    assert '"special_limits_removed":[' in found["/cleanup"][1]


@pytest.mark.parametrize("which", ["old", "ours"])
def test_examples_do_what_they_promise(place, which):
    sim, d, port = place
    text = OLD if which == "old" else README.read_text()
    wanted = commands(text)
    assert len(wanted) >= 4, wanted
    d.call("DELETE", "/users/limits/vip_user")
    disable(sim, d, "john_doe")
    found = {}
    for command in wanted:
        path = re.search(r"localhost:8307(/[^ '\"?]*)", command).group(1)
        found[path] = paste(command, port)
        assert found[path][0] == 200, (command, found[path])
    check_effects(sim, d, found)


def test_every_endpoint_of_the_old_table(place):
    _, _, port = place
    rest = Rest(port, password="123456789")
    for method, path, body in OLD_TABLE:
        answer = rest(method, path, body)
        assert answer.status == 200, (method, path, answer)
    # The paths the old server really had. Limits that go up raise no question.
    for method, path in (("PUT", "/config/limits/general?limit=5"),
                         ("PUT", "/config/timing/check_interval?interval=10"),
                         ("PUT", "/config/timing/reenable_time?seconds=900"),
                         ("DELETE", "/users/disabled/john_doe"), ("DELETE", "/users/disabled")):
        assert rest(method, path).status == 200, path
    assert Rest(port, None).get("/docs").status == 200
