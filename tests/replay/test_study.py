# SPDX-License-Identifier: AGPL-3.0-or-later
"""The labelled traces of study.c with 60 seeds a kind: no honest kind is cut off but the two fastest
flapping ones, and sharers are caught as often as docs/verdicts.md says, less a margin for few seeds.
The report's own tool is run too, so that `make report` keeps working."""

import importlib.machinery
import importlib.util
import json
import re
import subprocess

import pytest
from conftest import ROOT

SEEDS = 60
TOOL = ROOT / "tools" / "verdict_report"

# Percent cut off at least, median second of the verdict at most.
SHARERS = {
    "shared by 2": (92, 510),
    "shared by 2, light": (55, 1010),
    "shared by 2, heavy": (100, 240),
    "shared by 2, alternating": (40, 1100),
    "shared by 3": (88, 840),
    "shared by 4": (75, 1120),
    "shared by 5": (98, 415),
    "busy 1 s + ordinary": (98, 285),
    "busy 2 s + light": (98, 365),
    "two busy 1 s + ordinary": (98, 290),
    "5, one of them busy": (98, 290),
}
# Honest, and yet cut off: percent at most, and no sooner than the prototype.
FLAPPING = {
    "flapping every 10-40 s, half an hour": (10, 0),
    "flapping every 8-20 s, half an hour": (95, 680),
}


def results(study: str, *settings: str, seeds: int = SEEDS) -> dict[str, dict]:
    done = subprocess.run(
        [study, "--json", "--seeds", str(seeds), *settings], capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    return {row["kind"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def default(study):
    return results(study)


def test_honest_kinds_are_not_cut_off(default):
    honest = {kind: row for kind, row in default.items() if row["honest"]}
    assert len(honest) == 14 and all(row["seeds"] == SEEDS for row in honest.values())
    for kind, row in honest.items():
        share = 100 * row["convicted"] / SEEDS
        at_most, no_sooner = FLAPPING.get(kind, (0, 0))
        assert share <= at_most, (kind, share)
        assert not row["convicted"] or row["median_s"] >= no_sooner, kind


def test_sharers_are_caught(default):
    assert {kind for kind, row in default.items() if not row["honest"]} == set(SHARERS)
    for kind, (at_least, at_most_s) in SHARERS.items():
        row = default[kind]
        assert 100 * row["convicted"] / SEEDS >= at_least, (kind, row)
        assert 180 <= row["median_s"] <= at_most_s, (kind, row)


def test_whoever_is_convicted_was_warned(default):
    for row in default.values():
        assert row["warned"] >= row["convicted"]


def test_settings_reach_the_study(study, default):
    """With half of the evidence sharers are found sooner, and no fewer of them."""
    sooner = results(study, "evidence_threshold=3.5", seeds=20)
    for kind in ("shared by 2", "shared by 2, light", "shared by 4"):
        assert sooner[kind]["convicted"] / 20 >= default[kind]["convicted"] / SEEDS
        assert sooner[kind]["median_s"] < default[kind]["median_s"]
    assert subprocess.run([study, "no_such=1"], capture_output=True).returncode == 2


def tool():
    loader = importlib.machinery.SourceFileLoader("verdict_report", str(TOOL))
    spec = importlib.util.spec_from_loader("verdict_report", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_report_is_made_and_docs_are_of_its_making(study, tmp_path):
    """Few seeds, the same words: what stands in docs/verdicts.md differs in figures only."""
    out = tmp_path / "verdicts.md"
    command = [TOOL, "--seeds", "2", "--study", study, "--out", out]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    made = out.read_text(encoding="utf-8")
    docs = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    kinds = list(tool().REFERENCE)
    for text in (made, docs):
        for kind in kinds:
            assert len(re.findall(rf"^\| {re.escape(kind)} \|", text, re.MULTILINE)) in (2, 3), kind
    headings = [line for line in made.splitlines() if line.startswith(("#", "| kind"))]
    assert headings == [line for line in docs.splitlines() if line.startswith(("#", "| kind"))]
    assert made.splitlines()[3:7] == docs.splitlines()[3:7]
    assert "(1000 seeds a kind)" in docs


def test_the_comparison_says_what_is_worse(default):
    """A sharer missed, or caught too late, and an honest one cut off more often are never passed over."""
    t = tool()
    rows = {kind: dict(default[kind]) for kind in t.REFERENCE}
    for kind, row in rows.items():
        share, median = t.REFERENCE[kind]
        if share is not None:
            row["convicted"], row["median_s"] = round(share * SEEDS / 100), median or -1
    good = t.compare(rows)
    assert good.count("- none") == 2 and "24 kinds stand as there" in good
    rows["shared by 2"]["median_s"] = 335 * 1.21
    rows["shared by 3"]["convicted"] -= 1
    rows["moving"]["convicted"] = 1
    rows["Wi-Fi assist"]["convicted"] = 0
    said = t.compare(rows)
    worse = said.split("Worse than there")[1]
    assert {line[2:].split(":")[0] for line in worse.splitlines() if line.startswith("- ")} == {
        "shared by 2", "shared by 3", "moving",
    }  # fmt: skip
    assert "- Wi-Fi assist: 0.0 % against 50 %" in said.split("Worse than there")[0]
