"""The Debian package, when `make deb` has made one: what is in it, and what it does not do. And the manual page."""

import re
import shutil
import subprocess

import pytest
from daemon import ROOT, program

PACKAGE = next(iter(sorted((ROOT / "build" / "deb").glob("pg-limiter_*.deb"))), None)
UNIT = "./lib/systemd/system/pg-limiter.service"
NEEDS_PACKAGE = pytest.mark.skipif(PACKAGE is None, reason="`make deb` has not been run")


def run(*words, code=0):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout


def test_manual_page_names_every_command_and_option():
    page = run(program(), "__man")
    text = page.replace("\\-", "-").replace("\\fR", "")
    for line in run(program(), "help").splitlines():
        found = re.match(r"  ([a-z]+(?:[ -][a-z]+)*)(?:  |$)", line)
        if found:
            assert f"\n.SS {found.group(1)}\n" in text, found.group(1)
    for option in ("--env", "--no-follow", "--rollback", "--enable-all"):
        assert f"\n.B {option}" in text or f", {option}" in text
    assert not re.search(r"^\.(?!\\\"|SS|SH|TH|TP|PP|RS|RE|nf|fi|B |BR |I |RI )", page, re.MULTILINE)
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "-"], input=page,
                              capture_output=True, text=True, timeout=90,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""})
        assert done.returncode == 0 and "warning" not in done.stderr, done.stderr


def test_scripts_of_the_package_are_sound():
    for name in ("postinst", "prerm", "postrm"):
        script = ROOT / "packaging" / "debian" / f"pg-limiter.{name}"
        run("sh", "-n", script)
        text = script.read_text()
        assert "set -e" in text and "#DEBHELPER#" in text
    postinst = (ROOT / "packaging" / "debian" / "pg-limiter.postinst").read_text()
    assert 'if [ ! -e "$etc/.env" ]' in postinst, "a .env is never written over"


@NEEDS_PACKAGE
def test_content():
    listed = {line.split()[-1]: line for line in run("dpkg-deb", "-c", PACKAGE).splitlines()}
    assert not [path for path in listed if path.startswith(("./etc", "./var", "./opt"))], "nothing under /etc"
    for path in ("./usr/bin/pg-limiter", UNIT,
                 "./usr/share/man/man1/pg-limiter.1.gz", "./usr/share/pg-limiter/env.example",
                 "./usr/share/bash-completion/completions/pg-limiter",
                 "./usr/share/zsh/vendor-completions/_pg-limiter",
                 "./usr/share/fish/vendor_completions.d/pg-limiter.fish"):
        assert path in listed, path
    assert "ExecStart=/usr/bin/pg-limiter run\n" in run(
        "sh", "-c", f"dpkg-deb --fsys-tarfile {PACKAGE} | tar -xO {UNIT}")


@NEEDS_PACKAGE
@pytest.mark.skipif(not shutil.which("lintian"), reason="no lintian")
def test_lintian_finds_nothing():
    run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", "bogus-mail-host", PACKAGE)
