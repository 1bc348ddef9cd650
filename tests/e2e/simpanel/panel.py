"""The whole simulated panel: state, application, the two ports, and its life and death."""

import asyncio
import ipaddress
import tempfile
import time

from . import routes_misc, routes_nodes, routes_users, tls
from .app import REAL_LATENCY, REAL_LOGIN, PanelApp
from .control import ControlApp
from .feed import Feed
from .http import Server
from .state import State, laboratory, plain

DEFAULTS = {
    "version": 5, "host": "127.0.0.1", "port": 0, "control_port": 0, "tls": True,
    "cert": None, "key": None, "cert_days": 30, "cert_hosts": None, "lab": False,
    "users": 0, "nodes": 1, "admin": "admin", "password": "admin-password",
    "latency": "none", "ping_interval": 15.0, "token_ttl": 1440 * 60.0, "seed": 1,
}


class Panel:
    """`await start()`, then `url` and `control_url` answer until `await stop()`."""

    def __init__(self, **options):
        unknown = set(options) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"unknown option {', '.join(sorted(unknown))}")
        self.options = {**DEFAULTS, **options}
        if not ipaddress.ip_address(self.options["host"]).is_loopback:
            raise ValueError("the simulated panel listens on loopback addresses only")
        self.state = State(self.options["version"], self.options["seed"])
        if self.options["lab"]:
            laboratory(self.state)
        else:
            plain(self.state, self.options["users"], self.options["nodes"],
                  self.options["admin"], self.options["password"])
        routes = routes_nodes.ROUTES + routes_users.ROUTES + routes_misc.ROUTES
        self.app = PanelApp(self.state, routes)
        self.app.auth.ttl = self.options["token_ttl"]
        self.app.ping_interval = self.options["ping_interval"]
        self.set_latency(self.options["latency"])
        self.feed = Feed(self.app)
        self.control = ControlApp(self)
        self.folder = None
        self.cert = None
        self.server = None
        self.control_server = None
        self.down_until = 0.0

    def set_latency(self, latency):
        """`none`, `real`, or a list of [method, path pattern, seconds]."""
        if latency == "real":
            self.app.latency = list(REAL_LATENCY)
            self.app.login_delay = REAL_LOGIN
        elif latency == "none":
            self.app.latency = []
            self.app.login_delay = 0.0
        else:
            self.app.latency = [(m.upper(), p, float(s)) for m, p, s in latency]

    async def start(self):
        context = None
        if self.options["tls"]:
            cert, key = self.options["cert"], self.options["key"]
            if cert is None:
                self.folder = tempfile.TemporaryDirectory(prefix="simpanel-")
                hosts = self.options["cert_hosts"] or ("DNS:localhost", "IP:127.0.0.1")
                cert, key = tls.make(self.folder.name, hosts=hosts,
                                     days=self.options["cert_days"])
            self.cert = str(cert)
            context = tls.context(cert, key)
        self.server = Server(self.app, self.options["host"], self.options["port"], context)
        await self.server.listen()
        self.control_server = Server(self.control, self.options["host"],
                                     self.options["control_port"])
        await self.control_server.listen()

    async def stop(self):
        self.feed.stop_jobs()
        for server in (self.server, self.control_server):
            server.stop_listening()
            server.drop_all()
        await asyncio.sleep(0)
        if self.folder is not None:
            self.folder.cleanup()

    @property
    def url(self):
        scheme = "https" if self.options["tls"] else "http"
        return f"{scheme}://{self.options['host']}:{self.server.port}"

    @property
    def control_url(self):
        return f"http://{self.options['host']}:{self.control_server.port}"

    def info(self):
        return {"url": self.url, "port": self.server.port, "control_url": self.control_url,
                "control_port": self.control_server.port, "cert": self.cert,
                "pin": tls.pin(self.cert) if self.cert else None,
                "version": self.state.version_text}

    # -- life and death ------------------------------------------------------------------------

    async def refuse(self, seconds, drop=False, rst=False):
        """Connections are refused for a while; with `drop` open ones die too."""
        self.server.stop_listening(keep_port=True)
        self.down_until = time.monotonic() + seconds
        if drop:
            self.server.drop_all(rst)
        await asyncio.sleep(seconds)
        await self.server.listen()

    async def restart(self, seconds=0.0, keep_tokens=True, restart_nodes=False, rst=False):
        """The panel process dies, is away for `seconds`, and is back."""
        if not keep_tokens:
            self.app.auth.forget()
        if restart_nodes:
            for node in self.state.nodes.values():
                routes_nodes.restart_core(node)
        await self.refuse(seconds, drop=True, rst=rst)
