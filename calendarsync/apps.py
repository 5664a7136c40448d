from django.apps import AppConfig


class CalendarSyncConfig(AppConfig):
    name = "calendarsync"
    verbose_name = "calendars"

    def ready(self) -> None:
        """Register our checks, and what is sealed here, which moves with the keys."""
        from calendarsync import checks, credentials  # noqa: F401
        from securecare import rotation

        rotation.register(credentials.sealed_table())
