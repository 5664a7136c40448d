from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import OperationalError

from securecare import embedded


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL, which starts the embedded server before it connects."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            embedded.ensure_postgres(Path(self.settings_dict["DATA_DIR"]))
        except embedded.EmbeddedServerError as error:
            raise OperationalError(str(error)) from error
        return super().get_new_connection(conn_params)
