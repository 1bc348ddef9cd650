# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes small databases in the MaxMind DB format 2.0, by its description."""

import ipaddress
import struct


def _encode(value) -> bytes:
    """Maps, lists, texts, and numbers of 32 bits or (number, bits)."""
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encode(k) + _encode(v) for k, v in value.items())
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encode, value))
    if isinstance(value, str):
        text = value.encode()
        assert len(text) < 29 + 256
        size = bytes([len(text)]) if len(text) < 29 else bytes([29, len(text) - 29])
        return bytes([2 << 5 | size[0]]) + size[1:] + text
    number, bits = value if isinstance(value, tuple) else (value, 32)
    raw = number.to_bytes(8, "big").lstrip(b"\0")
    kind = {16: 5, 32: 6, 64: 9}[bits]
    return (bytes([kind << 5 | len(raw)]) if kind < 7 else bytes([len(raw), kind - 7])) + raw


def write(path, kind: str, networks: dict[str, dict]) -> None:
    """networks: CIDR → record; IPv4 stands at ::/96, as everywhere."""
    tree: list[list] = [[None, None]]
    data, offsets = b"", {}
    for cidr, record in networks.items():
        net = ipaddress.ip_network(cidr)
        bits, length = int(net.network_address), net.prefixlen
        if net.version == 4:
            length += 96
        at = 0
        for i in range(length):
            side = bits >> (127 - i) & 1
            if i == length - 1:
                encoded = _encode(record)
                if encoded not in offsets:
                    offsets[encoded] = len(data)
                    data += encoded
                tree[at][side] = ("data", offsets[encoded])
            else:
                if tree[at][side] is None:
                    tree.append([None, None])
                    tree[at][side] = ("node", len(tree) - 1)
                at = tree[at][side][1]
    out = b""
    for node in tree:
        for child in node:
            kind_of, n = child or ("node", len(tree))
            out += struct.pack(">I", n if kind_of == "node" else len(tree) + 16 + n)
    meta = {
        "node_count": len(tree), "record_size": (32, 16), "ip_version": (6, 16), "database_type": kind,
        "languages": [], "binary_format_major_version": (2, 16), "binary_format_minor_version": (0, 16),
        "build_epoch": (1790000000, 64), "description": {"en": "a test"},
    }  # fmt: skip
    path.write_bytes(out + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + _encode(meta))
