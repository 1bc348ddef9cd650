"""README.md names every control call and every fault."""

import pathlib

from simpanel.control import TABLE
from simpanel.faults import KINDS

TEXT = (pathlib.Path(__file__).resolve().parent / "README.md").read_text()


def test_every_control_call_is_in_the_table():
    missing = [f"{method} {path}" for method, path, _, _ in TABLE
               if f"| `{method} {path}` |" not in TEXT]
    assert missing == []


def test_every_fault_is_in_the_table():
    assert [kind for kind in KINDS if f"| `{kind}` |" not in TEXT] == []


def test_every_control_call_says_what_it_takes(panel):
    told = panel(tls=False).get("")
    assert len(told["routes"]) == len(TABLE) and all(text for _, _, text in told["routes"])
