# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/check_layers.py finds what is planted, and nothing else."""

import shutil
import subprocess

import check_layers
import pytest


def texts(tree) -> list[str]:
    _, findings = check_layers.check_includes(tree.root)
    return [f.show(tree.root) for f in findings]


def test_downward_includes_pass(tree):
    tree.add("src/base/num.h", "#include <stdint.h>\n")
    tree.add("src/core/win.h", '#include "base/num.h"\n#include "core/win.h"\n')
    tree.add("src/app/main.c", '#include <unistd.h>\n#include "core/win.h"\n#include "base/num.h"\n')
    assert texts(tree) == []


def test_upward_include_is_found_with_its_line(tree):
    tree.add("src/core/win.h", "")
    tree.add("src/base/num.c", '#include <stdint.h>\n#include "core/win.h"\n')
    assert texts(tree) == [
        'src/base/num.c:3: [layer] "core/win.h": upward, base stands below core'
    ]


def test_service_must_not_know_the_panel(tree):
    tree.add("src/panel/panel.h", "")
    tree.add("src/service/limits.c", '#include "panel/panel.h"\n')
    assert len(texts(tree)) == 1


def test_the_store_knows_tables_and_no_operations(tree):
    tree.add("src/store/db.h", "")
    tree.add("src/service/op.h", "")
    tree.add("src/service/op.c", '#include "store/db.h"\n')
    tree.add("src/store/db.c", '#include "service/op.h"\n')
    found = texts(tree)
    assert len(found) == 1 and "store stands below service" in found[0]


def test_peers_must_not_include_each_other(tree):
    tree.add("src/geo/geo.h", "")
    tree.add("src/panel/users.c", '#include "geo/geo.h"\n')
    found = texts(tree)
    assert len(found) == 1 and "peers" in found[0]


def test_include_in_a_comment_or_string_is_none(tree):
    tree.add("src/core/win.h", "")
    tree.add("src/base/num.c", '/*\n#include "core/win.h"\n*/\n// #include "core/win.h"\n')
    assert texts(tree) == []


@pytest.mark.parametrize(
    "header", ["stdio.h", "time.h", "unistd.h", "sys/time.h", "pthread.h", "event2/event.h",
               "curl/curl.h", "sqlite3.h", "jansson.h", "sys/socket.h", "arpa/inet.h"],
)  # fmt: skip
def test_core_must_not_reach_outside(tree, header):
    tree.add("src/core/win.c", f"#  include <{header}>\n")
    found = texts(tree)
    assert len(found) == 1 and "pure core" in found[0]


def test_core_must_not_log(tree):
    tree.add("src/base/log.h", "")
    tree.add("src/core/win.c", '#include "base/log.h"\n')
    assert len(texts(tree)) == 1


def test_bare_relative_and_missing_names_are_found(tree):
    tree.add("src/core/win.h", "")
    tree.add("src/core/win.c", '#include "win.h"\n#include "../core/win.h"\n#include "core/wni.h"\n')
    assert len(texts(tree)) == 3


def test_unknown_layer_is_found(tree):
    tree.add("src/misc/x.c", "")
    assert texts(tree) == ["src/misc/x.c:1: [layer] src/misc is no known layer"]


def test_library_outside_its_home_is_found(tree):
    tree.add("src/store/db.c", "#include <sqlite3.h>\n")
    tree.add("src/api/users.c", "#include <sqlite3.h>\n")
    found = texts(tree)
    assert len(found) == 1 and found[0].startswith("src/api/users.c:2:")


def test_empty_tree_is_an_error(tree, capsys):
    assert check_layers.main(["--root", str(tree.root)]) == 1
    assert "no C file" in capsys.readouterr().err


@pytest.fixture
def archives(tree):
    """Compiles a base and a given core into archives."""
    if not shutil.which("gcc"):
        pytest.fail("gcc is not installed: run scripts/setup")
    tree.add(
        "src/base/b.c",
        "#include <stdio.h>\nint num_double(int v);\nint num_double(int v) { return 2 * v; }\n"
        "void log_write(void);\nvoid log_write(void) { puts(\"x\"); }\n",
    )

    def build(core_body: str):
        tree.add("src/core/c.c", core_body)
        for layer, name in (("base", "b"), ("core", "c")):
            source = tree.root / f"src/{layer}/{name}.c"
            subprocess.run(["gcc", "-c", source, "-o", source.with_suffix(".o")], check=True)
            subprocess.run(
                ["ar", "rcs", tree.root / f"lib{layer}.a", source.with_suffix(".o")], check=True
            )
        return tree.root / "libcore.a", tree.root / "libbase.a"

    return build


def test_pure_core_passes(archives):
    members, findings = check_layers.check_symbols(
        *archives(
            "#include <math.h>\n#include <string.h>\nint num_double(int v);\n"
            "double f(double x, const char *s);\n"
            "double f(double x, const char *s) { return exp(x) + strlen(s) + num_double(3); }\n"
        )
    )
    assert members == 1 and findings == []


@pytest.mark.parametrize(
    "call, symbol",
    [("time(0)", "time"), ("getenv(0)", "getenv"), ("log_write()", "log_write"), ("open(0)", "open")],
)
def test_impure_symbol_is_found(archives, call, symbol):
    _, findings = check_layers.check_symbols(
        *archives(f"int {symbol}();\nint f(void);\nint f(void) {{ return {call}; }}\n")
    )
    assert [symbol in f.text for f in findings] == [True]


def test_main_names_the_symbol_and_fails(tree, archives, capsys):
    core, base = archives("int rand(void);\nint f(void);\nint f(void) { return rand(); }\n")
    assert check_layers.main(["--root", str(tree.root), "--core", str(core), "--base", str(base)]) == 1
    assert "needs rand" in capsys.readouterr().out
