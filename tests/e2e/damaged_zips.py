"""Makes damaged, foreign, newer and hostile backups out of a good one: yields (what, bytes, a word of the refusal)."""

import hashlib
import io
import json
import random
import sqlite3
import struct
import tempfile
import zipfile
import zlib

NAMES = ("manifest.json", "pg-limiter.db", "settings.json")
WRONG = (None, True, 0, -1, 1.5, 10**30, "", "x", [], [1], {}, {"a": 1})


def members(good):
    with zipfile.ZipFile(io.BytesIO(good)) as z:
        return {n: z.read(n) for n in z.namelist()}


def packed(parts, compression=zipfile.ZIP_DEFLATED):
    """parts: (name or ZipInfo, bytes), in order; names may stand twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as z:
        for name, content in parts:
            z.writestr(name, content)
    return out.getvalue()


def vouched(parts, **changes):
    """A zip whose manifest fits what it holds; changes replace members of the manifest."""
    manifest = json.loads(parts["manifest.json"])
    manifest["members"] = {n: {"size": len(b), "sha256": hashlib.sha256(b).hexdigest()}
                           for n, b in parts.items() if n != "manifest.json"}
    manifest.update(changes)
    return packed({**parts, "manifest.json": json.dumps(manifest)}.items())


def changed_db(content, *statements):
    with tempfile.NamedTemporaryFile() as f:
        f.write(content)
        f.flush()
        db = sqlite3.connect(f.name, isolation_level=None)
        for text in statements:
            db.execute(text)
        db.close()
        with open(f.name, "rb") as again:
            return again.read()


def of_names(parts):
    """Path tricks, foreign members, links, directories."""
    base = list(parts.items())
    for name in ("../pg-limiter.db", "/etc/passwd", "..\\pg-limiter.db", "C:\\x", "./settings.json", "x/../manifest.json",
                 "settings.json/", "SETTINGS.JSON", "a" * 5000, "\u202etxt.bd", "con", "secrets.env", ".env", "é", "\x1b[2J"):
        yield f"a member {name[:20]!r}", packed([*base, (name, b"x")]), "which no backup has"
    for name in NAMES:
        yield f"{name} twice", packed([*base, (name, parts[name])]), "twice"
        # python's zipfile warns of the name, which is wanted here
        kept = [(n, b) for n, b in base if n != name]
        yield f"no {name}", packed(kept), "manifest.json" if name == NAMES[0] else "missing"
        link = zipfile.ZipInfo(name)
        link.create_system, link.external_attr = 3, 0o120777 << 16
        yield f"{name} as a link", packed([*kept, (link, b"/etc/passwd")]), "symbolic link"
    yield "1000 members", packed([*base, *((f"m{i}", b"") for i in range(1000))]), "members"
    yield "17 members", packed([*base, *((f"m{i}", b"") for i in range(14))]), "members"
    yield "65000 members", packed([*base, *((f"m{i}", b"") for i in range(65000))]), "members"


def of_bombs(parts):
    """What would take more room than it may. 600 MiB in 600 KiB, and one that lies about its size."""
    zeros = bytes(1 << 20)
    for name, size in (("pg-limiter.db", 600), ("settings.json", 9), ("manifest.json", 1), ("secrets.enc", 9)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            for other, content in parts.items():
                if other != name:
                    z.writestr(other, content)
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with z.open(info, "w") as f:
                for _ in range(size):
                    f.write(zeros)
        bomb = out.getvalue()
        yield f"{size} MiB of {name}", bomb, "allowed are"
        at = bomb.rfind(b"PK\x01\x02" + bomb[bomb.rfind(b"PK\x01\x02") + 4:][:4])
        lying = bytearray(bomb)
        struct.pack_into("<I", lying, at + 24, 4096)  # the size, in the directory only
        yield f"{size} MiB of {name}, said to be 4096 bytes", bytes(lying), ""
    # All members are the same bytes of the file: the sum of sizes is far more than there is.
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = raw.compress(zeros) + raw.flush()
    local = b"".join(struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(zeros), len(stream), len(zeros), len(n), 0)
                     + n.encode() for n in NAMES[:1]) + stream
    central = b"".join(struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, zlib.crc32(zeros), len(stream), len(zeros),
                                   len(n), 0, 0, 0, 0, 0, 0) + n.encode() for n in NAMES)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(NAMES), len(NAMES), len(central), len(local), 0)
    yield "members that overlap", local + central + end, ""


def of_manifests(parts):
    base = json.loads(parts["manifest.json"])

    def with_manifest(value):
        return packed({**parts, "manifest.json": value if isinstance(value, str) else json.dumps(value)}.items())

    for key in ("format", "program", "members"):
        for wrong in WRONG:
            if wrong != base[key] and not (key == "format" and wrong in (1.5,)):
                yield f"{key} = {wrong!r}", with_manifest({**base, key: wrong}), ""
    for name in NAMES[1:]:
        for key in ("size", "sha256"):
            for wrong in WRONG:
                if wrong == 10**30:
                    continue
                table = {**base["members"], name: {**base["members"][name], key: wrong}}
                yield f"{name}.{key} = {wrong!r}", with_manifest({**base, "members": table}), "not what the manifest says"
        for wrong in WRONG:
            yield f"members.{name} = {wrong!r}", with_manifest({**base, "members": {**base["members"], name: wrong}}), ""
    for text in ("", "{", "[]", "null", "{}", "\x00", "{\"format\":1,\"format\":1}", "[" * 30000, "\ufeff{}"):
        yield f"a manifest {text[:24]!r}", with_manifest(text), "manifest.json"
    for n in (2, 3, 99, 2**31, 2**62):
        yield f"format {n}", with_manifest({**base, "format": n}), "newer"
    yield "a member the manifest names and nobody has", with_manifest({**base, "members": {**base["members"], "x": {}}}), "no backup has"


def of_databases(parts):
    """The manifest is right, the database is not."""
    db = parts["pg-limiter.db"]
    version = struct.unpack(">I", db[60:64])[0]
    statements = {
        "newer": [f"PRAGMA user_version={version + 1}"], "much newer": ["PRAGMA user_version=2000000000"],
        "of version 0": ["PRAGMA user_version=0"], "of version -1": ["PRAGMA user_version=-1"],
        "somebody else's": ["PRAGMA application_id=7"], "a table more": ["CREATE TABLE x(a)"],
        "a table less": ["DROP TABLE exceptions"],
        "a trigger": ["CREATE TRIGGER t AFTER INSERT ON settings BEGIN DELETE FROM users; END"],
        "a view": ["CREATE VIEW v AS SELECT * FROM settings"], "an index more": ["CREATE INDEX i2 ON settings(value)"],
        "a column more": ["ALTER TABLE settings ADD COLUMN x TEXT"], "another page size": ["PRAGMA page_size=1024", "VACUUM"],
        "rows that refer to none": ["PRAGMA foreign_keys=OFF",
                                    "INSERT INTO enforcements(verdict_id, user_id, name, action, method, state, status_before,"
                                    " groups_before, intended_at)"
                                    " VALUES(99, 1, 'x', 'x', 'status', 'applied', 'active', '[]', 1)"],
    }
    for what, texts in statements.items():
        try:
            yield f"a database {what}", vouched({**parts, "pg-limiter.db": changed_db(db, *texts)}), ""
        except sqlite3.Error as error:
            raise AssertionError((what, error)) from error
    for what, content in (("empty", b""), ("a text", b"hello"), ("its head only", db[:100]), ("a page", db[:4096]),
                          ("half", db[:len(db) // 2]), ("with a tail", db + b"x"), ("all zeros", bytes(len(db)))):
        yield f"a database that is {what}", vouched({**parts, "pg-limiter.db": content}), ""
    for content in (b"", b"[]", b"{", b"null", b"\xff"):
        yield f"settings.json {content!r}", vouched({**parts, "settings.json": content}), "settings.json"
    dice = random.Random(3)
    for i in range(40):
        torn = bytearray(db)
        at = dice.randrange(0, len(db), 4096)
        torn[at:at + 4096] = dice.randbytes(4096)
        yield f"page {at // 4096} overwritten, no. {i}", vouched({**parts, "pg-limiter.db": bytes(torn)}), ""


def of_forms(good, parts):
    """No zip, cut, with something in front or behind, compressed or encrypted otherwise."""
    for what, content in (("nothing", b""), ("PK", b"PK"), ("an empty zip", b"PK\x05\x06" + bytes(18)), ("a gzip", b"\x1f\x8b\x08" + bytes(99)),
                          ("HTML", b"<html>not found</html>"), ("zeros", bytes(4096)), ("text in front", b"x" * 100 + good), ("text behind", good + b"x" * 100)):
        yield what, content, ""
    for name, how in (("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        yield f"{name} inside", packed(parts.items(), how), "not ours"
    for i in range(90):
        yield f"cut no. {i}", good[:len(good) * i // 90], ""
    dice = random.Random(5)
    for i in range(250):
        bent = bytearray(good)
        for _ in range(dice.choice((1, 2, 8, 64))):
            bent[dice.randrange(len(bent))] ^= 1 << dice.randrange(8)
        yield f"bits turned, no. {i}", bytes(bent), None  # None: it may be whole all the same


def every(good):
    parts = members(good)
    yield from of_names(parts)
    yield from of_bombs(parts)
    yield from of_manifests(parts)
    yield from of_databases(parts)
    yield from of_forms(good, parts)
