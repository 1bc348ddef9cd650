"""Who asks: JWT-like tokens, API keys, and what each may do."""

import base64
import hashlib
import hmac
import json
import os
import time

from .errors import ApiError
from .state import ROLES


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Caller:
    """An authenticated caller: an admin, through a token or a key."""

    def __init__(self, admin, kind, permissions, is_owner, key=None):
        self.admin = admin
        self.kind = kind
        self.permissions = permissions
        self.is_owner = is_owner
        self.key = key

    def scope(self, area, action):
        """0 no, 1 own users only, 2 all."""
        value = (self.permissions.get(area) or {}).get(action)
        if isinstance(value, dict):
            return int(value.get("scope") or 0)
        return 2 if value else 0


class Auth:
    """Issues and checks tokens. `ttl` seconds are the life of a new token (24 h by default)."""

    def __init__(self, state, ttl=1440 * 60):
        self.state = state
        self.ttl = ttl
        self.secret = os.urandom(32)
        self.issued = {}
        self.failed_logins = 0
        self.logins = 0

    def issue(self, admin):
        now = int(time.time())
        access = "admin" if self.state.version >= 5 or not admin.is_owner else "sudo"
        claims = {"sub": admin.username, "access": access, "iat": now, "aid": admin.id,
                  "exp": now + int(self.ttl)}
        parts = [b64url(json.dumps(part, separators=(",", ":")).encode())
                 for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        token = ".".join(parts)
        token += "." + b64url(self.sign(token))
        self.issued[token] = now + self.ttl
        return token

    def sign(self, text):
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()

    def expire(self, after=0.0):
        """Every token issued so far ends `after` seconds from now."""
        for token in self.issued:
            self.issued[token] = time.time() + after

    def forget(self):
        """A new secret: every token so far is refused."""
        self.secret = os.urandom(32)
        self.issued.clear()

    def token_admin(self, token):
        parts = token.split(".")
        if len(parts) != 3:
            return None
        try:
            if not hmac.compare_digest(b64url_decode(parts[2]), self.sign(".".join(parts[:2]))):
                return None
            claims = json.loads(b64url_decode(parts[1]))
        except ValueError:
            return None
        if self.issued.get(token, claims["exp"]) <= time.time():
            return None
        admin = self.state.admins.get(claims["aid"])
        return admin if admin is not None and admin.username == claims["sub"] else None

    def find_key(self, text):
        if self.state.version < 5:
            return None
        key = next((k for k in self.state.keys.values() if k.key == text), None)
        return key if key is not None and key.usable(time.time()) else None

    def caller(self, headers):
        """The caller of a request, or ApiError 401 with the text of the version."""
        authorization = headers.get("authorization", "")
        scheme, _, credential = authorization.partition(" ")
        scheme = scheme.lower()
        key_text = headers.get("x-api-key")
        if key_text is None and scheme == "apikey":
            key_text = credential.strip()
        if key_text is not None and self.state.version >= 5:
            key = self.find_key(key_text)
            if key is None:
                raise unauthorized("Could not validate credentials")
            return self.key_caller(key)
        if scheme != "bearer" or not credential:
            raise unauthorized("Could not validate credentials" if self.state.version >= 5
                               else "Not authenticated")
        admin = self.token_admin(credential.strip())
        if admin is None:
            raise unauthorized("Could not validate credentials")
        if admin.status == "disabled":
            raise ApiError(403, "your account has been disabled")
        return Caller(admin, "token", ROLES[admin.role]["permissions"], admin.is_owner)

    def key_caller(self, key):
        admin = self.state.admins[key.admin_id]
        if key.inherit:
            return Caller(admin, "key", ROLES[admin.role]["permissions"], admin.is_owner, key)
        return Caller(admin, "key", key.permissions, False, key)

    def need(self, caller, area, action):
        """Raises 403 unless allowed; returns the scope."""
        if self.state.version < 5:
            return self.need_v4(caller, area)
        scope = caller.scope(area, action)
        if scope == 0:
            raise ApiError(403, f"Permission denied: {area}.{action}")
        return scope

    def need_v4(self, caller, area):
        """Panel 4 knows sudo and the rest; the rest have their own users, groups and system."""
        if caller.is_owner:
            return 2
        if area in ("users", "groups", "system", "hwids"):
            return 1
        raise ApiError(403, "You're not allowed")


def unauthorized(text):
    return ApiError(401, text, [("www-authenticate", "Bearer")])
