"""The user name and password of a calendar's server: sent as they are, or as a digest where it asks for that (RFC 7617, RFC 7616)."""

import hashlib
import re
import secrets
from base64 import b64encode
from urllib.parse import urlsplit

PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
SCHEME = re.compile(r"(?:^|,)\s*(basic|digest)(?=[\s,]|$)", re.IGNORECASE)
# The server chooses; both spellings of the first occur.
HASHES = {"": hashlib.md5, "MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Login:
    """What goes into the header `Authorization`. For one server."""

    def __init__(self, username: str, password: str) -> None:
        self._username, self._password = username, password
        self._challenge: dict[str, str] = {}
        self._count = 0

    def header(self, method: str, url: str) -> str:
        if self._challenge:
            return self.digest(method, url, secrets.token_hex(8))
        both = f"{self._username}:{self._password}".encode()
        return f"Basic {b64encode(both).decode()}"

    def learn(self, challenge: str) -> bool:
        """Whether `WWW-Authenticate` asks for something else than what was sent: a digest at all, or one of a fresh nonce."""
        asks = {found[1].lower(): found.end() for found in SCHEME.finditer(challenge)}
        if "digest" not in asks or ("basic" in asks and not self._challenge):
            return False
        given = {
            name.lower(): quoted or plain
            for name, quoted, plain in reversed(PARAMETER.findall(challenge[asks["digest"] :]))
        }
        is_news = not self._challenge or given.get("stale", "").lower() == "true"
        if not is_news or given.get("algorithm", "").upper() not in HASHES or not given.get("nonce"):
            return False
        self._challenge, self._count = given, 0
        return True

    def digest(self, method: str, url: str, client_nonce: str) -> str:
        """The header once a digest is asked for."""
        self._count += 1
        asked, parts = self._challenge, urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        realm, nonce, count = asked.get("realm", ""), asked["nonce"], f"{self._count:08x}"
        who = self._hash(f"{self._username}:{realm}:{self._password}")
        what = self._hash(f"{method}:{target}")
        fields = {"username": self._username, "realm": realm, "nonce": nonce, "uri": target}
        rest = ""
        if asked.get("qop"):
            fields["response"] = self._hash(f"{who}:{nonce}:{count}:{client_nonce}:auth:{what}")
            rest = f', qop=auth, nc={count}, cnonce="{client_nonce}"'
        else:
            fields["response"] = self._hash(f"{who}:{nonce}:{what}")
        fields |= {name: asked[name] for name in ("opaque",) if name in asked}
        if "algorithm" in asked:
            rest += f", algorithm={asked['algorithm']}"
        return "Digest " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in fields.items()) + rest

    def _hash(self, text: str) -> str:
        return HASHES[self._challenge.get("algorithm", "").upper()](text.encode()).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
