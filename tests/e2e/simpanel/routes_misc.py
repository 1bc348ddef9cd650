"""Login, admins, API keys, groups, system, health."""

import asyncio
import datetime
import time
from urllib.parse import parse_qs

from . import views
from .app import Route, dumps
from .auth import unauthorized
from .errors import ApiError, integer, invalid
from .http import Response
from .routes_nodes import page
from .state import ROLES


async def health(panel, call):
    return {"status": "ok"}


async def token(panel, call):
    form = {}
    if "application/x-www-form-urlencoded" in call.request.headers.get("content-type", ""):
        form = parse_qs(call.request.body.decode("utf-8", "replace"), keep_blank_values=True)
    missing = {n: "Field required" for n in ("username", "password") if not form.get(n)}
    if missing:
        raise ApiError(422, missing)
    admin = panel.state.admin_named(form["username"][-1])
    if admin is not None and panel.login_delay:
        await asyncio.sleep(panel.login_delay)
    if admin is None or admin.password != form["password"][-1]:
        panel.auth.failed_logins += 1
        raise unauthorized("Incorrect username or password")
    if admin.status == "disabled":
        raise ApiError(403, "your account has been disabled")
    panel.auth.logins += 1
    return {"access_token": panel.auth.issue(admin), "token_type": "bearer"}


# -- admins ------------------------------------------------------------------------------------

async def admin_me(panel, call):
    return views.admin(panel.state, call.caller.admin)


async def admins(panel, call):
    found = list(panel.state.admins.values())
    if not call.caller.is_owner:
        found = [a for a in found if not a.is_owner]
    out = {"admins": [views.admin(panel.state, a) for a in page(call, found)],
           "total": len(found),
           "active": sum(a.status == "active" for a in found),
           "disabled": sum(a.status == "disabled" for a in found)}
    if panel.state.version >= 5:
        out["limited"] = sum(a.status == "limited" for a in found)
    return out


async def admins_simple(panel, call):
    found = list(panel.state.admins.values())
    shown = [{"id": a.id, "username": a.username} for a in page(call, found)]
    return {"admins": shown, "total": len(found)}


async def roles_simple(panel, call):
    shown = [{"id": r["id"], "name": r["name"], "is_owner": r["is_owner"]} for r in ROLES.values()]
    return {"roles": shown, "total": len(shown)}


# -- API keys ----------------------------------------------------------------------------------

def key_of(panel, call):
    key = panel.state.keys.get(integer("key_id", call.params["key_id"]))
    if key is None:
        raise ApiError(404, "API key not found")
    return key


async def key_create(panel, call):
    body = call.json
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid(name="Field required")
    expire = body.get("expire_date")
    if expire is not None:
        expire = datetime.datetime.fromisoformat(expire.replace("Z", "+00:00")).timestamp()
    key = panel.state.add_key(name, admin_id=body.get("admin_id") or call.caller.admin.id,
                              inherit=body.get("inherit_permissions", True),
                              permissions=body.get("permissions"), note=body.get("note"),
                              expire=expire)
    return Response(201, dumps(views.key(key, time.time(), show=True)))


async def key_one(panel, call):
    return views.key(key_of(panel, call), time.time())


async def key_list(panel, call):
    found = sorted(panel.state.keys.values(), key=lambda k: -k.id)
    return {"api_keys": [views.key(k, time.time()) for k in page(call, found)],
            "total": len(found)}


async def key_revoke(panel, call):
    key = key_of(panel, call)
    key.revoke(time.time())
    return views.key(key, time.time(), show=True)


async def key_delete(panel, call):
    del panel.state.keys[key_of(panel, call).id]
    return Response(204, content_type=None)


# -- groups ------------------------------------------------------------------------------------

async def groups(panel, call):
    found = list(panel.state.groups.values())
    return {"groups": [views.group(panel.state, g) for g in page(call, found)],
            "total": len(found)}


