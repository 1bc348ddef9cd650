# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/run_tests.py counts what ran, and takes neither a crash nor silence for success."""

import sys

import pytest
import run_tests

GOOD = """\
[==========] tests: Running 2 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
[       OK ] test_b
[==========] tests: 2 test(s) run.
[  PASSED  ] 2 test(s).
"""
ONE_FAILED = """\
[==========] tests: Running 3 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
[  ERROR   ] --- 1 != 2
[  FAILED  ] test_b
[ RUN      ] test_c
[  SKIPPED ] test_c
[==========] tests: 3 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] test_b
"""
CRASHED = "[==========] tests: Running 2 test(s).\n[ RUN      ] test_a\n[       OK ] test_a\n[ RUN      ] test_b\n"


def entry(stdout="", result="OK", returncode=0, name="pg-limiter:unit / core_scan"):
    return {"name": name, "stdout": stdout, "stderr": "", "result": result, "returncode": returncode}


def counts(test):
    result, _ = run_tests.count_meson_test(test)
    return result.passed, result.failed, result.skipped


def test_cmocka_tests_are_counted_one_by_one():
    assert counts(entry(GOOD)) == (2, 0, 0)
    assert counts(entry(ONE_FAILED, "FAIL", 1)) == (1, 1, 1)


def test_a_crash_is_a_failure():
    assert counts(entry(CRASHED, "FAIL", -11)) == (1, 1, 0)


def test_a_leak_found_at_exit_is_a_failure():
    assert counts(entry(GOOD, "FAIL", 1)) == (2, 1, 0)


def test_a_unit_test_program_that_runs_no_test_is_a_failure():
    assert counts(entry("")) == (0, 1, 0)


def test_a_plain_program_counts_by_its_exit_code():
    assert counts(entry("", name="pg-limiter:replay / cases")) == (1, 0, 0)
    assert counts(entry("", "FAIL", 1, name="pg-limiter:replay / cases")) == (0, 1, 0)
    assert counts(entry("", "TIMEOUT", -15, name="pg-limiter:replay / cases")) == (0, 1, 0)


def test_tap_with_a_broken_plan_is_a_failure():
    assert counts(entry("1..3\nok 1 - a\nok 2 - b # SKIP no\n", name="x")) == (1, 1, 1)


def test_a_build_alone_succeeds_and_a_runner_without_tests_does_not(logs, monkeypatch):
    """`make walk` builds first."""
    monkeypatch.setattr(run_tests, "RUNNERS", {"build": run_tests.Result, "unit": run_tests.Result})
    assert run_tests.main(["build"]) == 0
    assert run_tests.main(["build", "unit"]) == 1


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setattr(run_tests, "LOGS", tmp_path)
    return tmp_path


def test_a_hanging_command_is_stopped_with_its_children(logs):
    code, out = run_tests.run(
        "x", [sys.executable, "-c", "import os,time; os.fork(); print('hi', flush=True); time.sleep(60)"], 6
    )
    assert code == 124 and "hi" in out


def run_pytest_on(tmp_path, monkeypatch, body, timeout=60, runner="run_pytest", conftest=""):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "test_x.py").write_text(body)
    (tmp_path / "t" / "conftest.py").write_text(conftest)
    monkeypatch.setattr(run_tests, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(run_tests, "WORKERS", 2)
    return getattr(run_tests, runner)("x", str(tmp_path / "t"), timeout)


def test_pytest_is_counted_from_its_report(logs, monkeypatch):
    result = run_pytest_on(
        logs, monkeypatch,
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
        "@pytest.mark.skip\ndef test_c(): pass\n"
        "@pytest.fixture\ndef broken(): raise OSError\ndef test_d(broken): pass\n",
    )  # fmt: skip
    assert (result.passed, result.failed, result.skipped) == (1, 2, 1)


@pytest.mark.parametrize("body", ["", "import no_such_module\n", "import os\ndef test_a(): os._exit(0)\n"])
def test_pytest_that_runs_nothing_or_dies_never_counts_as_passed(logs, monkeypatch, body):
    result = run_pytest_on(logs, monkeypatch, body)
    assert result.passed == 0
    # An exit code of 0 without a report is caught by main: a runner without any test has failed.
    if not result.failed:
        monkeypatch.setattr(run_tests, "RUNNERS", {"x": lambda: result})
        assert run_tests.main(["x"]) == 1


SIDE_BY_SIDE = """
import os, pytest
def test_a(): assert "PYTEST_XDIST_WORKER" in os.environ
def test_b(): {b}
def test_c(): pass
@pytest.mark.alone
def test_d(): assert "PYTEST_XDIST_WORKER" not in os.environ
"""


def test_those_that_bear_no_company_run_after_the_others(logs, monkeypatch):
    result = run_pytest_on(logs, monkeypatch, SIDE_BY_SIDE.format(b="pass"), runner="run_shared_out")
    assert (result.passed, result.failed, result.problems) == (4, 0, [])


def test_a_worker_that_dies_is_a_failure_and_the_others_go_on(logs, monkeypatch):
    result = run_pytest_on(logs, monkeypatch, SIDE_BY_SIDE.format(b="os._exit(0)"), runner="run_shared_out")
    assert (result.passed, result.failed, result.problems) == (3, 1, [])


def test_a_test_that_vanishes_is_missed(logs, monkeypatch):
    result = run_pytest_on(
        logs, monkeypatch, SIDE_BY_SIDE.format(b="pass"), runner="run_shared_out",
        conftest="import os\ndef pytest_collection_modifyitems(items):\n"
                 "    if 'PYTEST_XDIST_WORKER' in os.environ: del items[1]\n",
    )  # fmt: skip
    assert (result.passed, result.failed) == (3, 1) and "4 tests found" in result.problems[0]


@pytest.mark.parametrize("body", ["", "import no_such_module\n"])
def test_nothing_to_share_out_is_a_failure(logs, monkeypatch, body):
    result = run_pytest_on(logs, monkeypatch, body, runner="run_shared_out")
    assert result.passed == 0 and result.failed


def test_the_last_line_sums_all_runners_and_the_exit_code_tells(logs, monkeypatch, capsys):
    runners = {
        "a": lambda: run_tests.Result(passed=3),
        "b": lambda: run_tests.Result(passed=2, skipped=1),
    }
    monkeypatch.setattr(run_tests, "RUNNERS", runners)
    assert run_tests.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 0 failed, 1 skipped"
    runners["c"] = lambda: 1 / 0
    runners["d"] = run_tests.Result
    assert run_tests.main([]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "5 passed, 2 failed, 1 skipped"
    assert "ZeroDivisionError" in out and "ran no test" in out


def test_an_unknown_runner_is_refused(capsys):
    assert run_tests.main(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
