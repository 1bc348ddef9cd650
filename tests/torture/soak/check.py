"""What must hold at the end of a soak."""

import json
import re
import traceback
from collections import Counter, defaultdict

from .clock import span
from .sample import percentile, quantile, slope

AGAIN = "🔁 "
DISABLED = re.compile(r"(\S+) · disabled (?:until|by)")
WARM = 0.42  # of the day: by then everyone was seen, and the daemon does not die any more
RSS_GROWTH = 0.04  # of the memory, in the flat part of the day
LONG_H = 6  # a day this long is one with figures; a short one may be played on a busy machine
HELD_UP_S = 5.0  # so long the daemon may be held up by that, of our time


class Found:
    def __init__(self, ok, what, figure):
        self.ok, self.what, self.figure = bool(ok), what, figure


def everything(soak, owner):
    soak.rows = soak.daemon.sql("SELECT e.*, v.ordered_by FROM enforcements e "
                                "JOIN violations v ON v.id = e.verdict_id ORDER BY e.id")
    found = [Found(not soak.errors, "nothing broke", "; ".join(soak.errors) or "no crash, no hang")]
    keep(soak)
    for part in (restored, in_time, honest, panel_as_journal, lines, memory, notices, log):
        try:
            found += part(soak, owner)
        except Exception as error:
            traceback.print_exc()
            found.append(Found(False, part.__name__, f"the check broke: {error!r}"))
    return found


def keep(soak):
    """The raw material, beside the daemon's data, for whoever wants to look closer."""
    raw = {"notes": soak.notes, "away": soak.away, "sent": soak.sent, "counted": soak.counted,
           "truth": soak.world.truth, "kinds": {u.id: u.kind for u in soak.world.cast.users.values()},
           "changes": [(c.at, c.user, c.before, c.after, c.hand) for c in soak.world.changes],
           "samples": [vars(s) for s in soak.samples], "lags": soak.lags, "answers": soak.answers}
    (soak.daemon.folder / "soak.json").write_text(json.dumps(raw))


# -- accounts ----------------------------------------------------------------------------------


def restored(soak, owner):
    """Nobody left disabled, every account as people want it."""
    world = soak.world
    states = Counter(r["state"] for r in soak.rows)
    soak.states = states
    open_rows = [r for r in soak.rows if r["state"] in ("intended", "applied", "restoring")]
    wrong = []
    for id, want in world.truth.items():
        user = world.panel.state.users.get(id)
        if user is not None and world.look(user) != want:
            mine = [(r["id"], r["state"], r["why"]) for r in soak.rows if r["user_id"] == id]
            wrong.append(f"id:{id} is {world.look(user)}, wanted {want}, journal {mine[-3:]}")
    return [Found(not open_rows, "every row of the journal is closed",
                  ", ".join(f"{n} {s}" for s, n in sorted(states.items()))),
            Found(not wrong, "every account is as people want it, none left disabled",
                  f"{len(world.truth)} accounts" if not wrong else "; ".join(wrong[:5]))]


def stretches(soak):
    """When the panel or the daemon was not all right: [(from, until)] of the played clock."""
    found = [(a, b or soak.settled) for a, b in soak.away]
    found += soak.world.stalls
    found += [(at, at + s * soak.clock.scale) for at, kind, _, s in soak.notes if kind == "panel"]
    return found


