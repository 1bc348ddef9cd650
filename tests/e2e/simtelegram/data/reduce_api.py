#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes bot-api.json from the whole description of the Bot API: names, types, what is required.

    PG_SHARED=DIR tests/e2e/simtelegram/data/reduce_api.py     (reads DIR/telegram/bot-api-*.min.json)

A field is `[required, type, …]`; a type that stands for others is `{"any": [type, …]}`.
"""

import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def fields_of(entry):
    return {f["name"]: [int(f["required"]), *f["types"]] for f in entry.get("fields", [])}


def reduce(whole):
    """The part of the description that simtelegram checks calls and its own answers with."""
    methods = {name: {"fields": fields_of(m), "returns": m["returns"]}
               for name, m in whole["methods"].items()}
    types = {}
    for name, t in whole["types"].items():
        types[name] = {"any": t["subtypes"]} if t.get("subtypes") else {"fields": fields_of(t)}
    return {"version": whole["version"], "methods": methods, "types": types}


def write(reduced, path):
    """One method or type a line, so that a change can be read."""
    def one(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    parts = [f'{{\n"version": {one(reduced["version"])}']
    for kind in ("methods", "types"):
        rows = ",\n".join(f"{one(n)}: {one(v)}" for n, v in sorted(reduced[kind].items()))
        parts.append(f'"{kind}": {{\n{rows}\n}}')
    path.write_text(",\n".join(parts) + "\n}\n", encoding="utf-8")


def main():
    folder = pathlib.Path(os.environ.get("PG_SHARED", "")) / "telegram"
    found = sorted(folder.glob("bot-api-*.min.json"))
    if not found:
        sys.exit(f"no bot-api-*.min.json in {folder}: set PG_SHARED")
    write(reduce(json.loads(found[-1].read_text(encoding="utf-8"))), HERE / "bot-api.json")


if __name__ == "__main__":
    main()
