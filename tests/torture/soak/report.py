"""The figures of a soak as Markdown."""

import os
import platform
import time
from collections import Counter

from .clock import span


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores ({model}), shared; Linux {platform.release()}"


def text(soak, found):
    a, cast = soak.args, soak.world.cast
    wrong = [f for f in found if not f.ok]
    out = ["# A day in an hour", "",
           "Made by `make soak` (tests/torture/soak); do not edit.", "",
           f"{time.strftime('%Y-%m-%d', time.gmtime())}: {a.hours:g} h played in {span(soak.took)} "
           f"(scale {a.scale:g}), {a.nodes} nodes, {a.users} users, seed {a.seed}. "
           f"Release build with a test clock, on {machine()}.", "",
           f"**{len(found) - len(wrong)} of {len(found)} checks hold.**", "",
           "| | what must hold | figures |", "|---|---|---|"]
    out += [f"| {'✔' if f.ok else '✘'} | {f.what} | {f.figure.replace('|', '/')} |" for f in found]
    kinds = Counter(u.kind for u in cast.users.values())
    tally = soak.world.tally
    out += ["", "## Who took part", "",
            ", ".join(f"{n} {k}" for k, n in kinds.most_common()) + " (tests/torture/soak/cast.py says what "
            f"they are). {tally['accepted']} connections let in, {tally['refused']} refused, "
            f"{tally['noise']} lines that count for nobody. {soak.sent} lines in all, "
            f"{soak.sent / soak.took:.0f} a second of our time.", "",
            "## Troubles", "", "| kind | what | times |", "|---|---|---|"]
    troubles = Counter((kind, t) for _, kind, t, _ in soak.notes)
    out += [f"| {kind} | {t} | {n} |" for (kind, t), n in sorted(troubles.items())]
    out += ["", "## Over the day", "",
            "| hour | life | resident MB | anonymous MB | descriptors | threads | database MB | WAL MB | lines | "
            "active | disabled | outbox |", "|---" * 12 + "|"]
    shown, last = [], -1
    for s in soak.samples:
        if int(soak.clock.hours(s.at)) > last:
            last = int(soak.clock.hours(s.at))
            shown.append(s)
    for s in [*shown, soak.samples[-1]]:
        out.append(f"| {soak.clock.hours(s.at):.1f} | {s.run} | {s.rss:.1f} | {s.anon:.1f} | {s.fds} | {s.threads} | "
                   f"{s.db:.1f} | {s.wal:.1f} | {s.lines} | {s.active} | {s.disabled} | {s.outbox} |")
    used = sum(b.cpu - x.cpu for x, b in zip(soak.samples, soak.samples[1:]) if b.run == x.run)
    out += ["", f"Processor time of the daemon: {used:.0f} s, {100 * used / soak.took:.1f} % of a core. "
            f"Stopped in {soak.stop_s:.2f} s."]
    if soak.errors_logged:
        out += ["", "## Errors in the log", "", "| times | what |", "|---|---|"]
        out += [f"| {n} | {t.replace('|', '/')} |" for t, n in soak.errors_logged.most_common(20)]
    return "\n".join(out) + "\n"
