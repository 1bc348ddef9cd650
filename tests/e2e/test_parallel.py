"""How the tests are shared out among workers."""

import parallel
import pytest


@pytest.mark.parametrize("name", parallel.FIRST)
def test_those_that_begin_first_exist(name):
    files = {f.name: f.read_text() for f in parallel.HERE.glob("test_*.py")}
    assert name in files or any(f"def {name}" in text for text in files.values())


def test_only_a_file_with_a_fixture_for_all_stays_together():
    scene, test = "tests/e2e/test_doctor.py::test_scene[x]", "tests/e2e/test_cli.py::test_top"
    assert parallel.unit_of(scene) == "tests/e2e/test_doctor.py" and parallel.unit_of(test) == test
