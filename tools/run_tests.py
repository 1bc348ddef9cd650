#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs every test runner of the project and counts everything into one last line.

    tools/run_tests.py [RUNNER…]      build unit lint checks replay fuzz e2e (default: all)

A runner that crashes, hangs or runs no test counts as a failure. Each runner's whole output stands
in build/logs/RUNNER.log; what failed is printed. Called by scripts/test, which sets the machine up.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "test"
FUZZ_BUILD = ROOT / "build" / "fuzz"
LOGS = ROOT / "build" / "logs"
VENV_PYTHON = ROOT / ".venv" / "bin" / "python"
CORES = os.cpu_count() or 2
SHOWN_LINES = 400
FILE_MAX = 4 << 30  # bytes in one file: a test that never stops writing must not fill the disk
# Tests end to end mostly wait for time to pass: more of them than processors are run at once.
WORKERS = int(os.environ.get("PG_WORKERS", str(max(4, CORES))))
PYTEST_EMPTY = 5  # its exit code when it selected no test
# Plugins that come with packages the tests use; loading them takes each process seconds.
NO_PLUGINS = [f"-pno:{name}" for name in ("cacheprovider", "schemathesis", "hypothesispytest", "anyio")]

BUILD_OPTIONS = [
    "--werror", "--buildtype=debugoptimized", "-Db_sanitize=address,undefined",
    "-Db_lundef=false", "-Dtest_clock=true", "-Dfault_points=true",
]  # fmt: skip
FUZZ_OPTIONS = [
    "--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false",
    "-Dtests=false", "-Dfuzz=true",
]  # fmt: skip
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "5"))


@dataclass
class Result:
    """What a runner found. `problems` are failures that no single test stands for."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    seen: set[tuple] = field(default_factory=set)  # tests a report of pytest speaks of

    def problem(self, text: str) -> None:
        self.failed += 1
        self.problems.append(text)


def environment() -> dict[str, str]:
    env = dict(os.environ)
    env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1"
    env["ASAN_OPTIONS"] = "abort_on_error=0:detect_leaks=1:strict_string_checks=1"
    symbolizer = "/usr/bin/llvm-symbolizer-14"
    if os.path.exists(symbolizer):
        env["ASAN_SYMBOLIZER_PATH"] = symbolizer
    env["PG_BUILD"] = str(BUILD)
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in [n for n in env if n.startswith("PG_LIMITER")]:
        del env[name]  # a developer's own .env must not reach the daemon under test
    return env


def run(name: str, command: list, timeout: int, live: bool = False, env=None) -> tuple[int, str]:
    """Runs a command with its output in build/logs/NAME.log; (exit code, output). 124 = timed out."""
    log = LOGS / f"{name}.log"
    with log.open("ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        start = out.tell()
        process = subprocess.Popen(
            [str(c) for c in command], cwd=ROOT, env=env or environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if live else out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        timer = time.monotonic() + timeout
        try:
            if live:
                code = _relay(process, out, timer)
            else:
                code = process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            code = 124
        finally:
            # Whatever the runner left behind would hold ports and pipes of the next one.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
    with log.open("rb") as done:
        done.seek(start)
        return code, done.read().decode("utf-8", "replace")


def _relay(process: subprocess.Popen, out, deadline: float) -> int:
    """Copies the output of a process to the terminal and its log while it runs."""
    os.set_blocking(process.stdout.fileno(), False)
    while True:
        chunk = process.stdout.read()
        if chunk:
            out.write(chunk)
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
        elif process.poll() is not None:
            return process.returncode
        elif time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, 0)
        else:
            time.sleep(0.05)


def show(text: str) -> None:
    """Prints the end of an output that explains a failure."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) > SHOWN_LINES:
        print(f"    … {len(lines) - SHOWN_LINES} lines before stand in the log")
    for line in lines[-SHOWN_LINES:]:
        print(f"    {line}")


