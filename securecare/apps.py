from django.apps import AppConfig


class SecureCareConfig(AppConfig):
    name = "securecare"

    def ready(self) -> None:
        from securecare import checks  # noqa: F401  # registers them
