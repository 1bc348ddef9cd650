"""The simulator's answers against the recordings of a real panel 5.2.1 and 4.0.2.

Every recorded call is made again, byte for byte, to a simulator brought into the same state. The
answer must have the same status line, the same header names in the same order and case, the same
header values but date and length, and the same JSON: keys, order, types, and every value that is
not a time, a counter, a credential or a measurement.
"""

import json
import pathlib
import re
import socket
import time

import pytest

from simpanel import in_thread

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "panel"
PASSWORDS = {"labowner": "Lab-Owner-1", "resell-A": "Lab-Reseller-A"}
LIMITED = {"users": {"read": {"scope": 2}, "update": {"scope": 2}},
           "nodes": {"read": True, "logs": True, "stats": True}, "groups": {"read": True}}
LOGS = {**LIMITED, "admins": {"read": True}}
CHANGING = {
    # times, counters, credentials and measurements: the type must agree, or null either way
    "created_at", "edit_at", "online_at", "used_traffic", "lifetime_used_traffic", "uplink",
    "downlink", "lifetime_uplink", "lifetime_downlink", "subscription_url", "revoked_at",
    "mem_total", "mem_used", "disk_total", "disk_used", "cpu_usage", "uptime", "uptime_seconds",
    "incoming_bandwidth", "outgoing_bandwidth", "online_users", "access_token", "api_key",
    "api_key_trimmed", "server_ca", "password", "auth", "private_key", "public_key",
}


def entries(version):
    loaded = json.loads((DATA / f"v{version}.json").read_text())
    return [pytest.param(version, e, id=f"v{version}-{e['name']}") for e in loaded]


# -- the state before the call -----------------------------------------------------------------

def users_in(answer):
    if not isinstance(answer, dict):
        return []
    if "proxy_settings" in answer:
        return [answer]
    return [u for u in answer.get("users", []) if isinstance(u, dict) and "note" in u]


def prepare(panel, entry):
    """What the recording's answer shows and its request did not set was there before."""
    state, name, answer = panel.state, entry["name"], entry["answer"]
    try:
        asked = json.loads(entry["body"] or "{}")
    except ValueError:
        asked = {}
    for shown in users_in(answer):
        user = state.users.get(shown["id"])
        if user is None:
            continue
        for field in ("note", "hwid_limit"):
            setattr(user, field, "before" if field in asked else shown[field])
        if "group_ids" not in asked:
            user.group_ids = list(shown["group_ids"])
        if "set_owner" not in name:
            user.admin_id = state.admin_named(shown["admin"]["username"]).id
        changes = "status" in asked or "disabled" in asked
        if not changes:
            user.status = shown["status"]
        elif asked.get("status", True) is None:
            user.status = "active"
        elif "idempotent" not in name:
            user.status = "disabled" if shown["status"] == "active" else "active"
        if shown["online_at"] is not None:
            user.online_at = time.time()
        if shown["edit_at"] is not None:
            user.edit_at = time.time()
    if name in ("bulk_disable_users_again", "bulk_enable_users"):
        state.users[2].status = state.users[4].status = "disabled"
    if name == "bulk_enable":
        state.users[2].status = "disabled"
    if name == "bulk_groups_remove":
        state.users[2].group_ids = [1, 3]
    if name.startswith("node_offline"):
        state.nodes[2].reachable = False
    if match := re.match(r"(?:err_node_disabled|node_enable)\w*_(\d)$", name):
        state.nodes[int(match[1])].enabled = False
    if name.startswith("online_policy"):
        state.nodes[1].stats_online = state.nodes[2].stats_online = False
    prepare_online(state, entry)
    prepare_keys(state, name)


def prepare_online(state, entry):
    answer, path = entry["answer"], entry["path"]
    if "online_stats" not in path or entry["status"] != 200:
        return
    user = path.split("online_stats/")[1].split("/")[0]
    user = int(user) if user.isdigit() else state.by_name[user].id
    if path.endswith("/ip"):
        one = re.match(r"/api/node/(\d+)/", path)
        shown = {one[1]: answer} if one else answer["nodes"]
        for node_id, there in shown.items():
            state.nodes[int(node_id)].online[user] = {
                ip.strip("[]"): (last, None) for ip, last in there["ips"].items()}
    else:
        for node_id, count in answer.items():
            state.nodes[int(node_id)].online[user] = {
                f"203.0.113.{i}": (time.time(), None) for i in range(count)}