async def groups_simple(panel, call):
    found = list(panel.state.groups.values())
    return {"groups": [{"id": g.id, "name": g.name} for g in page(call, found)],
            "total": len(found)}


def group_of(panel, call):
    group = panel.state.groups.get(integer("group_id", call.params["group_id"]))
    if group is None:
        raise ApiError(404, "Group not found")
    return group


async def group_one(panel, call):
    return views.group(panel.state, group_of(panel, call))


async def group_delete(panel, call):
    panel.state.remove_group(group_of(panel, call).id)
    return Response(204)


def bulk_groups(add):
    async def handler(panel, call):
        state, wanted = panel.state, call.json.get("group_ids") or []
        if any(g not in state.groups for g in wanted):
            raise ApiError(404, "Group not found")
        ids = call.json.get("users") or list(state.users)
        hit = [state.users[i] for i in ids if i in state.users and any(
            (g in state.users[i].group_ids) != add for g in wanted)]
        if call.json.get("dry_run"):
            return {"dry_run": True, "affected_users": len(hit)}
        for user in hit:
            if add:
                user.group_ids += [g for g in wanted if g not in user.group_ids]
            else:
                user.group_ids = [g for g in user.group_ids if g not in wanted]
            state.settle(user)
        return {"detail": f"operation has been successfuly done on {len(hit)} users"}
    return handler


# -- system ------------------------------------------------------------------------------------

async def system_part(panel, call, part):
    users = panel.state.users.values()
    if not call.caller.is_owner and call.caller.scope("users", "read") < 2:
        users = [u for u in users if u.admin_id == call.caller.admin.id]
    return views.system(panel.state, list(users), time.time())[part]


async def system(panel, call):
    return await system_part(panel, call, 0)


async def system_users(panel, call):
    return await system_part(panel, call, 1)


async def system_resources(panel, call):
    return await system_part(panel, call, 2)


async def inbounds(panel, call):
    tags = dict.fromkeys(panel.state.other_tags)
    tags.update(dict.fromkeys(t for g in panel.state.groups.values() for t in g.inbound_tags))
    return list(tags)


KEYS = ("api_keys", "read")

ROUTES = [
    Route("GET", "/health", health, open=True),
    Route("POST", "/api/admin/token", token, open=True),
    Route("GET", "/api/admin", admin_me),
    Route("GET", "/api/admins", admins, ("admins", "read")),
    Route("GET", "/api/admins/simple", admins_simple, ("admins", "read_simple")),
    Route("GET", "/api/admin-roles/simple", roles_simple, ("admin_roles", "read_simple"), since=5),
    Route("POST", "/api/api_key", key_create, ("api_keys", "create"), body=True, since=5),
    Route("GET", "/api/api_keys", key_list, KEYS, since=5),
    Route("GET", "/api/api_key/{key_id}", key_one, KEYS, since=5),
    Route("DELETE", "/api/api_key/{key_id}", key_delete, ("api_keys", "delete"), since=5),
    Route("POST", "/api/api_key/{key_id}/revoke", key_revoke, ("api_keys", "update"), since=5),
    Route("GET", "/api/groups", groups, ("groups", "read")),
    Route("GET", "/api/groups/simple", groups_simple, ("groups", "read_simple")),
    Route("GET", "/api/group/{group_id}", group_one, ("groups", "read")),
    Route("DELETE", "/api/group/{group_id}", group_delete, ("groups", "delete")),
    Route("POST", "/api/groups/bulk/add", bulk_groups(True), ("groups", "update"), body=True),
    Route("POST", "/api/groups/bulk/remove", bulk_groups(False), ("groups", "update"), body=True),
    Route("GET", "/api/system", system, ("system", "read")),
    Route("GET", "/api/system/users", system_users, ("system", "read"), since=5),
    Route("GET", "/api/system/resources", system_resources, ("system", "read"), since=5),
    Route("GET", "/api/inbounds", inbounds, ("system", "read")),
]
