"""Nodes: lists, log streams, online lists, and what an admin may do to a node."""

import time

from . import views
from .app import Route
from .errors import ApiError, boolean, integer, invalid
from .lines import start
from .stream import LogStream

NODE_STATUSES = ("connected", "connecting", "error", "disabled", "limited")


def node_of(panel, call, name="node_id"):
    node = panel.state.nodes.get(integer(name, call.params[name]))
    if node is None:
        raise ApiError(404, "Node not found")
    return node


def page(call, items):
    offset = integer("offset", call.query("offset", "0"))
    limit = integer("limit", call.query("limit", "0"))
    items = items[offset:]
    return items[:limit] if limit else items


async def nodes(panel, call):
    found = list(panel.state.nodes.values())
    if boolean("enabled", call.query("enabled", "false")):
        found = [n for n in found if n.enabled]
    wanted = call.queries("status")
    for status in wanted:
        if status not in NODE_STATUSES:
            raise invalid(status="Input should be 'connected', 'connecting', 'error', "
                                 "'disabled' or 'limited'")
    if wanted:
        found = [n for n in found if n.status in wanted]
    ids = [integer("ids", i) for i in call.queries("ids")]
    if ids:
        found = [n for n in found if n.id in ids]
    return {"nodes": [views.node(n) for n in page(call, found)], "total": len(found)}


async def nodes_simple(panel, call):
    found = list(panel.state.nodes.values())
    return {"nodes": [views.simple_node(n) for n in page(call, found)], "total": len(found)}


async def node_one(panel, call):
    return views.node(node_of(panel, call))


async def node_modify(panel, call):
    node = node_of(panel, call)
    if call.json.get("name"):
        node.name = call.json["name"]
    if call.json.get("status") == "disabled":
        set_enabled(node, False)
    elif call.json.get("status") is not None:
        set_enabled(node, True)
    return views.node(node)


async def node_settings(panel, call):
    return {"min_node_version": "v1.0.0"}


async def node_realtime(panel, call):
    node = node_of(panel, call)
    if not node.reachable:
        raise ApiError(408, node.connection_error())
    return views.realtime(node, time.time())


async def nodes_realtime(panel, call):
    return {str(n.id): views.realtime(n, time.time()) for n in panel.state.nodes.values()
            if n.status == "connected"}


# -- what is done to a node --------------------------------------------------------------------

def restart_core(node, now=None):
    """Xray starts anew: old streams are dead, connections gone, the new log begins at its top."""
    now = time.time() if now is None else now
    node.started = now
    node.online.clear()
    node.new_log(start(now + node.clock_offset) if node.reachable else ())


def set_enabled(node, enabled):
    if node.enabled == enabled:
        return False
    node.enabled = enabled
    restart_core(node)
    return True


async def reconnect(panel, call):
    node = node_of(panel, call)
    if node.reachable:
        restart_core(node)
    return {}


async def reconnect_all(panel, call):
    for node in panel.state.nodes.values():
        if node.reachable:
            restart_core(node)
    return {}


async def sync(panel, call):
    node = node_of(panel, call)
    if node.status != "connected":
        raise ApiError(406, "Node is not connected")
    return views.node(node)


def bulk(enabled):
    async def handler(panel, call):
        ids = call.json.get("ids") or []
        if not ids:
            raise invalid(ids="Value error, you must select at least one node")
        if any(i not in panel.state.nodes for i in ids):
            raise ApiError(404, "Node not found")
        names = [panel.state.nodes[i].name for i in ids
                 if set_enabled(panel.state.nodes[i], enabled)]
        return {"nodes": names, "count": len(names)}
    return handler


# -- the log -----------------------------------------------------------------------------------

