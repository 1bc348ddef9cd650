"""The log of a node: one channel of 10,000 lines, and the SSE streams that read from it."""

import asyncio
import datetime
from collections import deque

from .http import Gone, chunk, head_bytes, http_date

CHANNEL_LINES = 10_000
BATCH = 64


def frame(line):
    """One line (bytes) as the chunk that carries its SSE event."""
    return b"%x\r\ndata: %b\r\n\r\n\r\n" % (len(line) + 10, line)


def ping_frame():
    now = datetime.datetime.now(datetime.timezone.utc)
    return chunk(f": ping - {now}\r\n\r\n".encode())


class Channel:
    """Lines of one node from one start to the next.

    Each line goes to exactly one reader; ready readers take turns. Without a ready reader lines
    wait, and when `limit` of them wait, the newest is dropped.
    """

    def __init__(self, limit=CHANNEL_LINES):
        self.limit = limit
        self.waiting = deque()
        self.readers = []
        self.turn = 0
        self.dropped = 0
        self.pushed = 0
        self.lost = 0  # given to a reader who had hung up already

    def push(self, lines):
        """Takes lines (bytes). Returns how many were dropped."""
        self.pushed += len(lines)
        if not self.waiting:
            lines = self.hand_out(lines)
        room = self.limit - len(self.waiting)
        self.waiting.extend(lines[:max(room, 0)])
        lost = max(0, len(lines) - room)
        self.dropped += lost
        return lost

    def hand_out(self, lines):
        """Shares lines among ready readers in turn; returns those nobody could take."""
        at = 0
        while at < len(lines):
            ready = [r for r in self.readers if r.ready()]
            if not ready:
                break
            part = lines[at:at + BATCH * len(ready)]
            at += len(part)
            first = self.turn % len(ready)
            order = ready[first:] + ready[:first]
            self.turn += len(part)
            for i, reader in enumerate(order):
                share = part[i::len(ready)]
                if share:
                    reader.write(share)
        return lines[at:]

    def drain(self):
        """Gives waiting lines to whoever is ready now."""
        while self.waiting and any(r.ready() for r in self.readers):
            part = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
            left = self.hand_out(part)
            self.waiting.extendleft(reversed(left))


class LogStream:
    """One open GET /api/node/{id}/logs.

    `channel` None means dead: pings only, for ever. `cut_after` lines the stream is cut as `cut`
    says (see `finish`). `frozen` stops pings too.
    """

    next_id = 1

    def __init__(self, conn, node_id, channel, who, ping_interval):
        self.id = LogStream.next_id
        LogStream.next_id += 1
        self.conn = conn
        self.node_id = node_id
        self.channel = channel
        self.who = who
        self.ping_interval = ping_interval
        self.lines = 0
        self.pings = 0
        self.frozen = False
        self.cut = None
        self.cut_after = -1
        self.slow = 0
        self.done = asyncio.Event()

    def ready(self):
        return not (self.conn.paused or self.frozen or self.done.is_set() or self.slow)

    def write(self, lines):
        if 0 <= self.cut_after <= self.lines + len(lines) - 1:
            keep = self.cut_after - self.lines
            rest = lines[keep:]
            lines = lines[:keep]
            self.send_lines(lines)
            self.finish(self.cut, rest[0])
            return
        self.send_lines(lines)

    def send_lines(self, lines):
        self.lines += len(lines)
        if not self.send([frame(line) for line in lines]) and self.channel is not None:
            self.channel.lost += len(lines)

    def send(self, frames):
        """Returns whether the connection took them."""
        try:
            if frames:
                self.conn.send_records(frames)
        except Gone:
            self.done.set()
            return False
        return True

    def finish(self, how, line=b"2026/11/23 15:44:42.883276 from 203.0.113.9:1 accepted"):
        """Ends the stream: `end` with the last chunk, `close` without, `mid_frame` inside a
        frame, `rst` inside a frame with a reset, `dead` (pings only), `freeze` (nothing)."""
        if how == "dead":
            self.detach()
            return
        if how == "freeze":
            self.frozen = True
            return
        self.detach()
        try:
            if how == "end":
                self.conn.send(b"0\r\n\r\n")
            elif how in ("mid_frame", "rst"):
                whole = frame(line)
                self.conn.send(whole[:len(whole) // 2])
        except Gone:
            pass
        self.done.set()
        if how != "end":
            self.conn.close(how == "rst")

    def detach(self):
        if self.channel is not None:
            if self in self.channel.readers:
                self.channel.readers.remove(self)
            self.channel = None

    def head(self, close):
        headers = [("date", http_date()), ("server", "uvicorn"), ("cache-control", "no-store")]
        if not close:
            headers.append(("connection", "keep-alive"))
        headers += [("x-accel-buffering", "no"),
                    ("content-type", "text/event-stream; charset=utf-8"),
                    ("Transfer-Encoding", "chunked")]
        if close:
            headers.append(("Connection", "close"))
        return head_bytes(200, headers)

    async def run(self, close):
        """Serves until the client goes or the stream is cut."""
        self.conn.send(self.head(close))
        if self.channel is not None:
            self.channel.readers.append(self)
            self.conn.on_resume = self.resume
            self.resume()
        trickle = asyncio.create_task(self.trickle()) if self.slow else None
        try:
            while not self.done.is_set():
                try:
                    await asyncio.wait_for(self.done.wait(), self.ping_interval())
                except asyncio.TimeoutError:
                    if not self.frozen and not self.conn.paused:
                        self.pings += 1
                        self.send([ping_frame()])
        finally:
            self.conn.on_resume = None
            self.detach()
            if trickle is not None:
                trickle.cancel()

    def resume(self):
        if self.channel is not None:
            self.channel.drain()

    async def trickle(self):
        """A stream slowed to `slow` bytes a second takes lines one by one, byte after byte."""
        while not self.done.is_set():
            channel = self.channel
            if channel is None or not channel.waiting:
                await asyncio.sleep(0.02)
                continue
            data = frame(channel.waiting.popleft())
            step = max(1, self.slow // 20)
            for at in range(0, len(data), step):
                self.send([data[at:at + step]])
                await asyncio.sleep(step / self.slow)
            self.lines += 1
