"""The JSON bodies, key by key in the order of the recordings of panel 5 and panel 4."""

import datetime

from .state import ROLES, uuid_of
from .auth import b64url


def iso(when, zone="Z"):
    """Unix seconds as the panel writes times; None stays None."""
    if when is None:
        return None
    text = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
    return text.strftime("%Y-%m-%dT%H:%M:%S.%f") + zone


def proxy_settings(state, secrets):
    wireguard = {"private_key": None, "public_key": None, "peer_ips": []}
    if state.version < 5:
        wireguard["private_key"] = secrets[10:54]
        wireguard["public_key"] = secrets[60:104]
    return {
        "vmess": {"id": uuid_of(secrets[:32])},
        "vless": {"id": uuid_of(secrets[32:64])},
        "trojan": {"password": secrets[64:96]},
        "shadowsocks": {"password": secrets[96:], "method": "chacha20-ietf-poly1305"},
        "wireguard": wireguard,
        "hysteria": {"auth": secrets[48:80]},
    }


def user(state, user, subscription=True):
    admin = state.admins.get(user.admin_id)
    owner = None
    if admin is not None:
        owner = {"username": admin.username}
        if state.version >= 5:
            owner = {"id": admin.id, **owner}
    url, secrets = "", user.secrets()
    if subscription:
        token = b64url(f"v3,{user.id},{int(user.created_at)}".encode())
        url = f"/sub/{token}.{secrets[20:52]}" if state.version >= 5 \
            else f"/sub/{token}{secrets[20:30]}"
    return {
        "proxy_settings": proxy_settings(state, secrets),
        "expire": iso(user.expire) if user.expire else None,
        "data_limit": user.data_limit,
        "data_limit_reset_strategy": user.data_limit_reset_strategy,
        "note": user.note,
        "on_hold_expire_duration": user.on_hold_expire_duration,
        "on_hold_timeout": iso(user.on_hold_timeout) if user.on_hold_timeout else None,
        "group_ids": list(user.group_ids),
        "auto_delete_in_days": user.auto_delete_in_days,
        "hwid_limit": user.hwid_limit,
        "next_plan": None,
        "id": user.id,
        "username": user.username,
        "status": user.status,
        "used_traffic": user.used_traffic,
        "lifetime_used_traffic": user.lifetime_used_traffic,
        "created_at": iso(user.created_at),
        "edit_at": iso(user.edit_at),
        "online_at": iso(user.online_at),
        "subscription_url": url,
        "admin": owner,
    }


def simple_user(user):
    return {"id": user.id, "username": user.username}


NODE_CA = "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n"


def node(node):
    up = node.status == "connected"
    version = node.version if up else ""
    return {
        "name": node.name, "address": node.address, "port": node.port,
        "api_port": node.port + 1, "usage_coefficient": 1.0,
        "connection_type": node.connection_type, "server_ca": NODE_CA, "keep_alive": 60,
        "core_config_id": node.id + 1, "api_key": "00000000-0000-4000-8000-000000000000",
        "data_limit": 0, "data_limit_reset_strategy": "no_reset", "reset_time": -1,
        "default_timeout": 10, "internal_timeout": 15, "proxy_url": "", "id": node.id,
        "xray_version": version, "node_version": "0.5.2" if up else "",
        "status": node.status, "message": node.message, "uplink": node.uplink,
        "downlink": node.downlink, "lifetime_uplink": node.uplink,
        "lifetime_downlink": node.downlink, "core_version": version,
    }


def simple_node(node):
    return {"id": node.id, "name": node.name, "status": node.status}


def realtime(node, now):
    return {"mem_total": 25274793984, "mem_used": 1430171648, "cpu_cores": 2, "cpu_usage": 12.5,
            "incoming_bandwidth_speed": 0, "outgoing_bandwidth_speed": 0,
            "uptime": int(now - node.started)}


def group(state, group):
    total = sum(1 for u in state.users.values() if group.id in u.group_ids)
    return {"name": group.name, "inbound_tags": group.inbound_tags,
            "is_disabled": group.is_disabled, "id": group.id, "total_users": total}


def admin(state, admin):
    users = [u for u in state.users.values() if u.admin_id == admin.id]
    used = sum(u.used_traffic for u in users)
    if state.version < 5:
        return {"username": admin.username, "telegram_id": None, "discord_webhook": None,
                "sub_domain": None, "profile_title": None, "support_url": None,
                "notification_enable": None, "id": admin.id, "is_sudo": admin.is_owner,
                "total_users": len(users), "used_traffic": used,
                "is_disabled": admin.status == "disabled", "discord_id": None,
                "sub_template": None, "lifetime_used_traffic": used, "note": None}
    return {"id": admin.id, "username": admin.username, "telegram_id": None,
            "discord_webhook": None, "sub_domain": None, "profile_title": None,
            "support_url": None, "custom_variables": [], "notification_enable": None,
            "total_users": len(users), "used_traffic": used, "data_limit": None,
            "status": admin.status, "sub_template": None, "lifetime_used_traffic": used,
            "note": None, "role": ROLES[admin.role], "permission_overrides": None,
            "is_disabled": admin.status == "disabled", "is_limited": admin.status == "limited"}


def key(key, now, show=False):
    """An API key; the key itself only in the answers of create and revoke."""
    out = {
        "name": key.name, "note": key.note, "permissions": permissions(key.permissions),
        "inherit_permissions": key.inherit, "expire_date": iso(key.expire),
        "id": key.id, "admin_id": key.admin_id, "created_at": iso(key.created_at, ""),
        "api_key_trimmed": f"{key.key[:10]}***{key.key[-3:]}",
        "revoked_at": iso(key.revoked_at, ""), "status": "active",
        "is_expired": key.expire is not None and key.expire <= now,
    }
    if show:
        out["api_key"] = key.key
    return out


def permissions(given):
    """Permissions of a key with every area and action named, as the panel stores them."""
    out = {}
    for area, actions in ROLES["owner"]["permissions"].items():
        mine = given.get(area)
        out[area] = None if mine is None else {a: mine.get(a) for a in actions}
    return out


ONLINE_SECONDS = 120


def system(state, users, now):
    """GET /api/system for the users the caller may see."""
    count = dict.fromkeys(("active", "on_hold", "disabled", "expired", "limited"), 0)
    online = 0
    for u in users:
        count[u.status] += 1
        online += u.online_at is not None and now - u.online_at < ONLINE_SECONDS
    machine = {"version": state.version_text, "uptime_seconds": int(now - state.started),
               "mem_total": 25274793984, "mem_used": 1108312064, "disk_total": 270553174016,
               "disk_used": 16576000000, "cpu_cores": 2, "cpu_usage": 0.0}
    people = {"total_user": len(users), "online_users": online, "active_users": count["active"],
              "on_hold_users": count["on_hold"], "disabled_users": count["disabled"],
              "expired_users": count["expired"], "limited_users": count["limited"],
              "incoming_bandwidth": sum(n.uplink for n in state.nodes.values()),
              "outgoing_bandwidth": sum(n.downlink for n in state.nodes.values())}
    return {**people, **machine} if state.version >= 5 else {**machine, **people}, people, machine
