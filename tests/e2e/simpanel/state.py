"""What the simulated panel knows: users, groups, admins, API keys, nodes."""

import json
import pathlib
import random
import time
import uuid
from hashlib import blake2b

from .stream import CHANNEL_LINES, Channel

ROLES = json.loads((pathlib.Path(__file__).parent / "data" / "roles.json").read_text())
USER_STATUSES = ("active", "disabled", "limited", "expired", "on_hold")


class User:
    """One account. Times are unix seconds; `cut_at` is when the nodes begin to refuse it."""

    __slots__ = ("id", "username", "status", "group_ids", "admin_id", "note", "hwid_limit",
                 "expire", "data_limit", "used_traffic", "lifetime_used_traffic", "created_at",
                 "edit_at", "online_at", "revision", "allowed", "changes_at", "wanted",
                 "data_limit_reset_strategy", "on_hold_expire_duration", "on_hold_timeout",
                 "auto_delete_in_days")

    def __init__(self, id, username, **fields):
        self.id = id
        self.username = username
        self.status = "active"
        self.group_ids = []
        self.admin_id = None
        self.note = None
        self.hwid_limit = None
        self.expire = None
        self.data_limit = None
        self.used_traffic = 0
        self.lifetime_used_traffic = 0
        self.created_at = time.time()
        self.edit_at = None
        self.online_at = None
        self.revision = 0
        self.data_limit_reset_strategy = "no_reset"
        self.on_hold_expire_duration = None
        self.on_hold_timeout = None
        self.auto_delete_in_days = None
        for name, value in fields.items():
            if name not in USER_FIELDS:
                raise ValueError(f"unknown user field {name}")
            setattr(self, name, value)
        if self.status not in USER_STATUSES:
            raise ValueError(f"unknown status {self.status}")
        self.wanted = self.allowed = None
        self.changes_at = 0.0

    def secrets(self):
        """128 hex digits from which the pretended credentials are cut; new after revoke_sub."""
        seed = f"{self.id}:{self.username}:{self.revision}".encode()
        return blake2b(seed, digest_size=64).hexdigest()

    def uuid(self):
        """The id of the user's VLESS account, as rejected lines name it."""
        return uuid_of(self.secrets()[32:64])


