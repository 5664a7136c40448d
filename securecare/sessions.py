"""The session engine: Django's database sessions, with the user's id beside them."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.db import connection

from securecare.models import Session

# Every request of every page runs this: in plain SQL it costs a third of what building the query does.
_LOAD = "SELECT session_data FROM securecare_session WHERE session_key = %s AND expire_date > statement_timestamp()"


class SessionStore(DatabaseSessionStore):
    def load(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(_LOAD, [self.session_key])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        found: dict[str, Any] = self.decode(row[0])
        return found

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session = cast(Session, super().create_model_instance(data))
        session.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return session


def end_all(*, user_id: int, keep: str | None = None) -> int:
    """Sign a person out everywhere but in the session `keep`. Returns how many sessions ended."""
    return Session.objects.filter(user_id=user_id).exclude(session_key=keep or "").delete()[0]
