from django.apps import AppConfig


class SignaturesConfig(AppConfig):
    name = "signatures"
    verbose_name = "documents"

    def ready(self) -> None:
        """Register our checks, and what is sealed here, which moves with the keys."""
        from securecare import rotation
        from signatures import answers, checks, vault  # noqa: F401

        rotation.register(answers.sealed_table())
        rotation.register(vault.sealed_table())
