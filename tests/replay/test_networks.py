# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is known of networks, in a replay: providers in grouping and in the rules for two families, the
country filter. User 7, limit 1, two addresses in turns."""

import mmdb
import pytest
from expect import acquit, monitor, punish, restore, warn
from traces import Log

ONE = ("--set", "general_limit=1")
USUAL = [monitor(5, 7, devices=2), warn(30, 7, devices=2), punish(185, 7, 2, 2), restore(1085, 7)]
CALM = [monitor(5, 7, devices=2), acquit(540, 7, devices=0)]
HOME, MOBILE, ABROAD, UNKNOWN = "40.1.1.1", "40.99.1.1", "41.2.2.2", "42.3.3.3"
HOME6, ABROAD6 = "2a01:4f8::1", "2a02:908::1"


@pytest.fixture
def data(tmp_path):
    """Options that name databases: provider 700 (IR) has 40/8 and 2a01::/16, 800 (DE) 41/8 and 2a02::/16."""
    both = {"40.0.0.0/8": (700, "IR"), "2a01::/16": (700, "IR"), "41.0.0.0/8": (800, "DE"),
            "2a02::/16": (800, "DE")}  # fmt: skip
    mmdb.write(
        tmp_path / "asn.mmdb", "GeoLite2-ASN",
        {net: {"autonomous_system_number": asn, "autonomous_system_organization": "test"}
         for net, (asn, _) in both.items()},
    )  # fmt: skip
    mmdb.write(
        tmp_path / "country.mmdb", "GeoLite2-Country",
        {net: {"country": {"iso_code": code}} for net, (_, code) in both.items()},
    )  # fmt: skip
    return ("--set", f"geoip_asn_db={tmp_path}/asn.mmdb", "--set", f"geoip_country_db={tmp_path}/country.mmdb")


def two(a: str, b: str) -> Log:
    return Log().every(10, 7, a, 0, 300).every(10, 7, b, 5, 300)


def test_group_by_isp(replay, data):
    """All addresses of one provider are one device, of both families; an unknown one stands for itself."""
    isp = (*ONE, *data, "--set", "group_by=isp")
    for other in (MOBILE, HOME6):
        assert replay(two(HOME, other), *isp).rows() == []
    for other in (ABROAD, ABROAD6, UNKNOWN):
        assert replay(two(HOME, other), *isp).rows() == USUAL
    assert replay(two(UNKNOWN, "42.9.9.9"), *isp).rows() == USUAL
    assert replay(two(HOME, MOBILE), *ONE, *data).rows() == USUAL, "auto takes addresses"


def test_two_families_of_two_providers_may_be_a_pair(replay, data):
    assert replay(two(HOME, HOME6), *ONE, *data).rows() == CALM
    assert replay(two(UNKNOWN, HOME6), *ONE, *data).rows() == CALM
    assert replay(two(HOME, ABROAD6), *ONE, *data).rows() == USUAL
    assert replay(two(HOME, ABROAD6), *ONE).rows() == CALM, "without data nobody knows"


def test_carrier_nat_is_of_one_provider(replay, data):
    """Two addresses of a /16 in each burst: exits of one carrier, unless known to be of two."""
    log = Log().every(10, 7, "40.1.1.9", 0, 300).every(10, 7, "40.1.2.9", 0.5, 300)
    assert replay(log, *ONE, *data).kinds() == ["monitor", "acquit"]
    assert replay(log, *ONE).kinds() == ["monitor", "acquit"]


def test_country_filter(replay, data):
    """Known to be elsewhere: not counted, and the evidence says so. Not known: counted."""
    only = (*ONE, *data, "--set", "country_code=IR,TR")
    assert replay(two(HOME, ABROAD), *only).rows() == []
    assert replay(two(HOME, ABROAD6), *only).rows() == []
    assert replay(two(HOME, MOBILE), *only).rows() == USUAL
    assert replay(two(HOME, UNKNOWN), *only).rows() == USUAL
    assert replay(two(HOME, ABROAD), *ONE, *data).rows() == USUAL
    assert replay(two(HOME, ABROAD), *ONE, *data, "--set", "country_code=de,ir").rows() == USUAL
    log = two(HOME, UNKNOWN).every(10, 7, ABROAD, 2, 300)
    run = replay(log, *only, "--evidence")
    assert run.rows() == USUAL
    roles = {a["address"]: (a["role"], a["asn"]) for a in run.of("punish")[0]["evidence"]["addresses"]}
    assert roles == {
        HOME: ("counted", 700), UNKNOWN: ("counted", None), ABROAD: ("country not counted", 800),
    }  # fmt: skip
