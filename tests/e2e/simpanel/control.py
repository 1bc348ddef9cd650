"""The private control API `/_sim/…`: JSON in, JSON out, on a port of its own."""

import asyncio
import base64
import json
import pathlib
import re
import time
import traceback

from .app import dumps
from .faults import KINDS
from .http import Response, response_bytes
from .routes_nodes import restart_core, set_enabled
from .state import ROLES, USER_FIELDS

TABLE = []
REPLAY_MAX = 64 * 1024 * 1024


def control(method, path):
    """Registers a handler `f(self, body, **path values)`; its docstring is the help text."""
    def register(function):
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z")
        TABLE.append((method, path, pattern, function))
        return function
    return register


class ControlApp:
    def __init__(self, panel):
        self.panel = panel
        self.background = set()

    async def handle(self, request, conn):
        try:
            result, status = await self.dispatch(request), 200
        except (KeyError, ValueError, TypeError, AttributeError, OSError) as error:
            traceback.print_exc()
            result, status = {"error": f"{type(error).__name__}: {error}"}, 400
        conn.send(response_bytes(Response(status, dumps(result)), request.close))

    async def dispatch(self, request):
        for method, _, pattern, function in TABLE:
            match = pattern.match(request.path)
            if match is not None and method == request.method:
                body = json.loads(request.body) if request.body else {}
                for name, values in request.query.items():
                    body.setdefault(name, values[-1])
                result = function(self, body, **match.groupdict())
                return await result if asyncio.iscoroutine(result) else result
        raise ValueError(f"no control route {request.method} {request.path}")

    def later(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    # -- looking -------------------------------------------------------------------------------

    @control("GET", "/_sim")
    def help(self, body):
        """This table, and the kinds of faults."""
        return {"routes": [[m, p, (f.__doc__ or "").strip()] for m, p, _, f in TABLE],
                "faults": KINDS}

    @control("GET", "/_sim/info")
    def info(self, body):
        """URLs, certificate, pin, version, counters."""
        app, server = self.panel.app, self.panel.server
        return {**self.panel.info(), "connections": len(server.conns),
                "accepted": server.accepted, "streams": len(app.streams),
                "logins": app.auth.logins, "failed_logins": app.auth.failed_logins,
                "requests": app.journal_next - 1, "tls_errors": server.tls_errors[-5:],
                "users": len(self.panel.state.users), "nodes": len(self.panel.state.nodes)}

    @control("GET", "/_sim/journal")
    def journal(self, body):
        """Requests so far; filters `since` (entries after n), `method`, `path` (regex), `limit`."""
        since = int(body.get("since", 0))
        path = re.compile(body["path"]) if "path" in body else None
        found = [e for e in self.panel.app.journal if e["n"] > since
                 and ("method" not in body or e["method"] == body["method"])
                 and (path is None or path.search(e["path"]))]
        limit = int(body.get("limit", 0))
        return {"entries": found[-limit:] if limit else found,
                "mono": time.monotonic(), "wall": time.time()}

    @control("DELETE", "/_sim/journal")
    def journal_clear(self, body):
        """Empties the journal (numbers go on)."""
        self.panel.app.journal.clear()
        return {}

    @control("GET", "/_sim/streams")
    def streams(self, body):
        """Open log streams: node, lines, pings, and whether they are dead."""
        return {"streams": [
            {"id": s.id, "node": s.node_id, "admin": s.who, "lines": s.lines, "pings": s.pings,
             "dead": s.channel is None, "frozen": s.frozen}
            for s in self.panel.app.streams.values()]}

    # -- users, groups, admins, keys -----------------------------------------------------------

    def user_view(self, user):
        state = self.panel.state
        out = {name: getattr(user, name) for name in USER_FIELDS}
        return {"id": user.id, "username": user.username, **out,
                "may_connect": bool(state.allowed_tags(user, time.monotonic())),
                "tags": list(state.allowed_tags(user, time.monotonic()))}

    def user_named(self, who):
        found = self.panel.feed.user(int(who) if str(who).isdigit() else who)
        if found is None:
            raise ValueError(f"no user {who}")
        return found

    @control("GET", "/_sim/users")
    def users(self, body):
        """State of users; `status` filters."""
        return {"users": [self.user_view(u) for u in self.panel.state.users.values()
                          if "status" not in body or u.status == body["status"]]}

    @control("GET", "/_sim/user/{who}")
    def user(self, body, who):
        """State of one user, by id, or by a name that is not a number."""
        return self.user_view(self.user_named(who))

    @control("POST", "/_sim/users")
    def add_users(self, body):
        """`{"users": [{"username", …fields}]}`, or `{"generate": n, "prefix", …fields}`."""
        state = self.panel.state
        if "generate" in body:
            fields = {k: v for k, v in body.items() if k not in ("generate", "prefix")}
            made = state.generate_users(int(body["generate"]), body.get("prefix", "user"), **fields)
            return {"first": made[0].id, "count": len(made)} if made else {"count": 0}
        return {"ids": [state.add_user(**user).id for user in body["users"]]}

    @control("PATCH", "/_sim/user/{who}")
    def change_user(self, body, who):
        """Sets fields behind the panel's back, as another admin would; `at_once`: no delay."""
        user = self.user_named(who)
        at_once = body.pop("at_once", False)
        for name, value in body.items():
            if name not in USER_FIELDS:
                raise ValueError(f"unknown user field {name}")
            setattr(user, name, value)
        self.panel.state.touched(user)
        self.panel.state.settle(user, at_once)
        return self.user_view(user)

    @control("DELETE", "/_sim/user/{who}")
    def delete_user(self, body, who):
        """Removes a user."""
        self.panel.state.remove_user(self.user_named(who))
        return {}

    @control("POST", "/_sim/groups")
    def add_group(self, body):
        """`{"name", "inbound_tags": […], "id"?}`."""
        return {"id": self.panel.state.add_group(**body).id}

    @control("DELETE", "/_sim/group/{id}")
    def delete_group(self, body, id):
        """Removes a group, also from its users, whose `edit_at` stays."""
        self.panel.state.remove_group(int(id))
        return {}

    @control("POST", "/_sim/admins")
    def add_admin(self, body):
        """`{"username", "password", "role": owner|administrator|operator}`."""
        return {"id": self.panel.state.add_admin(**body).id}

    @control("PATCH", "/_sim/admin/{id}")
    def change_admin(self, body, id):
        """`password`, `role`, `status` (active|disabled)."""
        admin = self.panel.state.admins[int(id)]
        if body.get("role", admin.role) not in ROLES:
            raise ValueError("unknown role")
        for name in ("password", "role", "status"):
            setattr(admin, name, body.get(name, getattr(admin, name)))
        return {}

    @control("POST", "/_sim/keys")
    def add_key(self, body):
        """`{"name", "inherit": true|false, "permissions": {…}, "admin_id"?, "expire"?}`."""
        key = self.panel.state.add_key(**body)
        return {"id": key.id, "key": key.key}

    @control("PATCH", "/_sim/key/{id}")
    def change_key(self, body, id):
        """`permissions`, `inherit`, `expire` (unix seconds)."""
        key = self.panel.state.keys[int(id)]
        for name in ("permissions", "inherit", "expire"):
            setattr(key, name, body.get(name, getattr(key, name)))
        return {}

    @control("DELETE", "/_sim/key/{id}")
    def delete_key(self, body, id):
        """Removes a key: 401 from now on."""
        del self.panel.state.keys[int(id)]
        return {}

    @control("POST", "/_sim/tokens")
    def tokens(self, body):
        """`{"expire_in": s}` for tokens so far; `{"ttl": s}` for new ones; `{"forget": true}`."""
        auth = self.panel.app.auth
        if body.get("forget"):
            auth.forget()
        if "expire_in" in body:
            auth.expire(float(body["expire_in"]))
        if "ttl" in body:
            auth.ttl = float(body["ttl"])
        return {"issued": len(auth.issued), "ttl": auth.ttl}

    # -- nodes ---------------------------------------------------------------------------------

    def node_view(self, node):
        return {"id": node.id, "name": node.name, "status": node.status, "message": node.message,
                "waiting": len(node.channel.waiting), "pushed": node.channel.pushed,
                "dropped": node.channel.dropped, "lost": node.channel.lost,
                "readers": len(node.channel.readers),
                "streams": len(node.streams), "refused": node.refused,
                "clock_offset": node.clock_offset}

    @control("GET", "/_sim/nodes")
    def nodes(self, body):
        """Nodes with the state of their channels."""
        return {"nodes": [self.node_view(n) for n in self.panel.state.nodes.values()]}

    @control("POST", "/_sim/nodes")
    def add_node(self, body):
        """`{"name", "inbounds"?, "clock_offset"?, "loglevel"?: warning|info|none, …}`."""
        return {"id": self.panel.state.add_node(**body).id}

    @control("PATCH", "/_sim/node/{id}")
    def change_node(self, body, id):
        """`clock_offset`, `loglevel` (warning, info, none), `mask`, `wireguard`, `stats_online`,
        `inbounds`, `version`, `limited`, `name`, `address`, `status_text`, `message_text`,
        `channel_lines` (from the next start)."""
        node = self.panel.state.nodes[int(id)]
        for name, value in body.items():
            if name not in ("clock_offset", "loglevel", "stats_online", "inbounds", "version",
                            "limited", "name", "status_text", "message_text", "channel_lines",
                            "address", "wireguard", "mask"):
                raise ValueError(f"unknown node field {name}")
            setattr(node, name, value)
        return self.node_view(node)

    @control("POST", "/_sim/node/{id}/{action}")
    def act_on_node(self, body, id, action):
        """`down`, `up`, `reconnect`, `restart`, `crash`, `disable`, `enable`, `remove`; `lines`:
        `{"lines": [text, …]}` or `{"b64": […]}`, raw lines into its log; `stream`:
        `{"how": end, close, mid_frame, rst, dead or freeze, "id"?}`, to its streams, now."""
        node = self.panel.state.nodes[int(id)]
        if action == "lines":
            return self.push(body, node)
        if action == "stream":
            return self.cut(body, node)
        if action == "down":
            node.reachable = False
            restart_core(node)
        elif action == "up":
            node.reachable = True
            restart_core(node)
        elif action in ("reconnect", "restart"):
            restart_core(node)
        elif action == "crash":
            from .lines import start
            node.online.clear()
            node.channel.push([line.encode() for line in start(time.time() + node.clock_offset)])
        elif action in ("disable", "enable"):
            set_enabled(node, action == "enable")
        elif action == "remove":
            node.new_log()
            del self.panel.state.nodes[node.id]
        else:
            raise ValueError(f"unknown action {action}")
        return self.node_view(node)

    def push(self, body, node):
        data = [line.encode("utf-8", "surrogateescape") for line in body.get("lines", [])]
        data += [base64.b64decode(line) for line in body.get("b64", [])]
        return self.panel.feed.raw(node.id, data)

    def cut(self, body, node):
        streams = [s for s in node.streams if body.get("id", s.id) == s.id]
        for stream in streams:
            stream.finish(body.get("how", "close"))
        return {"streams": len(streams)}

    # -- traffic -------------------------------------------------------------------------------

    @control("POST", "/_sim/traffic")
    def traffic(self, body):
        """`{"events": [{"node", "user" (id or name), "ip", "inbound"?, "dest"?, "outbound"?,
        "port"?, "net"?, "count"?, "open"?, "mux"?, "hold"?, "age"?}], "each": false}`: live."""
        each = [] if body.get("each") else None
        answer = self.panel.feed.events(body["events"], each)
        return answer if each is None else {**answer, "each": each}

    @control("POST", "/_sim/generate")
    def generate(self, body):
        """A job: `nodes`, `users`, `rate`, `count`, `seconds`, `devices`."""
        return self.panel.feed.generate(**body)

    @control("POST", "/_sim/replay")
    def replay(self, body):
        """A job: `node`, `file` or `lines`, `rate`, `count`, `seconds`, `loop`, `restamp`."""
        if "file" in body:
            path = pathlib.Path(body.pop("file"))
            if path.stat().st_size > REPLAY_MAX:
                raise ValueError("file too large")
            data = path.read_bytes().split(b"\n")
        else:
            data = [line.encode("utf-8", "surrogateescape") for line in body.pop("lines")]
        return self.panel.feed.replay(data=[line for line in data if line], **body)

    @control("GET", "/_sim/jobs")
    def jobs(self, body):
        """Jobs with their counters."""
        return {"jobs": self.panel.feed.view_jobs()}

    @control("DELETE", "/_sim/jobs")
    def stop_jobs(self, body):
        """Stops all jobs, or the one of `id`."""
        self.panel.feed.stop_jobs(int(body["id"]) if "id" in body else None)
        return {}

    @control("PUT", "/_sim/online")
    def online(self, body):
        """`{"node", "user", "ips": {ip: unix seconds | null for now}, "replace"?, "for"?}`: entries
        stay until replaced, or for so many seconds. Empty `ips` with `replace`: idle."""
        node = self.panel.state.nodes[body["node"]]
        user = self.panel.feed.user(body["user"])
        if body.get("replace") or user.id not in node.online:
            node.online[user.id] = {}
        now = time.time()
        for ip, last in body["ips"].items():
            until = now + body["for"] if "for" in body else None
            node.seen(user.id, ip.strip("[]"), now if last is None else last, until)
            user.online_at = now
        return node.ips(user.id, now)

    @control("DELETE", "/_sim/online")
    def online_clear(self, body):
        """`{"node"?, "user"?}`: forgets, as if never connected."""
        for node in self.panel.state.nodes.values():
            if "node" in body and node.id != int(body["node"]):
                continue
            if "user" in body:
                node.online.pop(self.user_named(body["user"]).id, None)
            else:
                node.online.clear()
        return {}

    # -- faults --------------------------------------------------------------------------------

    @control("GET", "/_sim/faults")
    def faults(self, body):
        """Rules in force and how often they struck."""
        return {"faults": [f.view() for f in self.panel.app.faults.rules]}

    @control("POST", "/_sim/faults")
    def add_fault(self, body):
        """`{"kind", "path": pattern, "method"?, "count" (1; -1 always), "skip"?, …}`."""
        return self.panel.app.faults.add(**body).view()

    @control("DELETE", "/_sim/faults")
    def clear_faults(self, body):
        """Removes all rules, or the one of `id`."""
        self.panel.app.faults.clear(int(body["id"]) if "id" in body else None)
        return {}

    @control("POST", "/_sim/restart")
    def restart(self, body):
        """`{"seconds": away, "keep_tokens": true, "restart_nodes": false, "rst": false}`."""
        self.later(self.panel.restart(**body))
        return {}

    @control("POST", "/_sim/refuse")
    def refuse(self, body):
        """`{"seconds", "drop": false}`: connections are refused."""
        self.later(self.panel.refuse(**body))
        return {}

    @control("POST", "/_sim/half_open")
    def half_open(self, body):
        """`{"seconds"}`: new connections are accepted and never answered, not even TLS."""
        self.panel.server.half_open_until = time.monotonic() + float(body["seconds"])
        return {}

    @control("POST", "/_sim/drop")
    def drop(self, body):
        """All connections die now; `{"rst": true}` by reset."""
        count = len(self.panel.server.conns)
        self.panel.server.drop_all(body.get("rst", False))
        return {"connections": count}

    @control("PATCH", "/_sim/config")
    def config(self, body):
        """`latency` (none, real, or [[method, pattern, s]]), `login_delay`, `ping_interval`,
        `disable_delay` [min, max], `log_rejected`."""
        app = self.panel.app
        if "latency" in body:
            self.panel.set_latency(body["latency"])
        if "login_delay" in body:
            app.login_delay = float(body["login_delay"])
        if "ping_interval" in body:
            app.ping_interval = float(body["ping_interval"])
        if "disable_delay" in body:
            self.panel.state.disable_delay = tuple(body["disable_delay"])
        if "log_rejected" in body:
            app.log_rejected = bool(body["log_rejected"])
        return {"latency": app.latency, "login_delay": app.login_delay,
                "ping_interval": app.ping_interval}
