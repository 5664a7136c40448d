from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "reminders"

    def ready(self) -> None:
        """Register our checks, and what is sealed here, which moves with the keys: messages, and texts from customers."""
        from reminders import checks, inbound, messages  # noqa: F401
        from securecare import rotation

        rotation.register(messages.sealed_table())
        rotation.register(inbound.sealed_table())
