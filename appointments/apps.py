from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AppointmentsConfig(AppConfig):
    name = "appointments"

    def ready(self) -> None:
        """Settle a session where it begins, however it begins. Private notes are sealed: they move with the keys."""
        from appointments import private_notes
        from appointments.signin.middleware import settle_at_login
        from securecare import rotation

        user_logged_in.connect(settle_at_login, dispatch_uid="settle_at_login")
        rotation.register(private_notes.sealed_table())
