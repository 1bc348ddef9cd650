"""Carrying out a fault on the request it struck."""

import asyncio

from .http import Response, response_bytes


async def before(app, fault, request, conn, entry):
    """What a fault does instead of the panel's work; true when the request ends here."""
    kind, args = fault.kind, fault.args
    if kind in ("hang", "delay"):
        await asyncio.sleep(args.get("seconds", 1e9 if kind == "hang" else 1.0))
        return False
    if kind in ("drop", "reset"):
        conn.close(kind == "reset")
        return True
    if kind in ("status", "malformed", "oversize"):
        response = made_up(kind, args)
        entry["status"] = response.status
        conn.send(response_bytes(response, request.close))
        return True
    if kind == "endless_head":
        conn.send(b"HTTP/1.1 200 OK\r\n")
        left = args.get("bytes", 1 << 20)
        line = b"x-filler: " + b"a" * 1000 + b"\r\n"
        while left > 0:
            await conn.can_write.wait()
            conn.send(line)
            left -= len(line)
        conn.close()
        return True
    return False


def made_up(kind, args):
    headers = [tuple(h) for h in args.get("headers", {}).items()]
    if kind == "oversize":
        size = args.get("bytes", 64 << 20)
        return Response(200, b'{"users":[],"pad":"' + b"a" * max(0, size - 21) + b'"}', headers)
    body = args.get("body", {"detail": "simulated"} if kind == "status" else '{"users": [{"id": 1,')
    if not isinstance(body, str):
        from .app import dumps
        body = dumps(body)
    else:
        body = body.encode("utf-8", "surrogateescape")
    status = args.get("status", 500) if kind == "status" else args.get("status", 200)
    return Response(status, body, headers, args.get("content_type", "application/json"))


async def answer(fault, conn, request, response):
    """Sends the true answer in the way the fault wants."""
    kind, args = fault.kind, fault.args
    if kind == "lose_answer":
        await asyncio.sleep(args.get("seconds", 0))
        conn.close()
        return
    data = response_bytes(response, request.close)
    if kind == "cut_body":
        head = len(data) - len(response.body)
        conn.send(data[:head + args.get("bytes", len(response.body) // 2)])
        conn.close(args.get("rst", False))
        return
    if kind == "slow":
        rate = args.get("bytes_per_s", 100)
        step = max(1, rate // 20)
        for at in range(0, len(data), step):
            conn.send(data[at:at + step])
            await asyncio.sleep(step / rate)
        return
    conn.send(data)