def uuid_of(digits):
    """32 hex digits as a version 4 UUID."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


USER_FIELDS = ("status", "group_ids", "admin_id", "note", "hwid_limit", "expire", "data_limit",
               "used_traffic", "lifetime_used_traffic", "created_at", "edit_at", "online_at",
               "data_limit_reset_strategy", "on_hold_expire_duration", "on_hold_timeout",
               "auto_delete_in_days")


class Group:
    def __init__(self, id, name, inbound_tags, is_disabled=False):
        self.id = id
        self.name = name
        self.inbound_tags = list(inbound_tags)
        self.is_disabled = is_disabled


class Admin:
    def __init__(self, id, username, password, role="owner", status="active"):
        if role not in ROLES:
            raise ValueError(f"unknown role {role}")
        self.id = id
        self.username = username
        self.password = password
        self.role = role
        self.status = status

    @property
    def is_owner(self):
        return self.role == "owner"


class ApiKey:
    def __init__(self, id, admin_id, name, inherit=True, permissions=None, note=None, key=None,
                 expire=None):
        self.id = id
        self.admin_id = admin_id
        self.name = name
        self.inherit = inherit
        self.permissions = permissions or {}
        self.note = note
        self.key = key or f"pg_key_{uuid.uuid4()}"
        self.expire = expire
        self.created_at = time.time()
        self.revoked_at = None

    def usable(self, now):
        return self.expire is None or self.expire > now

    def revoke(self, now):
        """The panel's revoke: the key's text is a new one, the old text ends."""
        self.key = f"pg_key_{uuid.uuid4()}"
        self.revoked_at = now


class Node:
    """One node. `inbounds` are the tags it serves; None means all tags of all groups.

    A `wireguard` node logs nobody and lists one address per user, for good. `mask` is Xray's
    maskAddress: None, quarter, half, /24+/48, full."""

    def __init__(self, id, name, inbounds=None, connection_type="grpc", clock_offset=0.0,
                 loglevel="warning", stats_online=True, address="127.0.0.1", enabled=True,
                 channel_lines=CHANNEL_LINES, wireguard=False, mask=None, port=None):
        self.id = id
        self.name = name
        self.inbounds = inbounds
        self.connection_type = connection_type
        self.clock_offset = clock_offset
        self.loglevel = loglevel
        self.stats_online = stats_online
        self.address = address
        self.port = port or 62040 + 10 * id
        self.enabled = enabled
        self.reachable = True
        self.limited = False
        self.wireguard = wireguard
        self.mask = mask
        self.status_text = None
        self.message_text = None
        self.uplink = 0
        self.downlink = 0
        self.channel_lines = channel_lines
        self.channel = Channel(channel_lines)
        self.streams = []
        self.started = time.time()
        self.version = "26.7.28"
        self.online = {}
        self.refused = 0

    @property
    def status(self):
        if self.status_text is not None:
            return self.status_text
        if not self.enabled:
            return "disabled"
        if self.limited:
            return "limited"
        return "connected" if self.reachable else "error"

    @property
    def message(self):
        if self.message_text is not None:
            return self.message_text
        return "" if self.reachable or not self.enabled else self.connection_error()

    def connection_error(self):
        return (f"Connection error: Cannot connect to host {self.address}:{self.port} ssl:default "
                f"[Connect call failed ('{self.address}', {self.port})]")

    def new_log(self, banner=()):
        """Readers of the old log stay open, ping and never get a line again."""
        for stream in self.streams:
            stream.detach()
        self.channel = Channel(self.channel_lines)
        self.channel.push([line.encode() for line in banner])

    def ips(self, user_id, now):
        """The online list of a user here: {ip: last new stream}, None if never seen."""
        entries = self.online.get(user_id)
        if entries is None:
            return None
        for ip in [ip for ip, (_, until) in entries.items() if until is not None and until < now]:
            del entries[ip]
        return {f"[{ip}]" if ":" in ip else ip: int(last) for ip, (last, _) in entries.items()
                if ip not in ("127.0.0.1", "::1")}

    def seen(self, user_id, ip, last, until):
        """A new stream of a user from `ip`; the entry stays until `until` (None: till removed)."""
        entries = self.online.setdefault(user_id, {})
        if self.wireguard:
            entries.clear()
            until = None
        old = entries.get(ip)
        if old is not None and until is not None:
            until = None if old[1] is None else max(until, old[1])
        entries[ip] = (last, until)


class State:
    """All of the panel's data, and the rules of who may connect where."""

    def __init__(self, version=5, seed=1):
        self.version = version
        self.version_text = "5.2.1" if version >= 5 else "4.0.2"
        self.users = {}
        self.by_name = {}
        self.groups = {}
        self.admins = {}
        self.keys = {}
        self.nodes = {}
        self.started = time.time()
        self.random = random.Random(seed)
        self.disable_delay = (0.040, 0.130)
        self.next_user = 1
        self.other_tags = []
        self.sorted_ids = None

    # -- adding --------------------------------------------------------------------------------

    def add_user(self, username, id=None, **fields):
        if username in self.by_name:
            raise ValueError(f"user {username} exists")
        id = self.next_user if id is None else id
        if id in self.users:
            raise ValueError(f"user id {id} exists")
        self.next_user = max(self.next_user, id + 1)
        if "group_ids" not in fields:
            fields["group_ids"] = list(self.groups)[:1]
        if "admin_id" not in fields:
            fields["admin_id"] = next(iter(self.admins), None)
        if self.version < 5 and fields.get("hwid_limit") is None:
            fields["hwid_limit"] = 0
        user = User(id, username, **fields)
        self.users[id] = self.by_name[username] = user
        self.sorted_ids = None
        self.settle(user, at_once=True)
        return user

    def generate_users(self, count, prefix="user", **fields):
        """`count` users `prefix000001`… with ids in a row."""
        first = self.next_user
        base = time.time() - count
        return [self.add_user(f"{prefix}{first + i:06d}", created_at=base + i, **fields)
                for i in range(count)]

    def remove_user(self, user):
        del self.users[user.id]
        del self.by_name[user.username]
        self.sorted_ids = None

    def users_by_id(self):
        """All users in the order of their ids."""
        if self.sorted_ids is None:
            self.sorted_ids = sorted(self.users)
        return list(map(self.users.__getitem__, self.sorted_ids))

    def add_group(self, name, inbound_tags, id=None, is_disabled=False):
        id = max(self.groups, default=0) + 1 if id is None else id
        self.groups[id] = Group(id, name, inbound_tags, is_disabled)
        return self.groups[id]

    def remove_group(self, id):
        del self.groups[id]
        for user in self.users.values():
            if id in user.group_ids:
                user.group_ids.remove(id)
        self.settle_all()

    def add_admin(self, username, password, role="owner", id=None):
        id = max(self.admins, default=0) + 1 if id is None else id
        self.admins[id] = Admin(id, username, password, role)
        return self.admins[id]

    def add_key(self, name, admin_id=None, id=None, **fields):
        id = max(self.keys, default=0) + 1 if id is None else id
        admin_id = next(iter(self.admins)) if admin_id is None else admin_id
        self.keys[id] = ApiKey(id, admin_id, name, **fields)
        return self.keys[id]

    def add_node(self, name, id=None, **fields):
        id = max(self.nodes, default=0) + 1 if id is None else id
        self.nodes[id] = Node(id, name, **fields)
        return self.nodes[id]

    def admin_named(self, username):
        return next((a for a in self.admins.values() if a.username == username), None)

    # -- who may connect -----------------------------------------------------------------------

    def tags_of(self, user):
        """Inbound tags the nodes give this user: empty when it may not connect at all."""
        if user.status not in ("active", "on_hold"):
            return ()
        tags = {}
        for group_id in user.group_ids:
            group = self.groups.get(group_id)
            if group is not None and not group.is_disabled:
                tags.update(dict.fromkeys(group.inbound_tags))
        return tuple(tags)

    def settle(self, user, at_once=False):
        """Carries a change of the user to the nodes, after the delay a panel needs."""
        now = time.monotonic()
        self.allowed_tags(user, now)
        user.wanted = self.tags_of(user)
        if at_once:
            user.allowed = user.wanted
            user.changes_at = 0.0
        elif user.wanted != user.allowed:
            user.changes_at = now + self.random.uniform(*self.disable_delay)

    def settle_all(self):
        for user in self.users.values():
            self.settle(user)

    def allowed_tags(self, user, now):
        """The tags in force on the nodes at monotonic time `now`."""
        if user.changes_at and now >= user.changes_at:
            user.allowed = user.wanted
            user.changes_at = 0.0
        return user.allowed

    def resolve_status(self, user):
        """What an account that is not disabled is: active, limited, expired."""
        if user.expire is not None and user.expire and user.expire <= time.time():
            return "expired"
        if user.data_limit and user.used_traffic >= user.data_limit:
            return "limited"
        if user.on_hold_expire_duration and user.expire is None and user.online_at is None:
            return "on_hold"
        return "active"

    def touched(self, user):
        """Moves an updated row to the end of the unsorted order, as a heap table does."""
        self.users[user.id] = self.users.pop(user.id)


