from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        """The texts of messages are sealed: they move with the keys."""
        from reminders import messages
        from securecare import rotation

        rotation.register(messages.sealed_table())
