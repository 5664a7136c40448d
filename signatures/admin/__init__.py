"""Documents, who was asked to sign them and what was signed, as administrators see it."""

from signatures.admin import documents, record

__all__ = ["documents", "record"]