async def logs(panel, call):
    node = node_of(panel, call)
    if not node.enabled:
        raise ApiError(404, "Node not found")
    entry, conn, close = call.entry, call.conn, call.request.close
    entry["status"] = 200
    entry["stream"] = True
    who = call.caller.admin.username
    stream = LogStream(conn, node.id, node.channel, who, lambda: panel.ping_interval)
    if not node.reachable:
        conn.send(stream.head(close) + b"0\r\n\r\n")
        return None
    if call.fault is not None and call.fault.kind == "cut_stream":
        stream.cut = call.fault.args.get("how", "mid_frame")
        stream.cut_after = call.fault.args.get("lines", 0)
    if call.fault is not None and call.fault.kind == "slow":
        stream.slow = call.fault.args.get("bytes_per_s", 100)
    node.streams.append(stream)
    panel.streams[stream.id] = stream
    entry["stream_id"] = stream.id
    try:
        await stream.run(close)
    finally:
        node.streams.remove(stream)
        del panel.streams[stream.id]
        entry["lines"] = stream.lines
        entry["pings"] = stream.pings
        entry["closed"] = time.time()
    if close:
        conn.close()
    return None


# -- the online list ---------------------------------------------------------------------------

def user_of(panel, call):
    if panel.state.version >= 5:
        user = panel.state.users.get(integer("user_id", call.params["user"]))
    else:
        user = panel.state.by_name.get(call.params["user"])
    return user


def email(panel, user):
    return str(user.id) if panel.state.version >= 5 else f"{user.id}.{user.username}"


def online_of(node, user):
    """The list of one node, or None where the node cannot say."""
    if node.status != "connected" or not node.stats_online or user is None:
        return None
    return node.ips(user.id, time.time())


async def online_all(panel, call):
    user = user_of(panel, call)
    if user is None:
        raise ApiError(404, "User not found")
    found = {}
    for node in panel.state.nodes.values():
        ips = online_of(node, user)
        if ips is not None:
            found[str(node.id)] = {"ips": ips}
    return {"nodes": found}


async def online_node(panel, call):
    node = panel.state.nodes.get(integer("node_id", call.params["node_id"]))
    ips = online_of(node, user_of(panel, call)) if node is not None else None
    if ips is None:
        raise ApiError(404, "Node unavailable or user not found")
    return {"ips": ips}


async def online_count(panel, call):
    node = node_of(panel, call)
    user = user_of(panel, call)
    if user is None:
        raise ApiError(404, "User not found")
    if not node.enabled:
        raise ApiError(404, "Node not found")
    if not node.reachable:
        raise ApiError(408, node.connection_error())
    ips = online_of(node, user)
    if ips is None:
        text = f"rpc error: code = NotFound desc = user>>>{email(panel, user)}>>>online not found."
        if node.connection_type == "rest":
            text = f"HTTP error: rpc error: code = NotFound desc = {text}\n"
        raise ApiError(404, text)
    return {str(node.id): len(ips)}


READ, STATS, UPDATE = ("nodes", "read"), ("nodes", "stats"), ("nodes", "update")

ROUTES = [
    Route("GET", "/api/node/settings", node_settings, READ),
    Route("GET", "/api/nodes", nodes, READ),
    Route("GET", "/api/nodes/simple", nodes_simple, ("nodes", "read_simple")),
    Route("POST", "/api/nodes/reconnect", reconnect_all, ("nodes", "reconnect")),
    Route("GET", "/api/nodes/realtime_stats", nodes_realtime, STATS),
    Route("POST", "/api/nodes/bulk/disable", bulk(False), UPDATE, body=True),
    Route("POST", "/api/nodes/bulk/enable", bulk(True), UPDATE, body=True),
    Route("GET", "/api/node/online_stats/{user}/ip", online_all, STATS),
    Route("GET", "/api/node/{node_id}", node_one, READ),
    Route("PUT", "/api/node/{node_id}", node_modify, UPDATE, body=True),
    Route("POST", "/api/node/{node_id}/reconnect", reconnect, ("nodes", "reconnect")),
    Route("PUT", "/api/node/{node_id}/sync", sync, UPDATE),
    Route("GET", "/api/node/{node_id}/logs", logs, ("nodes", "logs")),
    Route("GET", "/api/node/{node_id}/realtime_stats", node_realtime, STATS),
    Route("GET", "/api/node/{node_id}/online_stats/{user}", online_count, STATS),
    Route("GET", "/api/node/{node_id}/online_stats/{user}/ip", online_node, STATS),
]
