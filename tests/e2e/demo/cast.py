"""Who plays: names, habits, the hours of the day shortened to a minute and a half."""

import time
from collections import Counter

from simpanel.traffic import Player, dual_stack, family, flapping, merged, phone, shared, spray

NODES = ("frankfurt-1", "amsterdam-1", "helsinki-1", "istanbul-1")
FRANKFURT, AMSTERDAM, HELSINKI, ISTANBUL = 1, 2, 3, 4
DROPPED = HELSINKI                      # no member of the cast uses it, thirty others do

ALI, FAMILY, REZA, TESTER = "ali", "family", "reza", "tester"
CAST = (REZA, ALI, FAMILY, TESTER)
PEOPLE = 5                              # who use reza's account
STAY = 2                                # of them, once it has been let back in
REZA_NODES = (FRANKFURT, AMSTERDAM, ISTANBUL)
OTHERS = tuple(f"user{i:02}" for i in range(1, 31))

LIMITS = {ALI: 1, FAMILY: 4}

# Seconds of play. A node's first line, then more than 2 s of nothing: so the daemon knows that what
# comes next is live and no backlog of the node's.
QUIET = 2.6
HANDOVER = 14.0
NODE_DOWN, NODE_UP = 36.0, 50.0
CURTAIN = 118.0                         # the players' material ends here; the play ends before


def honest(name, number):
    """One of the thirty: mostly a phone, sometimes a phone on both internets, or two devices."""
    node, seed = 1 + number % len(NODES), 100 + number
    if number % 10 == 3:
        return [dual_stack(name, node, seed, start=QUIET)]
    if number % 10 == 6:
        return [flapping(name, node, seed, start=QUIET)]
    if number % 10 == 8:
        return family(name, 2, node, seed, start=QUIET)
    return [phone(name, node, seed, start=QUIET)]


def actors():
    """Everyone, as the simulator's actors. Same every time; only the clock is real."""
    play = [a for i, name in enumerate(OTHERS) for a in honest(name, i)]
    play.append(phone(ALI, FRANKFURT, seed=1, handover_at=HANDOVER, start=QUIET, gaps=(3.0, 6.0)))
    play += family(FAMILY, LIMITS[FAMILY], AMSTERDAM, seed=5, start=QUIET, gaps=(4.0, 8.0))
    play.append(spray(TESTER, ISTANBUL, seed=7, rate=0.5, start=QUIET))
    play += shared(REZA, PEOPLE, seed=22, nodes=REZA_NODES, start=QUIET, gaps=(1.5, 10.0),
                   spells=(300.0, 5.0))
    return play


def hello():
    """One connection on every node, by an ordinary user of it from where he always is."""
    found = {}
    for _, _, event in merged(actors(), 30.0):
        if event["user"] in OTHERS:
            found.setdefault(event["node"], event)
    return list(found.values())


class Stage(Player):
    """Plays, and notes who was refused and why: by a node that is away, or by the panel.

    `refused`: connections a user was refused on a node that works; `away`: on one that is down.
    """

    def __init__(self, sim, cast):
        super().__init__(sim, cast)
        self.accepted, self.refused, self.away = Counter(), Counter(), Counter()
        self.on_node = Counter()
        self.addresses = {}
        self.refusals = {}              # user: [wall time of the first, of the last]
        self.down = set()
        self.gone = set()               # names of actors who play no more

    def opening(self, events):
        """Connections before the play begins."""
        answer = self.sim.post("/traffic", {"events": events, "each": True})
        for event, good in zip(events, answer["each"]):
            self.note(event, good)

    def post(self, batch):
        batch = [item for item in batch if self.actors[item[1]].name not in self.gone]
        if not batch:
            return
        answer = self.sim.post("/traffic", {"events": [e for _, _, e in batch], "each": True})
        for (_, _, event), good in zip(batch, answer["each"]):
            self.note(event, good)

    def note(self, event, good):
        user = event["user"]
        if good:
            self.accepted[user] += 1
            self.on_node[event["node"]] += 1
            self.addresses.setdefault(user, set()).add(event["ip"])
        elif event["node"] in self.down:
            self.away[user] += 1
        else:
            self.refused[user] += 1
            self.refusals.setdefault(user, [time.time(), 0.0])[1] = time.time()
