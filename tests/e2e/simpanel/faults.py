"""Faults on demand: which request they hit, how often, and what happens then."""

import fnmatch
import time

KINDS = {
    "status": "answer `status` with `body` (text, or JSON) and `headers`",
    "hang": "never answer (or for `seconds`, then go on)",
    "delay": "wait `seconds`, then go on",
    "slow": "answer at `bytes_per_s`; a log stream trickles",
    "drop": "close without an answer",
    "reset": "close with a reset, without an answer",
    "lose_answer": "do what was asked, then close without an answer (after `seconds`)",
    "cut_body": "send the head and `bytes` of the body, then close",
    "malformed": "answer 200 with a body that is no JSON (or `body`)",
    "oversize": "answer 200 with a JSON body of `bytes`",
    "endless_head": "send `bytes` of header lines without an end",
    "cut_stream": "end a log stream after `lines` lines, `how`: end, close, mid_frame, rst, dead, "
                  "freeze",
}


class Fault:
    """One rule. `count` -1 means for ever; `skip` requests pass first."""

    def __init__(self, id, kind, path="*", method="*", count=1, skip=0, **args):
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind}; known: {', '.join(KINDS)}")
        self.id = id
        self.kind = kind
        self.path = path
        self.method = method.upper()
        self.count = count
        self.skip = skip
        self.args = args
        self.hits = 0
        self.last_hit = None

    def matches(self, request):
        if self.count == 0:
            return False
        if self.method not in ("*", request.method):
            return False
        target = request.target if "?" in self.path else request.path
        return fnmatch.fnmatchcase(target, self.path)

    def take(self):
        """Counts a matching request; true when the fault strikes this one."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count > 0:
            self.count -= 1
        self.hits += 1
        self.last_hit = time.time()
        return True

    def view(self):
        return {"id": self.id, "kind": self.kind, "path": self.path, "method": self.method,
                "count": self.count, "skip": self.skip, "hits": self.hits, **self.args}


class Faults:
    def __init__(self):
        self.rules = []
        self.next_id = 1

    def add(self, kind, **args):
        fault = Fault(self.next_id, kind, **args)
        self.next_id += 1
        self.rules.append(fault)
        return fault

    def find(self, request):
        """The first rule that strikes this request, or None."""
        for fault in self.rules:
            if fault.matches(request) and fault.take():
                return fault
        return None

    def clear(self, id=None):
        self.rules = [f for f in self.rules if id is not None and f.id != id]
