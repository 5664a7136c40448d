"""Asking somebody for Google's permission to keep their calendar, and giving it back.

The page that asks is Google's. Who comes back must be who was sent there: `state` is in their session, and good for one return.
A code is worth nothing to whoever lacks the verifier, which never leaves the session (PKCE, RFC 7636).
"""

import logging
import secrets as randomness
from collections.abc import MutableMapping
from typing import Any

import requests
from django.conf import settings
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from google_auth_oauthlib.flow import Flow
from oauthlib.oauth2 import OAuth2Error

from calendarsync.providers.google_access import SCOPE

logger = logging.getLogger(__name__)

KEY = "google-permission"
REFUSED = "Google says that you did not allow it. Nothing was connected."
STALE = "This return from Google was used already, or is not the one that was last asked for. Start again."
UNTICKED = (
    "The box at “View and edit events on all your calendars” was not ticked, so nothing could be written. "
    "Start again, and tick it."
)
NOT_FOR_LONG = (
    "Google gave a permission that ends within the hour. Remove this site at myaccount.google.com/connections, "
    "then start again."
)
NO_ANSWER = "Google did not answer. Start again."
NOT_ACCEPTED = (
    "Google did not accept it ({error}). Start again; if it happens again, tell your administrator."
)


class NotGranted(Exception):
    """There is no permission. The text says why, and what to do."""


def begin(session: MutableMapping[str, Any]) -> str:
    """The address of Google's page. What a return is checked against is put into the session."""
    flow = _flow([SCOPE])
    # Without prompt=consent Google gives a lasting permission the first time only.
    address, state = flow.authorization_url(access_type="offline", prompt="consent")
    session[KEY] = {"state": state, "verifier": flow.code_verifier}
    return str(address)


@sensitive_variables()
def finish(session: MutableMapping[str, Any], *, state: str, code: str, error: str) -> dict[str, Any]:
    """The secrets of the permission that somebody came back with. Raises NotGranted."""
    begun = session.pop(KEY, None)
    if begun is None or not randomness.compare_digest(state.encode(), begun["state"].encode()):
        raise NotGranted(STALE)
    if error or not code:
        raise NotGranted(REFUSED if error in ("access_denied", "") else NOT_ACCEPTED.format(error=error[:40]))
    token = _exchanged(code, begun["verifier"])
    # Not revoked if it does not do: that would end a permission that another calendar of theirs lives on.
    if SCOPE not in token.get("scope", ()):
        raise NotGranted(UNTICKED)
    if not token.get("refresh_token"):
        raise NotGranted(NOT_FOR_LONG)
    return {"kind": "oauth", "refresh_token": token["refresh_token"], "scopes": list(token["scope"])}


@sensitive_variables()
def revoke(secrets: dict[str, Any]) -> None:
    """Tell Google that the permission is not needed any more. If that fails its owner can still take it back there."""
    token = secrets.get("refresh_token")
    if not token:
        return
    try:
        requests.post(
            settings.GOOGLE_REVOKE_URL, data={"token": token}, timeout=settings.PROVIDER_TIMEOUT_SECONDS
        )
    except requests.RequestException as error:
        logger.warning("Google could not be told that a permission is over: %s", type(error).__name__)


@sensitive_variables()
def _exchanged(code: str, verifier: str) -> dict[str, Any]:
    """What Google gives for the code; `scope` is a list."""
    # Without scopes oauthlib takes any that Google names: which they are is checked by who asked.
    flow = _flow(None)
    flow.code_verifier = verifier
    try:
        token = flow.fetch_token(code=code, timeout=settings.PROVIDER_TIMEOUT_SECONDS)
    except OAuth2Error as error:
        logger.warning("Google gave no permission: %s", error.error)
        raise NotGranted(NOT_ACCEPTED.format(error=error.error)) from error
    except (requests.RequestException, ValueError, TypeError, LookupError, AttributeError) as error:
        raise NotGranted(NO_ANSWER) from error
    return dict(token)


def _flow(scopes: list[str] | None) -> Flow:
    site = {
        "client_id": settings.GOOGLE_CLIENT_ID,
        "client_secret": settings.GOOGLE_CLIENT_SECRET,
        "auth_uri": settings.GOOGLE_AUTH_URL,
        "token_uri": settings.GOOGLE_TOKEN_URL,
    }
    address = settings.PUBLIC_BASE_URL + reverse("calendar-google-callback")
    return Flow.from_client_config({"web": site}, scopes=scopes, redirect_uri=address)
