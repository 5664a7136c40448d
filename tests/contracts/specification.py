"""An official OpenAPI document, asked whether requests and answers keep to it."""

import copy
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.wrappers import Request, Response

from tests.contracts.doubles import Answer, Asked

FOLDER = Path(__file__).parent / "specs"


class Specification:
    """`is_closed`: what it does not name is refused, which the document's schemas do not say and its provider does."""

    def __init__(self, name: str, *, is_closed: bool = False) -> None:
        self.document = json.loads((FOLDER / name).read_text())
        local = copy.deepcopy(self.document)
        local["servers"] = [{"url": "/"}]
        for path in local["paths"].values():
            path.pop("servers", None)
        if is_closed:
            _close(local)
        self._api = OpenAPI.from_dict(local)

    def problem(self, asked: Asked) -> str:
        """What is wrong with a request, or nothing."""
        try:
            self._api.validate_request(_as_request(asked))
        except OpenAPIError as error:
            return _words(error)
        return ""

    def check_answer(self, asked: Asked, answer: Answer) -> None:
        """Raises if the double itself breaks the contract."""
        given = Response(answer.content, answer.status, answer.headers, content_type=answer.content_type)
        self._api.validate_response(_as_request(asked), WerkzeugOpenAPIResponse(given))

    def form_fields(self, path: str) -> set[str]:
        content = self.document["paths"][path]["post"]["requestBody"]["content"]
        return set(content["application/x-www-form-urlencoded"]["schema"]["properties"])

    def conditions(self, path: str) -> list[list[str]]:
        return self.document["paths"][path]["post"]["x-twilio"]["conditional"]


def _as_request(asked: Asked) -> WerkzeugOpenAPIRequest:
    parts = urlsplit(asked.target)
    environ = {
        "REQUEST_METHOD": asked.method,
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "CONTENT_LENGTH": str(len(asked.body)),
        "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
    }
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()}
    request = Request({**environ, **named})
    # Before the form is parsed: that would use the body up.
    request.get_data(cache=True)
    return WerkzeugOpenAPIRequest(request)


def _words(error: BaseException) -> str:
    """The innermost reasons, on one line."""
    cause = error.__cause__ or error
    details = [str(each.message) for each in getattr(cause, "schema_errors", [])]
    return "; ".join(details) or str(cause)


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)
