from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.utils import timezone

from securecare import sessions
from securecare.models import Session
from securecare.sessions import SessionStore
from securecare.tasks import clear_expired_sessions

pytestmark = pytest.mark.django_db


def session_of(user_id: int | None) -> str:
    store = SessionStore()
    if user_id is not None:
        store[SESSION_KEY] = str(user_id)
    store.save()
    assert store.session_key is not None
    return store.session_key


def keys() -> set[str]:
    return set(Session.objects.values_list("session_key", flat=True))


def test_all_sessions_of_one_person_end_together() -> None:
    first, second, other, nobody = session_of(7), session_of(7), session_of(8), session_of(None)

    assert sessions.end_all(user_id=7, keep=second) == 1
    assert keys() == {second, other, nobody}
    assert first not in keys()
    assert sessions.end_all(user_id=7) == 1
    assert keys() == {other, nobody}


def test_expired_sessions_are_cleared_and_live_ones_kept() -> None:
    old, live = session_of(7), session_of(8)
    Session.objects.filter(pk=old).update(expire_date=timezone.now() - timedelta(seconds=1))

    clear_expired_sessions()

    assert keys() == {live}
