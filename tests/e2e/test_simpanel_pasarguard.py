"""The simulator under a client nobody here wrote: PyPI's `pasarguard`, made for panel 5."""

import asyncio
import ssl

import httpx
import pytest

pasarguard = pytest.importorskip("pasarguard")
from pasarguard import models  # noqa: E402


def talk(sim, body, **auth):
    """Runs `await body(api)` with a client that verifies the simulator's certificate."""
    async def main():
        context = ssl.create_default_context(cafile=sim.cert)
        async with pasarguard.PasarguardAPI(sim.url, verify=context, trust_env=False,
                                            **auth) as api:
            return await body(api)
    return asyncio.run(main())


async def signed_in(api):
    token = await api.get_token("labowner", "Lab-Owner-1")
    return token.access_token


@pytest.fixture
def lab(panel):
    return panel(lab=True)


def test_users(lab):
    async def body(api):
        token = await signed_in(api)
        users = await api.get_users(token=token, sort="id")
        assert users.total == 8 and [u.id for u in users.users] == list(range(1, 9))
        page = await api.get_users(token=token, sort="id", offset=2, limit=3)
        assert [u.username for u in page.users] == ["Sara-K", "12345", "MiXeD.name_with-all.3"]
        assert (await api.get_users(token=token, admin=["resell-A"])).total == 2
        assert (await api.get_users(token=token, group=[2])).users[0].id == 5
        simple = await api.get_users_simple(token=token, sort="id")
        assert simple.users[3].username == "12345" and simple.total == 8
        one = await api.get_user("ali.reza", token=token)
        assert one.id == 1 and one.status == "active" and one.group_ids == [1]
        assert one.admin.username == "labowner" and one.hwid_limit is None
        assert (await api.get_user_by_id(6, token=token)).username == "2.bob"
        with pytest.raises(httpx.HTTPStatusError) as error:
            await api.get_user("nobody.here", token=token)
        assert error.value.response.status_code == 404
    talk(lab, body)


def test_changing_users(lab):
    async def body(api):
        token = await signed_in(api)
        changed = await api.modify_user_by_id(
            2, models.UserModify(status="disabled", note="by test"), token=token)
        assert (changed.status, changed.note) == ("disabled", "by test")
        changed = await api.modify_user("user_02", models.UserModify(status="active"), token=token)
        assert changed.status == "active" and changed.edit_at is not None
        changed = await api.modify_user_by_id(2, models.UserModify(group_ids=[3]), token=token)
        assert changed.group_ids == [3]
        toggle = models.UserStatusToggle(disabled=True)
        assert (await api.set_user_disabled_by_id(2, toggle, token=token)).status == "disabled"
        toggle = models.UserStatusToggle(disabled=False)
        assert (await api.set_user_disabled("user_02", toggle, token=token)).status == "active"
        both = models.BulkUsersSelection(ids=[2, 4])
        assert (await api.bulk_disable_users(both, token=token)).count == 2
        assert (await api.bulk_enable_users(both, token=token)).users == ["user_02", "12345"]
        before = (await api.get_user_by_id(8, token=token)).proxy_settings.vless.id
        revoked = await api.revoke_user_subscription_by_id(8, token=token)
        assert revoked.proxy_settings.vless.id != before
        made = await api.create_user(models.UserCreate(username="new.one", group_ids=[1]),
                                     token=token)
        assert made.id == 9
        await api.remove_user("new.one", token=token)
        assert (await api.get_users(token=token)).total == 8
        with pytest.raises(httpx.HTTPStatusError) as error:
            await api.modify_user_by_id(2, models.UserModify(group_ids=[99]), token=token)
        assert error.value.response.json() == {"detail": "Group not found"}
    talk(lab, body)


def test_nodes_groups_admins_system(lab):
    lab.online(1, 1, {"203.0.113.7": 1795448496, "2001:db8::77": None})

    async def body(api):
        token = await signed_in(api)
        nodes = await api.get_nodes(token=token, enabled=True)
        assert nodes.total == 2 and nodes.nodes[0].status == "connected"
        assert (await api.get_node(2, token=token)).name == "lab-node-2"
        assert (await api.get_nodes_simple(token=token)).total == 2
        online = await api.user_online_ip_list_all_nodes(1, token=token)
        assert set(online.nodes["1"].ips) == {"203.0.113.7", "[2001:db8::77]"}
        assert await api.user_online_stats(1, 1, token=token) == {"1": 2}
        assert (await api.user_online_ip_list(1, 1, token=token)).ips["203.0.113.7"] == 1795448496
        await api.reconnect_node(1, token=token)
        bulk = models.BulkNodeSelection(ids=[2])
        assert (await api.bulk_disable_nodes(bulk, token=token)).count == 1
        assert (await api.get_nodes(token=token, enabled=True)).total == 1
        assert (await api.bulk_enable_nodes(bulk, token=token)).nodes == ["lab-node-2"]
        groups = await api.get_all_groups(token=token)
        assert groups.total == 3 and groups.groups[0].total_users == 7
        assert (await api.get_group(3, token=token)).name == "punished"
        admins = await api.get_admins(token=token)
        assert [a.username for a in admins.admins] == ["labowner", "resell-A", "resell_b"]
        assert (await api.get_current_admin(token=token)).role.is_owner
        system = await api.get_system_stats(token=token)
        assert system.version == "5.2.1" and system.total_user == 8
        assert await api.health() == {"status": "ok"}
    talk(lab, body)


def test_api_keys(lab):
    permissions = {"users": {"read": {"scope": 2}}, "nodes": {"read": True}}

    async def make(api):
        token = await signed_in(api)
        made = await api.create_api_key(models.APIKeyCreate(
            name="limiter", inherit_permissions=False,
            permissions=models.RolePermissions(**permissions)), token=token)
        assert (await api.list_api_keys(token=token)).total == 1
        return made.api_key

    async def use(api):
        assert (await api.get_users()).total == 8
        assert (await api.get_nodes()).total == 2
        with pytest.raises(httpx.HTTPStatusError) as error:
            await api.get_all_groups()
        assert error.value.response.json() == {"detail": "Permission denied: groups.read"}

    talk(lab, use, api_key=talk(lab, make))


def test_wrong_password(lab):
    async def body(api):
        with pytest.raises(httpx.HTTPStatusError) as error:
            await api.get_token("labowner", "wrong")
        assert error.value.response.status_code == 401
    talk(lab, body)
    assert lab.get("/info")["failed_logins"] == 1