def in_time(soak, owner):
    """How late the enabling was, by the panel's own clock."""
    enabled = defaultdict(list)
    for c in soak.world.changes:
        if not c.hand:
            enabled[c.user].append(c)
    troubles = stretches(soak)
    calm, rough, early, missing = [], [], [], []
    for r in soak.rows:
        if r["state"] != "restored" or r["due_at"] is None:
            continue
        due = r["due_at"] / 1000
        back = next((c for c in enabled[r["user_id"]]
                     if c.at >= due - 5 and c.at > r["applied_at"] / 1000 + 1), None)
        if back is None:
            missing.append(r["id"])
            continue
        late = back.at - due
        if late < -0.5:
            early.append(r["id"])
        # The first failure makes a pause of up to five minutes, so trouble shortly before counts too.
        hurt = any(a - 1 <= back.at and due <= b + 330 for a, b in troubles if a <= back.at)
        (rough if hurt else calm).append(late)
    soak.late_calm, soak.late_rough = calm, rough
    scale = soak.clock.scale
    held_up = scale * (1.0 if soak.args.hours >= LONG_H else HELD_UP_S)
    figures = [f"{name}: {len(v)}, p50 {span(percentile(v, 0.5))}, p99 {span(percentile(v, 0.99))}, "
               f"max {span(max(v, default=0))}"
               for name, v in (("panel well", calm), ("panel or daemon in trouble", rough))]
    return [Found(not missing and not early, "every disable was undone, none before its time",
                  f"{len(calm) + len(rough)} terms" if not missing and not early
                  else f"not seen {missing[:5]}, early {early[:5]}"),
            Found(percentile(calm, 0.99) < max(5.0, held_up), "enabled at the due time (played time)",
                  "; ".join(figures)),
            Found(max(rough, default=0) < 900 + (0 if soak.args.hours >= LONG_H else held_up), "soon after the trouble at the latest",
                  span(max(rough, default=0)))]


def honest(soak, owner):
    cast, gone = soak.world.cast, soak.world.gone
    hit = [r for r in soak.rows
           if r["ordered_by"] is None and r["user_id"] not in gone and not cast.guilty(r["user_id"])]
    kinds = Counter(cast.users[r["user_id"]].kind if r["user_id"] in cast.users else "?" for r in hit)
    soak.honest_hit = hit
    caught = {r["user_id"] for r in soak.rows} & set(cast.of("sharer", "mux", "leaked"))
    all_guilty = cast.of("sharer", "mux", "leaked")
    return [Found(not hit, "no honest account was disabled",
                  f"0 of {len(cast.users) - len(all_guilty)}" if not hit
                  else f"{dict(kinds)}: {[(r['id'], r['user_id']) for r in hit[:5]]}"),
            Found(soak.args.hours < 12 or len(caught) > 0.5 * len(all_guilty), "shared accounts are caught",
                  f"{len(caught)} of {len(all_guilty)}")]


def panel_as_journal(soak, owner):
    """Each disable and each enable the panel saw belongs to a row, and the other way round."""
    world, punished = soak.world, soak.world.punished
    taken, given = Counter(), Counter()
    for c in world.changes:
        if c.hand or c.before is None:
            continue
        now = c.after[0] == "disabled" or c.after[1] == (punished,)
        was = c.before[0] == "disabled" or c.before[1] == (punished,)
        taken[c.user] += now and not was
        given[c.user] += was and not now
    rows = Counter(r["user_id"] for r in soak.rows if r["applied_at"] is not None)
    never = Counter(r["user_id"] for r in soak.rows if r["applied_at"] is None)
    wrong = [u for u in set(taken) | set(rows)
             if not taken[u] - never[u] <= rows[u] <= taken[u] + never[u]]
    twice = [u for u in taken if taken[u] > rows[u] + never[u]]
    return [Found(not wrong and not twice, "the panel's disables are the journal's",
                  f"{sum(taken.values())} disables and {sum(given.values())} enables in the panel, "
                  f"{sum(rows.values())} rows applied" if not wrong and not twice
                  else f"differ for {wrong[:5]}, twice {twice[:5]}")]


# -- the rest ----------------------------------------------------------------------------------


def lines(soak, owner):
    lost = soak.sent - soak.counted
    return [Found(0 <= lost <= soak.world.at_risk, "lines counted are the lines sent",
                  f"{soak.sent} sent into streams, {soak.counted} counted, {lost} not; "
                  f"{soak.world.at_risk} were on their way when a stream or the daemon was cut off")]


