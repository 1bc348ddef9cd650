# SPDX-License-Identifier: AGPL-3.0-or-later
"""tools/check_style.py finds what is planted, and nothing else."""

import check_style
import pytest


def rules(tree) -> list[tuple[str, int]]:
    _, findings = check_style.check(tree.root)
    return [(f.rule, f.line) for f in findings]


CLEAN_HEADER = """\
#ifndef CORE_WIN_H
#define CORE_WIN_H
struct win;
typedef int (*win_fn)(void *arg);
#define WIN_MAX(a) ((a) > 3)
/* What a window is made of; not a contract. */
struct win_opts {
    int (*ask)(int);
    int n;
};
/* A new window, or NULL without memory. Free with win_free. */
struct win *win_new(int n);
void win_free(struct win *w); /* NULL is fine */

/* Both answer 0 or a negative code. */
int win_put(struct win *w, int v) __attribute__((warn_unused_result));
int win_get(const struct win *w,
            int *ret_v);

/* The same number. */
static inline int win_same(int n)
{
    return n;
}
extern const int win_table[3];
_Static_assert(sizeof(int) == 4, "int");
#endif
"""


def test_clean_header_passes(tree):
    tree.add("src/core/win.h", CLEAN_HEADER)
    assert rules(tree) == []


def test_missing_contract_is_found(tree):
    tree.add("src/core/win.h", "/* fine */\nint win_a(void);\n\nint win_b(void);\n")
    assert rules(tree) == [("docstring", 5)]


def test_missing_contract_behind_a_struct_is_found(tree):
    tree.add("src/core/win.h", "/* a type */\nstruct win {\n    int n;\n};\nint win_b(void);\n")
    assert rules(tree) == [("docstring", 6)]


def test_missing_contract_of_an_inline_function_is_found(tree):
    tree.add("src/core/win.h", "static inline int win_b(void)\n{\n    return 1;\n}\n")
    assert rules(tree) == [("docstring", 2)]


@pytest.mark.parametrize("name", sorted(check_style.BANNED))
def test_each_banned_call_is_found(tree, name):
    tree.add("src/core/win.c", f"int f(void)\n{{\n    return {name} (0);\n}}\n")
    assert rules(tree) == [("banned", 4)]


def test_names_like_banned_ones_are_none(tree):
    tree.add(
        "src/core/win.c",
        "/* system(), strcpy(x) */\n"
        '#define NAME "sprintf(x)"\n'
        "int f(struct x *x)\n{\n"
        "    my_strcpy(1); gmtime_r(0, 0); localtime_r(0, 0); fs.system(1); x->popen(2);\n"
        '    return g("atoi(3)", \'"\', "\\"gets(");\n}\n',
    )
    assert rules(tree) == []


def test_strtod_is_at_home_in_num_only(tree):
    body = "double f(void)\n{\n    return strtod(0, 0);\n}\n"
    tree.add("src/base/num.c", body)
    assert rules(tree) == []
    tree.add("src/base/other.c", body)
    assert rules(tree) == [("banned", 4)]


def test_long_function_is_found_and_a_long_table_is_not(tree):
    lines = "    g();\n" * 78
    tree.add("src/core/fits.c", f"void f(void)\n{{\n{lines}}}\n")
    tree.add("src/core/table.c", "static const int t[] = {\n" + "    1,\n" * 300 + "};\n")
    assert rules(tree) == []
    tree.add("src/core/long.c", f"int a;\n\nvoid f(void)\n{{\n{lines}    g();\n}}\n")
    assert rules(tree) == [("function-length", 4)]


def test_long_file_is_found(tree):
    tree.add("src/core/a.c", "int a;\n" * 599)
    assert rules(tree) == []
    tree.add("src/core/a.c", "int a;\n" * 600)
    assert [rule for rule, _ in rules(tree)] == ["file-length"]


def test_missing_licence_line_is_found(tree):
    tree.add("tests/unit/a.c", "int a;\n", spdx=False)
    assert rules(tree) == [("spdx", 1)]


def test_typedef_of_a_struct_and_type_name_are_found(tree):
    tree.add("src/core/a.c", "typedef struct win win;\nstruct win_t {\n    int n;\n};\n")
    assert sorted(rules(tree)) == [("type-name", 3), ("typedef", 2)]


def test_marker_is_found_in_a_comment_and_not_in_a_string(tree):
    tree.add("src/core/a.c", 'const char *s = "XXX TODO";\n/* TODO: later */\n')
    assert rules(tree) == [("marker", 3)]


def test_empty_tree_is_an_error(tree, capsys):
    assert check_style.main(["--root", str(tree.root)]) == 1
    assert "no C file" in capsys.readouterr().err


def test_report_names_file_line_and_rule(tree, capsys):
    tree.add("src/core/a.c", "int f(void)\n{\n    return atoi(0);\n}\n")
    assert check_style.main(["--root", str(tree.root)]) == 1
    assert "src/core/a.c:4: [banned] atoi() is banned; use num.h" in capsys.readouterr().out
