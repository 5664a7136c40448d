"""Housekeeping that no app owns."""

from celery import shared_task

from securecare.sessions import SessionStore


@shared_task
def clear_expired_sessions() -> None:
    SessionStore.clear_expired()