def memory(soak, owner):
    day = soak.args.hours
    late = [s for s in soak.samples if WARM * day <= soak.clock.hours(s.at) <= soak.day_h]
    # The life that lasted longest: the day's end has lives of its own.
    longest = Counter(s.run for s in late).most_common(1)
    flat = [s for s in late if s.run == longest[0][0]] if longest else []
    soak.flat = flat
    if len(flat) < 10:
        return [Found(day < LONG_H, "memory is flat", f"{len(flat)} samples are too few to tell")]
    hours = [(soak.clock.hours(s.at), s) for s in flat]
    length = hours[-1][0] - hours[0][0]
    found = []
    for name, label, unit in (("rss", "resident memory", "MB"), ("anon", "of it anonymous", "MB"),
                              ("besides", "descriptors besides streams", ""), ("threads", "threads", "")):
        points = [(h, getattr(s, name)) for h, s in hours]
        grown = slope(points) * length
        values = [v for _, v in points]
        mean = sum(values) / len(values)
        allowed = RSS_GROWTH * mean + 1 if unit else max(4, 0.02 * mean)
        found.append(Found(length < 6 or abs(grown) <= allowed, f"{label} flat",
                           f"{min(values):.1f}–{max(values):.1f} {unit}, trend {grown:+.2f} {unit} over "
                           f"{length:.1f} h".replace("  ", " ")))
    lag = [quantile(h, 0.999) for h in soak.lags if h]
    p99 = [quantile(h, 0.99) for h in soak.lags if h]
    found.append(Found(max(p99, default=0) <= 0.05, "turns of the loop",
                       f"99 % within {span(max(p99, default=0))}, 99.9 % within {span(max(lag, default=0))}"))
    return found


def notices(soak, owner):
    """Each disable is told in one message, or is one of a list of many."""
    single, again, folded, texts = 0, 0, 0, Counter()
    for m in owner.chat.from_bot:
        versions = [v.text for v in m.history] + [m.text]
        if any(v.startswith(AGAIN) for v in versions):
            again += 1
            continue
        single += len({t for v in versions for t in DISABLED.findall(v)})
        counts = [int(n) for v in versions for n in re.findall(r"(\d+) users? disabled", v)]
        folded += max(counts, default=0)
        texts[m.text] += 1
    applied = sum(r["applied_at"] is not None for r in soak.rows)
    told = single + folded
    twice = [t[:80] for t, n in texts.items() if n > 1 and " — " in t]
    deaths = sum(1 for _, kind, text, _ in soak.notes if kind == "daemon" and "SIGKILL" in text)
    final = soak.metrics[1]["telegram"]
    stops = [*soak.stops, soak.stop_s]
    return [Found(max(stops) <= (5 if soak.args.hours >= LONG_H else 5 + HELD_UP_S), "SIGTERM ends it in time",
                  f"{span(max(stops))} at most"),
            Found(abs(told - applied) <= again + deaths, "every disable was told, once",
                  f"{applied} disables; {single} in messages of their own, {folded} in lists; "
                  f"{again} sent again with a sign after a lost answer or a death"),
            Found(not twice, "no message came twice without its sign", "; ".join(twice[:3]) or "none"),
            Found(final["waiting"] == 0 and final["given_up"] == 0, "the outbox is empty, nothing given up",
                  f"{final['waiting']} waiting, {final['given_up']} given up, "
                  f"{len(owner.chat.from_bot)} messages, {soak.telegram.calls[-1].n} calls"),
            Found(not soak.telegram.refused, "Telegram refused no call",
                  "; ".join(map(repr, soak.telegram.refused[:2])) or "none")]


def log(soak, owner):
    levels = Counter(line.level for line in soak.daemon.log if line.level)
    soak.errors_logged = Counter(re.sub(r"\d+", "N", line.text)[:110] for line in soak.daemon.log
                                 if line.level == "ERROR")
    return [Found(True, "the log", ", ".join(f"{n} {level}" for level, n in levels.most_common()))]
