"""Users: lists and pages, one user, changes, disabling."""

import datetime
import re
import time

from . import views
from .app import Route, dumps
from .errors import ApiError, NOT_AN_INT, boolean, integer, invalid
from .http import Response
from .state import USER_STATUSES

STATUS_TEXT = ("Value error, ('status must be in', {<UserStatus.disabled: 'disabled'>, "
               "<UserStatus.active: 'active'>, <UserStatus.on_hold: 'on_hold'>})")
STATUS_ENUM = "Input should be 'active', 'disabled', 'limited', 'expired' or 'on_hold'"
SORTS = ("id", "username", "used_traffic", "data_limit", "expire", "created_at", "edit_at",
         "online_at", "status")


# -- finding -----------------------------------------------------------------------------------

def find(panel, call):
    """The user of the path, or 404 (panel 4: 403) when it is gone or another admin's."""
    params, state = call.params, panel.state
    if "user_id" in params:
        user = state.users.get(integer("user_id", params["user_id"]))
    else:
        user = state.by_name.get(params["username"])
    if user is None:
        raise ApiError(404, "User not found")
    if call.scope < 2 and user.admin_id != call.caller.admin.id:
        raise ApiError(404, "User not found") if state.version >= 5 \
            else ApiError(403, "You're not allowed")
    return user


def visible(panel, call, by_id=False):
    users = panel.state.users_by_id() if by_id else list(panel.state.users.values())
    if call.scope < 2:
        mine = call.caller.admin.id
        return [u for u in users if u.admin_id == mine]
    return users


def ordered(users, sort):
    for key in reversed(sort.split(",")):
        field = key.lstrip("-")
        if field not in SORTS:
            raise ApiError(400, f"Value error, '{key}' is not a valid UserSortOption")
        users.sort(key=lambda u: sort_key(getattr(u, field)), reverse=key.startswith("-"))
    return users


def sort_key(value):
    return (value is not None, value)


def filtered(panel, call, users):
    now = time.time()
    ids = {integer("ids", i) for i in call.queries("ids")}
    names = {*call.queries("username"), *call.queries("usernames")}
    admins = set(call.queries("admin"))
    admin_ids = {integer("admin_ids", i) for i in call.queries("admin_ids")}
    groups = {integer("group", i) for i in call.queries("group")}
    statuses = set(call.queries("status"))
    if statuses - set(USER_STATUSES):
        raise ApiError(422, {"str-enum[UserStatus]": STATUS_ENUM, "0": STATUS_ENUM})
    search = call.query("search", "").lower()
    online = boolean("online", call.query("online", "false"))
    if ids:
        users = [u for u in users if u.id in ids]
    if names:
        users = sorted((u for u in users if u.username in names), key=lambda u: u.username)
    if admins:
        admin_ids |= {a.id for a in panel.state.admins.values() if a.username in admins} or {-1}
    if admin_ids:
        users = [u for u in users if u.admin_id in admin_ids]
    if groups:
        users = [u for u in users if groups.intersection(u.group_ids)]
    if statuses:
        users = [u for u in users if u.status in statuses]
    if search:
        users = [u for u in users if search in u.username.lower()
                 or search in (u.note or "").lower()]
    if online:
        users = [u for u in users
                 if u.online_at is not None and now - u.online_at < views.ONLINE_SECONDS]
    return users


def paged(call, users):
    offset = integer("offset", call.query("offset", "0"))
    limit = integer("limit", call.query("limit", "0"))
    return users[offset:offset + limit] if limit else users[offset:]


async def users(panel, call):
    sort = call.query("sort")
    found = filtered(panel, call, visible(panel, call, sort == "id"))
    if sort and (sort != "id" or call.queries("username") or call.queries("usernames")):
        found = ordered(found, sort)
    subscription = boolean("load_sub", call.query("load_sub", "false"))
    shown = [views.user(panel.state, u, subscription) for u in paged(call, found)]
    return {"users": shown, "total": len(found)}


async def users_simple(panel, call):
    sort = call.query("sort") or "username"
    found = filtered(panel, call, visible(panel, call, sort == "id"))
    if sort != "id" or call.queries("usernames"):
        found = ordered(found, sort)
    return {"users": [views.simple_user(u) for u in paged(call, found)], "total": len(found)}


async def user_one(panel, call):
    return views.user(panel.state, find(panel, call))


# -- changing ----------------------------------------------------------------------------------

def moment(value):
    if isinstance(value, (int, float)):
        return float(value) or None
    text = value.replace("Z", "+00:00")
    when = datetime.datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return when.timestamp()


def checked(body):
    """The fields of a UserModify or UserCreate body that are set, or 422 for all bad ones."""
    out, bad = {}, {}
    for name in ("note", "status", "group_ids", "hwid_limit", "data_limit", "expire",
                 "on_hold_expire_duration", "on_hold_timeout", "auto_delete_in_days",
                 "data_limit_reset_strategy"):
        value = body.get(name)
        if value is None:
            if name in body and name == "hwid_limit":
                out[name] = None
            continue
        if name == "status":
            if value not in ("active", "disabled", "on_hold"):
                bad[name] = STATUS_TEXT
                continue
        elif name == "note":
            if not isinstance(value, str):
                bad[name] = "Input should be a valid string"
            elif len(value) > 500:
                bad[name] = "String should have at most 500 characters"
        elif name == "group_ids":
            if not isinstance(value, list):
                bad[name] = "Input should be a valid list"
                continue
            for i, item in enumerate(value):
                if isinstance(item, bool) or not isinstance(item, int):
                    bad[str(i)] = NOT_AN_INT
        elif name in ("expire", "on_hold_timeout"):
            try:
                value = moment(value)
            except (ValueError, AttributeError):
                bad[name] = "Input should be a valid datetime or timestamp"
        elif name != "data_limit_reset_strategy":
            if isinstance(value, bool) or not isinstance(value, int):
                bad[name] = NOT_AN_INT
            elif value < 0:
                bad[name] = "Input should be greater than or equal to 0"
        out[name] = value
    if bad:
        raise ApiError(422, bad)
    return out


