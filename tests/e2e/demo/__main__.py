"""python -m demo: plays, tells, and gives exit code 0 only when what should happen happened."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

from simpanel import as_process
from simtelegram import in_thread

from . import cast, daemon, facts, play, summary
from .phone import Phone
from .screen import Screen, count

RULES = ("general_limit", "verdict", "evidence_threshold", "gain_cap", "gain_block")


def parse(argv):
    p = argparse.ArgumentParser(
        prog="scripts/demo", description="Shows the daemon at work against a simulated panel, on "
        "loopback only; ends by itself within two minutes.")
    p.add_argument("--keep", action="store_true",
                   help="keep the folder with .env, database and log, to look at it afterwards")
    return p.parse_args(argv)


def introduce(screen, program):
    screen.title("PG-Limiter: a demonstration")
    screen.text(f"A simulated panel with {len(cast.NODES)} nodes and "
                f"{len(cast.CAST) + len(cast.OTHERS)} users, and the real daemon, on this "
                "machine's loopback only. It takes about a minute and a half; Ctrl-C ends it.")
    screen.write()
    screen.text("Real: the daemon, its bot, its log, its database, its decisions, and each line it "
                "reads. Played: the panel, Telegram and the people.")
    screen.write()
    screen.text("mm:ss             what the players do, at that time of the play", 2)
    screen.text("hh:mm:ss.mmm      the daemon's own log (date left out, long lines folded)", 2)
    screen.text("│                 what the bot shows on the operator's phone", 2)
    screen.write()
    shown = os.path.relpath(program) if program.is_relative_to(pathlib.Path.cwd()) else str(program)
    screen.text(f"The daemon is started: {shown} run --env .env")


def tell_settings(screen, config):
    """Which settings of policy differ from the defaults, as the daemon itself says."""
    rows = []
    for s in config["data"]:
        if s["key"].upper() in daemon.SHORTENED and s["value"] != s["default"]:
            unit = " " + s["unit"] if s["unit"] else ""
            rows.append([s["key"].upper(), s["value"] + unit, s["default"] + unit, s["help"]])
    screen.table(["Setting", ">Here", ">Default", ""], rows,
                 "Times are shortened so that you need not wait. What differs from the defaults, "
                 "by GET /config:")
    known = {s["key"]: s for s in config["data"]}
    same = [f"{key} {known[key]['value']}" + (" s" if known[key]["unit"] == "s" else "")
            for key in RULES if known[key]["value"] == known[key]["default"]]
    screen.text("Real times are minutes. The rule that convicts is not changed: "
                f"{', '.join(same)} are the defaults.", 2)


def people(sim):
    """Names the nodes, makes the users; {name: id}."""
    for number, name in enumerate(cast.NODES, 1):
        sim.call("PATCH", f"/node/{number}", {"name": name})
    names = [*cast.CAST, *cast.OTHERS]
    made = sim.post("/users", {"users": [{"username": name} for name in names]})
    return dict(zip(names, made["ids"]))


def run(screen, sim, telegram, program, folder):
    """The demonstration; its exit code."""
    ids = people(sim)
    phone = Phone(telegram)
    limiter = daemon.Daemon(program, sim, folder, phone.settings)
    show = None
    try:
        limiter.start()
        show = play.Play(sim, limiter, screen, ids, phone)
        ready = limiter.ready(len(cast.NODES))
        show.pump(0.1)
        if not ready:
            raise play.Broken("the daemon did not open the streams of all nodes within a minute")
        tell_settings(screen, limiter.get("/config"))
        show.run()
        seen = show.end()
    finally:
        if show is not None:
            show.stage.halt.set()
        limiter.stop()
    found = facts.checks(seen)
    summary.Summary(screen, seen).show(found)
    missing = [text for good, text in found if not good]
    if missing:
        screen.block("end")
        screen.write(screen.paint(f"{count(len(missing), 'thing')} did not happen as it should.",
                                  "red"))
        return 1
    summary.where_next(screen)
    return 0


def interrupt(_number, _frame):
    """Once; what ends the children is not to be interrupted again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(argv=None):
    options = parse(argv)
    screen = Screen()
    program = daemon.binary()
    if not os.access(program, os.X_OK):
        screen.write(f"demo: {program} is not there: run `make` first, or set PG_LIMITER")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="pg-limiter-demo.")
    code = 1
    try:
        introduce(screen, program)
        with as_process("--nodes", len(cast.NODES), "--latency", "real") as sim, \
                in_thread() as telegram:
            code = run(screen, sim, telegram, program, folder)
    except play.Broken as broken:
        screen.block("end")
        screen.write(screen.paint(f"demo: {broken}", "red"))
    except KeyboardInterrupt:
        code = 130
        screen.block("end")
        screen.write("demo: stopped; the daemon and the panel have ended")
    except BrokenPipeError:
        code = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        if options.keep:
            screen.write(f"kept: {folder} (its daemon has ended; `{program} explain reza --env "
                         f"{folder}/.env` reads the database)")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if code == 0:
        screen.write()
        screen.write(screen.paint(f"The demonstration went as it should, in "
                                  f"{time.monotonic() - began:.0f} s.", "green"))
    return code


if __name__ == "__main__":
    sys.exit(main())
