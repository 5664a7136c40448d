"""Sessions that know whose they are, so that all of one person's can be ended at once."""

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    user_id = models.BigIntegerField(null=True, db_index=True)

    @classmethod
    def get_session_store_class(cls) -> type[DatabaseSessionStore]:
        from securecare.sessions import SessionStore

        return SessionStore