def check_groups(panel, ids):
    if any(i not in panel.state.groups for i in ids):
        raise ApiError(404, "Group not found")


async def modify(panel, call):
    fields = checked(call.json)
    state, user = panel.state, find(panel, call)
    if "group_ids" in fields:
        check_groups(panel, fields["group_ids"])
        if not fields["group_ids"] and state.version < 5:
            del fields["group_ids"]
    for name, value in fields.items():
        setattr(user, name, value)
    user.edit_at = time.time()
    state.touched(user)
    state.settle(user)
    return views.user(state, user)


async def set_disabled(panel, call):
    if "disabled" not in call.json:
        raise invalid(disabled="Field required")
    value = call.json["disabled"]
    if not isinstance(value, bool):
        value = boolean("disabled", str(value))
    user = find(panel, call)
    change_disabled(panel.state, user, value)
    return views.user(panel.state, user)


def change_disabled(state, user, disabled):
    """True when it changed anything; leaves `edit_at` alone, unlike a PUT of the status."""
    if disabled == (user.status == "disabled"):
        return False
    user.status = "disabled" if disabled else state.resolve_status(user)
    state.touched(user)
    state.settle(user)
    return True


def bulk(disabled):
    async def handler(panel, call):
        ids = call.json.get("ids", [])
        if not isinstance(ids, list):
            raise invalid(ids="Input should be a valid set")
        if not ids:
            raise invalid(ids="Value error, you must select at least one user")
        found = [panel.state.users.get(i) for i in dict.fromkeys(ids)]
        mine = call.caller.admin.id
        if any(u is None or (call.scope < 2 and u.admin_id != mine) for u in found):
            raise ApiError(404, "User not found")
        names = [u.username for u in found if change_disabled(panel.state, u, disabled)]
        return {"users": names, "count": len(names)}
    return handler


async def create(panel, call):
    body, state = call.json, panel.state
    name = body.get("username")
    if not isinstance(name, str):
        raise invalid(username="Field required")
    if not 3 <= len(name) <= 128:
        raise invalid(username="Value error, Username only can be 3 to 128 characters.")
    if not re.fullmatch(r"[A-Za-z0-9_@.-]+", name):
        raise invalid(username="Value error, Username can only contain alphanumeric characters, "
                               "-, _, @, and .")
    if re.search(r"[_@.-]{2}", name):
        raise invalid(username="Value error, Username cannot have consecutive special characters")
    fields = checked(body)
    check_groups(panel, fields.get("group_ids", []))
    if name in state.by_name:
        raise ApiError(409, "User already exists")
    fields.setdefault("group_ids", [])
    user = state.add_user(name, admin_id=call.caller.admin.id, **fields)
    return Response(201, dumps(views.user(state, user)))


async def remove(panel, call):
    user = find(panel, call)
    panel.state.remove_user(user)
    return Response(204)


async def revoke_sub(panel, call):
    user = find(panel, call)
    user.revision += 1
    return views.user(panel.state, user)


async def reset(panel, call):
    user = find(panel, call)
    user.used_traffic = 0
    if user.status == "limited":
        user.status = panel.state.resolve_status(user)
        panel.state.settle(user)
    return views.user(panel.state, user)


async def set_owner(panel, call):
    admin = panel.state.admin_named(call.query("admin_username", ""))
    user = find(panel, call)
    if admin is None:
        raise ApiError(404, "Admin not found")
    user.admin_id = admin.id
    return views.user(panel.state, user)


async def hwids(panel, call):
    find(panel, call)
    return {"hwids": [], "count": 0}


def by_all_names(method, tail, handler, need, **more):
    """A route by name, by-username and by-id, as the panel has them."""
    return [Route(method, f"/api/user/{kind}{tail}", handler, need, **more)
            for kind in ("by-id/{user_id}", "by-username/{username}", "{username}")]


READ, UPDATE = ("users", "read"), ("users", "update")

ROUTES = [
    Route("GET", "/api/users", users, READ),
    Route("GET", "/api/users/simple", users_simple, ("users", "read_simple")),
    Route("POST", "/api/users/bulk/disable", bulk(True), UPDATE, body=True),
    Route("POST", "/api/users/bulk/enable", bulk(False), UPDATE, body=True),
    Route("POST", "/api/user", create, ("users", "create"), body=True),
    Route("GET", "/api/user/{user_id}/hwids", hwids, ("hwids", "read")),
    *by_all_names("PUT", "/disabled", set_disabled, UPDATE, body=True, since=5),
    *by_all_names("POST", "/revoke_sub", revoke_sub, ("users", "revoke_sub")),
    *by_all_names("POST", "/reset", reset, ("users", "reset_usage")),
    *by_all_names("PUT", "/set_owner", set_owner, ("users", "set_owner")),
    *by_all_names("PUT", "", modify, UPDATE, body=True),
    *by_all_names("DELETE", "", remove, ("users", "delete")),
    *by_all_names("GET", "", user_one, READ),
]
