#!/usr/bin/env python3
"""Makes v5.json, v4.json and sse/ here from the laboratory's recordings, without its secrets.

    PG_SHARED=../shared python3 tests/data/panel/copy_recordings.py

Each entry keeps the request and the answer. Tokens, keys and passwords become REDACTED; who asked
is kept as `who`: an admin's name, `none`, `expired`, `garbage`, `key:<permissions>` or `key:bad`.
"""

import base64
import json
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SECRET = {"access_token", "api_key", "password", "private_key", "public_key", "auth",
          "server_ca", "subscription_url", "api_key_trimmed"}
# Names of recordings of calls the limiter does not make, left out.
SKIP = re.compile(r"core|hwid_(sub|set|delete|list|unset|reset)|settings|usage|sub_update|counts|"
                  r"openapi|hosts|admin_roles|load_sub|admin_users|users_status_multi|"
                  r"users_limit_h|online_(access|log|mask)|err_ratelimit|user_set_owner_back")
KEYS = {"f20276f2": "key:inherit", "96182fdd": "key:limited", "92417ea6": "key:logs",
        "00000000": "key:bad"}
SSE = ("coreput_node1", "coreput_node1_fresh", "disable_enable_node1", "disable_enable_node1_fresh",
       "v4_node2", "v5_node1", "v5_node2")


def who_asks(headers, name):
    key = headers.pop("X-Api-Key", None)
    given = headers.pop("Authorization", None)
    if key is None and given is None:
        return "none"
    if key is None and "pg_key_" not in given:
        if "expired" in name:
            return "expired"
        try:
            part = given.split(".")[1]
            return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]
        except ValueError:
            return "garbage"
    text = key or given
    kind = KEYS[text.split("pg_key_")[1][:8]]
    if key is None:
        kind += ":" + given.split(" ")[0]
    return kind


def scrub(value, name=None):
    if isinstance(value, dict):
        return {k: scrub(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [scrub(v, name) for v in value]
    if isinstance(value, str) and value and (name in SECRET or name == "id"):
        return "REDACTED"
    return value


def copy(folder, out):
    entries = []
    for path in sorted(folder.glob("*.json")):
        name = path.stem
        if SKIP.search(name) and name != "node_settings":
            continue
        data = json.loads(path.read_text())
        request, response = data["request"], data["response"]
        headers = {k: v for k, v in request["headers"].items() if k not in ("Host", "User-Agent")}
        who = who_asks(headers, name)
        body = re.sub(r"(password=)(?!nope)[^&]*", r"\1REDACTED", request["body"] or "")
        answer = response["body"]
        if name == "apikey_logs_stream":
            answer = answer[:200]
        if name.startswith("apikey_after_revoke"):
            who = "key:revoked"
        entries.append({
            "name": name, "method": request["method"], "path": request["path"], "who": who,
            "headers": headers, "body": body, "status": response["status"],
            "reason": response["reason"], "answer_headers": response["headers"],
            "answer": scrub(answer)})
    out.write_text(json.dumps(entries, indent=0, ensure_ascii=False) + "\n")
    return len(entries)


def main():
    shared = pathlib.Path(os.environ.get("PG_SHARED", HERE.parents[3] / "shared")) / "panel"
    if not shared.is_dir():
        sys.exit(f"no recordings at {shared}; set PG_SHARED")
    for version in ("v5", "v4"):
        print(version, copy(shared / version, HERE / f"{version}.json"))
    (HERE / "sse").mkdir(exist_ok=True)
    for name in SSE:
        raw = (shared / "sse" / f"{name}.raw").read_bytes()
        raw = re.sub(rb"Bearer [\w.-]+", b"Bearer REDACTED", raw, count=1)
        (HERE / "sse" / f"{name}.raw").write_bytes(raw)


if __name__ == "__main__":
    main()