def configure(name: str, folder: Path, options: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Sets a meson folder up; anew when the options have changed."""
    stamp = folder / ".options"
    wanted = " ".join(options)
    if (folder / "build.ninja").exists() and stamp.exists() and stamp.read_text() == wanted:
        return 0, ""
    folder.mkdir(parents=True, exist_ok=True)
    again = ["--wipe"] if (folder / "meson-private").exists() else []
    code, out = run(name, ["meson", "setup", folder, *again, *options], 300, env=env)
    if code == 0:
        stamp.write_text(wanted)
    return code, out


def run_build() -> Result:
    """The sanitized build; what the other runners test. Not a test itself unless it fails."""
    result = Result()
    code, out = configure("build", BUILD, BUILD_OPTIONS, environment())
    if code == 0:
        code, out = run("build", ["ninja", "-C", BUILD], 1200)
    if code:
        show(out)
        result.problem("the build failed")
    return result


def count_cmocka(output: str) -> tuple[int, int, int] | None:
    """(passed, failed, skipped) of a cmocka program; None if the output is not one's."""
    started = len(re.findall(r"^\[ RUN      \]", output, re.MULTILINE))
    if started == 0:
        return None
    passed = len(re.findall(r"^\[       OK \]", output, re.MULTILINE))
    # Skipped tests are named twice: when they are, and in the list at the end.
    skipped = len(set(re.findall(r"^\[  SKIPPED \] (\D\S*)", output, re.MULTILINE)))
    # A test that crashed has begun and never ended.
    return passed, started - passed - skipped, skipped


def count_tap(output: str) -> tuple[int, int, int] | None:
    """The same for the Test Anything Protocol; a plan that was not kept is a failure."""
    plan = re.search(r"^1\.\.(\d+)", output, re.MULTILINE)
    good = len(re.findall(r"^ok\b(?!.*# SKIP)", output, re.MULTILINE))
    skipped = len(re.findall(r"^ok\b.*# SKIP", output, re.MULTILINE))
    if not plan or int(plan.group(1)) == 0:
        return None
    return good, max(0, int(plan.group(1)) - good - skipped), skipped


def count_meson_test(test: dict) -> tuple[Result, str]:
    """Counts one program of `meson test` from its entry in testlog.json."""
    result = Result()
    output = (test.get("stdout") or "") + (test.get("stderr") or "")
    counted = count_cmocka(output) or count_tap(output)
    is_unit = "unit" in test["name"].split(" / ")[0]
    if test["result"] == "SKIP":
        result.skipped += 1
    elif counted:
        result.passed, result.failed, result.skipped = counted
        if test["result"] != "OK" and result.failed == 0:
            result.problem(f"{test['name']}: {test['result']}, exit code {test['returncode']}")
    elif test["result"] == "OK" and is_unit:
        result.problem(f"{test['name']}: ran no test")
    elif test["result"] == "OK":
        result.passed += 1
    else:
        result.problem(f"{test['name']}: {test['result']}, exit code {test['returncode']}")
    return result, output


def run_unit() -> Result:
    """Everything `meson test` knows: unit, replay and property tests in C."""
    total = Result()
    testlog = BUILD / "meson-logs" / "testlog.json"
    testlog.unlink(missing_ok=True)
    code, out = run(
        "unit", ["meson", "test", "-C", BUILD, "--no-rebuild", "--num-processes", CORES,
                 "--timeout-multiplier", "5"], 1800
    )
    if not testlog.exists():
        show(out)
        total.problem("meson test did not run")
        return total
    for line in testlog.read_text().splitlines():
        test = json.loads(line)
        result, output = count_meson_test(test)
        if result.failed:
            print(f"  {test['name']}: {result.passed} passed, {result.failed} failed")
            show(output)
        total.passed += result.passed
        total.failed += result.failed
        total.skipped += result.skipped
        total.problems += result.problems
    if code and total.failed == 0:
        show(out)
        total.problem(f"meson test ended with {code}")
    return total


def run_lint() -> Result:
    """The static checks, each of which counts as one test."""
    result = Result()
    env = environment() | {"BUILD_DIR": str(BUILD)}
    for check in ["layers", "style", "format", "cppcheck", "scripts"]:
        code, out = run("lint", [ROOT / "tools" / "lint", check], 1200, env=env)
        if code == 0:
            result.passed += 1
        else:
            show(out)
            result.problem(f"tools/lint {check}")
    return result


def fuzz_one(target: Path) -> tuple[str | None, str]:
    """Runs one fuzz target briefly on its corpus; (what is wrong, output)."""
    name = target.name.removeprefix("fuzz_")
    here = ROOT / "tests" / "fuzz"
    fresh = FUZZ_BUILD / "corpus" / name
    fresh.mkdir(parents=True, exist_ok=True)
    (FUZZ_BUILD / "artifacts").mkdir(exist_ok=True)
    seeds = [p for p in (here / "corpus" / name, here / "regress" / name) if p.is_dir()]
    dictionary = here / "dict" / f"{name}.dict"
    command = [
        target, f"-max_total_time={FUZZ_SECONDS}", "-timeout=60", "-rss_limit_mb=2048",
        "-print_final_stats=1", f"-artifact_prefix={FUZZ_BUILD}/artifacts/{name}-",
        *([f"-dict={dictionary}"] if dictionary.exists() else []), fresh, *seeds,
    ]  # fmt: skip
    code, out = run(f"fuzz-{name}", command, FUZZ_SECONDS + 600)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", out)
    if not seeds:
        return f"fuzz_{name} has no corpus in tests/fuzz/corpus/{name}", out
    if code:
        return f"fuzz_{name} found something (exit code {code})", out
    if not executed or int(executed.group(1)) == 0:
        return f"fuzz_{name} executed no input", out
    return None, out


def run_fuzz() -> Result:
    """Each libFuzzer target for a few seconds; `make fuzz` is the long run."""
    result = Result()
    env = environment() | {"CC": "clang-14"}
    code, out = configure("fuzz", FUZZ_BUILD, FUZZ_OPTIONS, env)
    if code == 0:
        code, out = run("fuzz", ["ninja", "-C", FUZZ_BUILD], 1200, env=env)
    if code:
        show(out)
        result.problem("the build of the fuzz targets failed")
        return result
    targets = sorted(
        p for p in (FUZZ_BUILD / "tests" / "fuzz").glob("fuzz_*") if p.is_file() and os.access(p, os.X_OK)
    )
    with ThreadPoolExecutor(CORES) as pool:
        for problem, output in pool.map(fuzz_one, targets):
            if problem:
                show(output)
                result.problem(problem)
            else:
                result.passed += 1
    return result


def run_pytest(name: str, folder: str, timeout: int, env=None, more: tuple = ()) -> Result:
    """A folder of pytest tests, counted from its JUnit report."""
    result = Result()
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    code, _ = run(
        name,
        [VENV_PYTHON, "-m", "pytest", "-q", *NO_PLUGINS, "-rfE", "--tb=short", "--durations=15",
         f"--junit-xml={report}", *more, folder],
        timeout,
        live=True,
        env=env,
    )  # fmt: skip
    if report.exists():
        root = ET.parse(report).getroot()
        result.seen = {(c.get("classname"), c.get("name")) for c in root.iter("testcase")}
        for suite in root.iter("testsuite"):
            number = {k: int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")}
            result.failed += number["failures"] + number["errors"]
            result.skipped += number["skipped"]
            result.passed += max(
                0, number["tests"] - number["failures"] - number["errors"] - number["skipped"]
            )
    if code == 124:
        result.problem(f"{folder} was stopped after {timeout} s")
    elif code == PYTEST_EMPTY and more:
        pass  # this part of the folder is empty; whether all of it is, the caller sees
    elif code and result.failed == 0:
        result.problem(f"pytest {folder} ended with {code}")
    return result


def count_collected(name: str, folder: str, env=None) -> int:
    """How many tests pytest finds in a folder; 0 when it cannot even read them."""
    code, out = run(
        name, [VENV_PYTHON, "-m", "pytest", "-q", *NO_PLUGINS, "--collect-only", folder], 600, env=env
    )
    found = re.search(r"^(\d+) tests? collected", out, re.MULTILINE)
    if code or not found:
        show(out)
        return 0
    return int(found.group(1))


def run_shared_out(name: str, folder: str, timeout: int, env=None) -> Result:
    """A folder of pytest tests side by side, then one by one those that bear no company."""
    total = Result()
    expected = count_collected(name, folder, env)
    begun = time.monotonic()
    for part, more in (
        (name, ("-n", WORKERS, "-m", "not alone")),
        (f"{name}-alone", ("-m", "alone")),
    ):
        left = max(60, int(timeout - (time.monotonic() - begun)))
        result = run_pytest(part, folder, left, env, more)
        total.passed += result.passed
        total.failed += result.failed
        total.skipped += result.skipped
        total.problems += result.problems
        total.seen |= result.seen
    if len(total.seen) < expected or not expected:
        total.problem(f"of {expected} tests found in {folder}, {len(total.seen)} were reported")
    return total


def run_replay() -> Result:
    """Logs with time stamps in, decisions out, by the sanitized program."""
    env = environment() | {
        "PG_LIMITER": str(BUILD / "pg-limiter"),
        "PG_STUDY": str(BUILD / "tests" / "replay" / "study"),
    }
    return run_pytest("replay", "tests/replay", 1800, env)


RUNNERS = {
    "build": run_build,
    "unit": run_unit,
    "lint": run_lint,
    "checks": lambda: run_pytest("checks", "tests/lint", 1200),
    "replay": run_replay,
    "fuzz": run_fuzz,
    "e2e": lambda: run_shared_out("e2e", "tests/e2e", 3000),
}


def main(names: list[str]) -> int:
    unknown = [n for n in names if n not in RUNNERS]
    if unknown:
        print(f"run_tests: no runner {unknown[0]!r}; there are: {' '.join(RUNNERS)}", file=sys.stderr)
        return 2
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX if hard < 0 else min(FILE_MAX, hard), hard))
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in LOGS.glob("*.log"):
        old.unlink()
    rows: list[tuple[str, Result, float]] = []
    for name in names or list(RUNNERS):
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            result = RUNNERS[name]()
        except Exception as error:  # noqa: BLE001: a broken runner is a failed test, not a lost run
            result = Result()
            result.problem(f"the runner broke: {type(error).__name__}: {error}")
        if name != "build" and result.passed + result.failed == 0:
            result.problem("ran no test")
        for problem in result.problems:
            print(f"  FAILED: {problem}")
        rows.append((name, result, time.monotonic() - start))
        sys.stdout.flush()
        if name == "build" and result.failed:
            break
    print(f"\n{'runner':<8} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for name, result, seconds in rows:
        print(f"{name:<8} {result.passed:>7} {result.failed:>7} {result.skipped:>8} {seconds:>8.1f}")
        for problem in result.problems:
            print(f"         {problem}")
    passed = sum(r.passed for _, r, _ in rows)
    failed = sum(r.failed for _, r, _ in rows)
    skipped = sum(r.skipped for _, r, _ in rows)
    tail = f", {skipped} skipped" if skipped else ""
    print(f"\n{passed} passed, {failed} failed{tail}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
