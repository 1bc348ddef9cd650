# SPDX-License-Identifier: AGPL-3.0-or-later
"""The data that scripts/setup brought, as the daemon reads it. Skipped where it could not be had."""

import ipaddress
import pathlib
import random

import pytest

GEO = pathlib.Path(__file__).resolve().parents[2] / "build" / "geo"
pytestmark = pytest.mark.skipif(
    not ((GEO / "country.mmdb").exists() and (GEO / "asn.mmdb").exists()),
    reason="scripts/setup could not bring the country and AS data",
)

# Networks that have been where they are for decades.
KNOWN = {
    "8.8.8.8": ("US", 15169), "2001:4860:4860::8888": ("US", 15169), "1.1.1.1": (None, 13335),
    "77.88.8.8": ("RU", 13238), "151.232.1.1": ("IR", 58224), "193.0.14.129": (None, 25152),
    "114.114.114.114": ("CN", None),
}  # fmt: skip


def test_shipped_data(lab, daemon):
    """In effect without a setting, dated, licensed; knows most of 1,000 addresses of all the internet."""
    d = daemon(lab())
    status = d.get("/geo")
    for kind, licence in (("country", "CC0"), ("asn", "CC BY 4.0")):
        assert status[kind]["in_effect"] and licence in status[kind]["licence"], status[kind]
        assert status[kind]["networks"] > 500_000 and status[kind]["age_days"] > 0
    assert "RouteViews" in d.cli("geo", "status")
    for address, (country, asn) in KNOWN.items():
        told = d.get(f"/geo/addresses/{address}")
        assert country in (None, told["country"]) and asn in (None, told["asn"]), told
    dice, asked, countries, systems = random.Random(4), 0, 0, 0
    while asked < 1000:
        address = ipaddress.IPv4Address(dice.getrandbits(32))
        if not address.is_global or address.is_multicast or int(address) >> 28 == 15:
            continue
        told = d.get(f"/geo/addresses/{address}")
        asked += 1
        countries += told["country"] is not None
        systems += told["asn"] is not None and bool(told["isp"])
    # Nearly all space is allocated somewhere; about a tenth of it is announced by nobody.
    assert countries >= 980 and 850 <= systems <= 950, (countries, systems)
