"""A person at a terminal: a program on a pty, what it asks, and what is typed."""

import os
import pty
import re
import select
import signal
import time


def talk(argv, answers, environment, seconds=150, interrupt=None, feed=None):
    """Runs argv on a terminal; (exit code, what it showed).

    answers: (pattern, what is typed) in order; each pattern is looked for in what came since the last one.
    interrupt: a pattern at which Ctrl-C is pressed. feed: bytes that are its standard input in place of the
    terminal, which it can still open as /dev/tty. The program's end with answers left fails.
    """
    source = None
    if feed is not None:
        source, into = os.pipe()
        if os.fork() == 0:
            os.close(source)
            with os.fdopen(into, "wb") as f:
                f.write(feed)
            os._exit(0)
        os.close(into)
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
        if source is not None:
            os.dup2(source, 0)
        os.execvpe(argv[0], argv, environment)
    if source is not None:
        os.close(source)
    said, asked, end = "", 0, time.monotonic() + seconds
    answers = list(answers)
    try:
        while time.monotonic() < end:
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                got = os.read(fd, 4096)
            except OSError:
                break
            if not got:
                break
            said += got.decode(errors="replace")
            if interrupt and re.search(interrupt, said[asked:]):
                asked, interrupt = len(said), None
                os.write(fd, b"\x03")
            elif answers and re.search(answers[0][0], said[asked:]):
                asked = len(said)
                os.write(fd, (answers.pop(0)[1] + "\n").encode())
        else:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(fd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert not answers, (answers, said)
    assert code != -signal.SIGKILL, said
    return code, said.replace("\r\n", "\n")