def laboratory(state):
    """The users, groups, nodes and admins of the recordings (passwords are others)."""
    tags = ["VLESS_TCP_%d", "VMESS_TCP_%d", "TROJAN_TCP_%d", "SS_%d", "VLESS PROXY-proto %d",
            "VLESS_WS_%d"]
    one = [t % 20 for t in tags] + ["VLESS_V6_20"]
    two = [t % 21 for t in tags]
    state.other_tags = ["Shadowsocks TCP"]
    state.add_admin("labowner", "Lab-Owner-1")
    state.add_admin("resell-A", "Lab-Reseller-A", role="operator")
    state.add_admin("resell_b", "Lab-Reseller-B", role="operator")
    state.add_group("all-inbounds", one + two)
    state.add_group("node1 only", one)
    state.add_group("punished", ["VMESS_TCP_20"])
    state.add_node("lab-node-1", inbounds=one, loglevel="info")
    state.add_node("lab-node-2", inbounds=two, connection_type="rest")
    for name, admin, group in (("ali.reza", 1, 1), ("user_02", 1, 1), ("Sara-K", 2, 1),
                               ("12345", 2, 1), ("MiXeD.name_with-all.3", 3, 2), ("2.bob", 3, 1),
                               ("m@il.example", 1, 1), ("load1", 1, 1)):
        state.add_user(name, admin_id=admin, group_ids=[group], note="lab user")


def plain(state, users=0, nodes=1, admin="admin", password="admin-password"):
    """A small panel: one owner, one group with all inbounds, `nodes` nodes, `users` users."""
    state.add_admin(admin, password)
    tags = []
    for i in range(1, nodes + 1):
        mine = [f"VLESS TCP {i}", f"TROJAN WS {i}"]
        tags += mine
        state.add_node(f"node-{i}", inbounds=mine)
    state.add_group("all", tags)
    state.generate_users(users)
