# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes tiny databases in the MaxMind DB format 2.0, from scratch, for the tests of countries."""

import ipaddress
import struct


def sized(kind, n):
    """A whole number of one of the format's types: 5 is 16 bits, 6 is 32, 9 is 64."""
    raw = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return head(kind, len(raw)) + raw


def value(v):
    """One value: text, whole number, list or map; bytes are encoded already."""
    if isinstance(v, bytes):
        return v
    if isinstance(v, str):
        raw = v.encode()
        return head(2, len(raw)) + raw
    if isinstance(v, int):
        return sized(6, v)
    if isinstance(v, list):
        return head(11, len(v)) + b"".join(value(x) for x in v)
    return head(7, len(v)) + b"".join(value(k) + value(x) for k, x in v.items())


def head(kind, size):
    assert size < 285
    first = (kind << 5 if kind < 8 else 0) | min(size, 29)
    return bytes([first, *([kind - 7] if kind >= 8 else []), *([size - 29] if size >= 29 else [])])


def database(networks, built=1_780_000_000, kind="test"):
    """The bytes of a database: {"5.0.0.0/8": {"country": {"iso_code": "IR"}}, …}."""
    nodes, data, places = [[None, None]], b"", []
    for text, record in networks.items():
        network = ipaddress.ip_network(text)
        bits = network.prefixlen + (96 if network.version == 4 else 0)
        number = int(network.network_address)
        at = len(data)
        data += value(record)
        node = 0
        for depth in range(bits):
            side = number >> (127 - depth) & 1
            if depth == bits - 1:
                nodes[node][side] = ("data", at)
                break
            if nodes[node][side] is None:
                nodes.append([None, None])
                nodes[node][side] = ("node", len(nodes) - 1)
            assert nodes[node][side][0] == "node", "longer networks first are not supported"
            node = nodes[node][side][1]
        places.append(at)
    n = len(nodes)
    tree = b""
    for pair in nodes:
        for slot in pair:
            number = n if slot is None else slot[1] + (n + 16 if slot[0] == "data" else 0)
            tree += struct.pack(">I", number)
    metadata = {
        "binary_format_major_version": sized(5, 2), "binary_format_minor_version": sized(5, 0),
        "build_epoch": sized(9, built), "database_type": kind, "description": {"en": "test"},
        "ip_version": sized(5, 6), "languages": ["en"], "node_count": n,
        "record_size": sized(5, 32),
    }  # fmt: skip
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(metadata)


def countries(**networks):
    """countries(IR=["5.0.0.0/8"], DE=[…])"""
    return database({n: {"country": {"iso_code": c}} for c, all_ in networks.items() for n in all_})


def world(country):
    """Everything in one country."""
    return countries(**{country: ["0.0.0.0/1", "128.0.0.0/1", "2000::/3"]})