def prepare_keys(state, name):
    if name in ("apikey_delete", "apikey_revoke"):
        state.add_key("lab-logs", inherit=False, permissions=LOGS)
    if name in ("apikey_create_limited", "apikey_list"):
        state.add_key("limiter")
    if name == "apikey_list":
        state.add_key("limiter-min", inherit=False, permissions=LIMITED)


def credentials(panel, who):
    """The header of the caller a recording names."""
    auth, state = panel.app.auth, panel.state
    if who == "none":
        return {}
    if who == "garbage":
        return {"Authorization": "Bearer abc.def.ghi"}
    if who == "expired":
        auth.ttl = -60
        return {"Authorization": "Bearer " + auth.issue(state.admins[1])}
    if not who.startswith("key:"):
        return {"Authorization": "Bearer " + auth.issue(state.admin_named(who))}
    kind, _, scheme = who[4:].partition(":")
    text = "pg_key_00000000-0000-4000-8000-000000000000"
    if kind in ("inherit", "limited", "logs"):
        permissions = {"inherit": None, "limited": LIMITED, "logs": LOGS}[kind]
        text = state.add_key(kind, inherit=kind == "inherit", permissions=permissions).key
    return {"Authorization": f"{scheme} {text}"} if scheme else {"X-Api-Key": text}


# -- the call ----------------------------------------------------------------------------------

def exchange(port, entry, headers, seconds=40.0):
    """Sends the recorded request; returns status line, headers in order, body bytes."""
    body = entry["body"]
    for admin, password in PASSWORDS.items():
        if f"username={admin}" in body:
            body = body.replace("REDACTED", password)
    body = body.encode()
    head = {"Host": f"127.0.0.1:{port}", **entry["headers"], **headers}
    head = {k: v for k, v in head.items() if k != "Content-Length"}
    if body or entry["method"] != "GET":
        head["Content-Length"] = str(len(body))
    request = f"{entry['method']} {entry['path']} HTTP/1.1\r\n"
    request += "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        sock.sendall(request.encode() + body)
        data = b""
        while part := sock.recv(65536):
            data += part
            if b"text/event-stream" in data and data.count(b"data: ") >= 2:
                break
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    return lines[0], [tuple(line.split(": ", 1)) for line in lines[1:]], body


def same(ours, theirs, where="answer", key=None):
    """Compares JSON values; keys, order and types always, values unless they change by nature."""
    if key in CHANGING:
        assert ours is None or theirs is None or type(ours) is type(theirs) \
            or {type(ours), type(theirs)} == {int, float}, where
        return
    assert type(ours) is type(theirs), f"{where}: {ours!r} is not like {theirs!r}"
    if isinstance(theirs, dict):
        if where.endswith(".ips") or key == "nodes" and theirs and all(k.isdigit() for k in theirs):
            assert set(ours) == set(theirs), where
        else:
            assert list(ours) == list(theirs), where
        for name in theirs:
            same(ours[name], theirs[name], f"{where}.{name}", name)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, item in enumerate(theirs):
            same(ours[i], item, f"{where}[{i}]", key)
    elif theirs != "REDACTED":
        assert ours == theirs, where


@pytest.mark.parametrize("version,entry", entries(5) + entries(4))
def test_answers_like_the_recording(version, entry):
    with in_thread(lab=True, tls=False, version=version) as sim:
        prepare(sim.panel, entry)
        headers = credentials(sim.panel, entry["who"])
        if entry["name"] == "apikey_logs_stream":
            sim.node(1, "restart")
        status, got, body = exchange(sim.port, entry, headers)
    assert status == f"HTTP/1.1 {entry['status']} {entry['reason']}"
    theirs = [(k, v) for k, v in entry["answer_headers"] if k not in ("date", "content-length")]
    assert [(k, v) for k, v in got if k not in ("date", "content-length")] == theirs
    assert [k for k, _ in got] == [k for k, _ in entry["answer_headers"]]
    length = dict(got).get("content-length")
    if length is not None:
        assert int(length) == len(body)
    if "text/event-stream" in dict(got).get("content-type", ""):
        if entry["answer"] is None:
            assert body == b"0\r\n\r\n"
        else:
            text = b"".join(part for part in re.split(rb"[0-9a-f]+\r\n(?=data)", body))
            first = entry["answer"].split("\r\n\r\n")[0]
            assert text.decode().startswith(first)
        return
    if entry["answer"] is None:
        assert body == b""
        return
    ours = json.loads(body)
    assert body == json.dumps(ours, separators=(",", ":"), ensure_ascii=False).encode()
    same(ours, entry["answer"])
