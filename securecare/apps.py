from django.apps import AppConfig


class SecureCareConfig(AppConfig):
    name = "securecare"

    def ready(self) -> None:
        """Make Celery's app the one that tasks are queued with, and register our checks."""
        from securecare import celery, checks  # noqa: F401
