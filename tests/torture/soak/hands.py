"""What people do to accounts meanwhile, in the panel: each tells the world what they want from then on."""

SETTLED_S = 60.0  # an account is touched only when the limiter's own call is long over
DUE_S = 300.0


def taken(soak):
    """Accounts the limiter has disabled for a while, with their terms far from either end."""
    world, now = soak.world, soak.clock.now()
    last = {}
    for change in world.changes[-3000:]:
        last[change.user] = change
    return [c.user for c in last.values()
            if not c.hand and c.user in world.panel.state.users and c.user in world.truth
            and c.after != world.truth[c.user] and SETTLED_S < now - c.at < DUE_S]


def honest(soak, rng, **wanted):
    """An account nobody has touched, as people want it to be."""
    world = soak.world
    ids = rng.sample(list(world.panel.state.users), min(40, len(world.panel.state.users)))
    for id in ids:
        user = world.panel.state.users[id]
        if (id in world.cast.users and not world.cast.guilty(id)
                and world.look(user) == world.truth[id] and user.status == "active"):
            return user
    return None


def hand(function):
    """A deed on the panel's loop; `function(soak, rng)` gives its text, or None when it could not be done."""
    def trouble(soak, rng):
        text = soak.world.on_loop(function, soak, rng)
        return text, 0
    trouble.__name__ = function.__name__
    return trouble


def one_taken(soak, rng):
    found = taken(soak)
    return soak.world.panel.state.users[rng.choice(found)] if found else None


@hand
def disabled(soak, rng):
    user = honest(soak, rng)
    if user:
        soak.world.wanted(user, status="disabled")
        soak.later.append((soak.clock.now() + rng.uniform(600, 7200), user.id))
        return "an honest account disabled by hand"


@hand
def enabled_again(soak, rng):
    now = soak.clock.now()
    for item in [i for i in soak.later if i[0] <= now]:
        soak.later.remove(item)
        user = soak.world.panel.state.users.get(item[1])
        if user and user.status == "disabled":
            soak.world.wanted(user, status="active")
            return "an account disabled by hand enabled again"


@hand
def pardoned(soak, rng):
    user = one_taken(soak, rng)
    if user:
        status, groups = soak.world.truth[user.id]
        soak.world.wanted(user, status="active", group_ids=list(groups))
        return "a punished account enabled by hand"


@hand
def disabled_more(soak, rng):
    user = one_taken(soak, rng)
    if user:
        groups = soak.world.truth[user.id][1]
        soak.world.wanted(user, status="disabled", group_ids=list(groups))
        return "a punished account disabled by hand as well"


@hand
def edited(soak, rng):
    user = one_taken(soak, rng)
    if user:
        user.note = f"paid {rng.randrange(1000)}"
        user.data_limit = rng.randrange(1, 50) * 10**9 + user.used_traffic
        user.edit_at = soak.clock.now()
        return "a punished account edited"


@hand
def deleted(soak, rng):
    world = soak.world
    user = (one_taken(soak, rng) if rng.random() < 0.3 else None) or honest(soak, rng)
    if user:
        world.panel.state.remove_user(user)
        for known in (world.truth, world.known, world.cast.users):
            known.pop(user.id, None)
        world.gone.add(user.id)
        return "an account deleted"


@hand
def renamed(soak, rng):
    state = soak.world.panel.state
    user = (one_taken(soak, rng) if rng.random() < 0.3 else None) or honest(soak, rng)
    if user:
        del state.by_name[user.username]
        user.username = f"renamed{user.id}-{rng.randrange(1000)}"
        state.by_name[user.username] = user
        user.edit_at = soak.clock.now()
        return "an account renamed"


@hand
def created(soak, rng):
    world = soak.world
    kind = "sharer" if rng.random() < 0.3 else None
    with world.by_hand():
        user = world.panel.state.add_user(f"fresh{rng.randrange(10**9)}", group_ids=[1],
                                          created_at=soak.clock.now())
    world.known[user.id] = world.truth[user.id] = world.look(user)
    world.cast.add(user.id, kind)
    return "an account created"


@hand
def regrouped(soak, rng):
    user = honest(soak, rng)
    if user:
        soak.world.wanted(user, group_ids=rng.choice(([1], [2], [1, 2])))
        return "an honest account given other groups"


@hand
def outlived(soak, rng):
    user = honest(soak, rng)
    if user:
        soak.world.wanted(user, status="limited", data_limit=1)
        return "an account's traffic used up"


def limited(soak, rng):
    """A limit or an exception of the limiter's own, for somebody it does not concern."""
    user = soak.world.on_loop(lambda: honest(soak, rng))
    if not user:
        return None, 0
    if rng.random() < 0.7:
        soak.ask("/users/limits", {"username": f"id:{user.id}", "limit": rng.randint(2, 9)})
        return "a limit set", 0
    soak.ask("/users/except", {"username": f"id:{user.id}", "reason": "soak"})
    return "an exception made", 0


TABLE = (disabled, enabled_again, enabled_again, pardoned, pardoned, disabled_more, edited, deleted,
         renamed, created, regrouped, outlived, limited)

