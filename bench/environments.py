"""Settings that lead the site to doubles. Nothing here needs Django."""

from tests.contracts.google_accounts import CONSENT, REVOKE, TOKEN, Accounts


def google(base: str) -> dict[str, str]:
    """`base` is the double's address, or that of a road to it."""
    return {
        "GOOGLE_CLIENT_ID": Accounts.client_id,
        "GOOGLE_CLIENT_SECRET": Accounts.client_secret,
        "GOOGLE_API_BASE": base,
        "GOOGLE_AUTH_URL": base + CONSENT,
        "GOOGLE_TOKEN_URL": base + TOKEN,
        "GOOGLE_REVOKE_URL": base + REVOKE,
    }
