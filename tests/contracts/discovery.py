"""Google's discovery document of an API, asked whether requests keep to it.

Its schemas are turned into closed JSON Schemas: what they do not name is refused.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker

from tests.contracts.doubles import Asked
from tests.contracts.specification import FOLDER

INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}
_formats = FormatChecker(formats=[])


class NotAllowed(Exception):
    """The request does not keep to the document."""


@dataclass(frozen=True)
class Call:
    """One request, understood: which method of the API, with which arguments."""

    name: str
    path: dict[str, str]
    query: dict[str, Any]
    body: dict[str, Any] | None


class Discovery:
    """`resource` is the one whose methods are served."""

    def __init__(self, name: str, *, resource: str) -> None:
        self.document = json.loads((FOLDER / name).read_text())
        self.root = "/" + self.document["servicePath"]
        self._resource = resource
        self.methods = self.document["resources"][resource]["methods"]

    def call(self, asked: Asked, *, is_checked: bool = True) -> Call | None:
        """None if there is no such address. Raises NotAllowed. Unchecked, only what is needed is read."""
        for name, pattern in self._patterns:
            found = pattern.fullmatch(asked.path)
            if found and self.methods[name]["httpMethod"] == asked.method:
                path = {each: unquote(value) for each, value in found.groupdict().items()}
                return self._read(name, path, asked, is_checked=is_checked)
        return None

    def check_answer(self, schema: str, answer: dict[str, Any]) -> None:
        """Raises NotAllowed if the double itself breaks the contract."""
        _check(self._validators[schema, False], answer)

    @cached_property
    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        return [
            (name, re.compile(self.root + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", method["path"])))
            for name, method in self.methods.items()
        ]

    def _read(self, name: str, path: dict[str, str], asked: Asked, *, is_checked: bool) -> Call:
        given = parse_qs(urlsplit(asked.target).query, keep_blank_values=True)
        declared = {**self.document["parameters"], **self.methods[name]["parameters"]}
        if is_checked and (unknown := set(given) - set(declared)):
            raise NotAllowed(f"Unknown parameters: {sorted(unknown)}")
        query = {each: _value(each, values, declared.get(each, {})) for each, values in given.items()}
        return Call(name, path, query, self._body(name, asked, is_checked=is_checked))

    def _body(self, name: str, asked: Asked, *, is_checked: bool) -> dict[str, Any] | None:
        wanted = self.methods[name].get("request")
        if wanted is None:
            if asked.body:
                raise NotAllowed("This method takes no body")
            return None
        try:
            body = json.loads(asked.body or b"{}")
        except ValueError as error:
            raise NotAllowed("Parse Error") from error
        if is_checked:
            _check(self._validators[wanted["$ref"], name == "patch"], body)
            self._check_required(name, wanted["$ref"], body)
        return body

    def _check_required(self, name: str, schema: str, body: dict[str, Any]) -> None:
        method = self.methods[name]["id"]
        for each, declared in self.document["schemas"][schema]["properties"].items():
            if method in declared.get("annotations", {}).get("required", []) and each not in body:
                raise NotAllowed(f"Missing {each}")

    @cached_property
    def _validators(self) -> "_Validators":
        return _Validators(self.document["schemas"])


class _Validators(dict[tuple[str, bool], Draft202012Validator]):
    """By name of the schema, and whether null takes a property away, as in a patch."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        super().__init__()
        self._schemas = schemas

    def __missing__(self, key: tuple[str, bool]) -> Draft202012Validator:
        name, is_patch = key
        closed = {each: _closed(schema, is_patch) for each, schema in self._schemas.items()}
        whole = {"$defs": closed, "$ref": f"#/$defs/{name}"}
        self[key] = Draft202012Validator(whole, format_checker=_formats)
        return self[key]


def _closed(schema: dict[str, Any], is_patch: bool) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = {"$ref": f"#/$defs/{schema['$ref']}"}
        return {"anyOf": [found, {"type": "null"}]} if is_patch else found
    made: dict[str, Any] = {"type": [schema["type"], "null"] if is_patch else schema["type"]}
    if schema["type"] == "object":
        made["properties"] = {
            name: _closed(each, is_patch) for name, each in schema.get("properties", {}).items()
        }
        more = schema.get("additionalProperties")
        made["additionalProperties"] = _closed(more, is_patch) if more else False
    if schema["type"] == "array":
        made["items"] = _closed(schema["items"], is_patch)
    if "enum" in schema:
        made["enum"] = [*schema["enum"], *([None] if is_patch else [])]
    if schema.get("format") == "int32":
        made |= INT32
    elif "format" in schema:
        made["format"] = schema["format"]
    return made


@_formats.checks("date-time")
def _is_instant(text: object) -> bool:
    """RFC 3339, but that the offset may be missing where a zone is named beside it."""
    if not isinstance(text, str):
        return True
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", text))


@_formats.checks("date")
def _is_date(text: object) -> bool:
    return not isinstance(text, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))


def _check(validator: Draft202012Validator, value: Any) -> None:
    for error in validator.iter_errors(value):
        where = "/".join(str(each) for each in error.absolute_path)
        raise NotAllowed(f"{where or 'body'}: {error.message[:300]}")


def _value(name: str, values: list[str], declared: dict[str, Any]) -> Any:
    if declared.get("repeated"):
        return values
    if len(values) > 1:
        raise NotAllowed(f"{name} may stand only once")
    text, kind = values[0], declared.get("type", "string")
    if "enum" in declared and text not in declared["enum"]:
        raise NotAllowed(f"{name}: {text} is none of {declared['enum']}")
    if declared.get("format") == "date-time":
        return instant(text, name)
    if kind == "boolean":
        if text not in ("true", "false"):
            raise NotAllowed(f"{name}: {text} is neither true nor false")
        return text == "true"
    return _number(name, text, declared) if kind == "integer" else text


def _number(name: str, text: str, declared: dict[str, Any]) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise NotAllowed(f"{name}: {text} is no number")
    number = int(text)
    if not int(declared.get("minimum", number)) <= number <= int(declared.get("maximum", number)):
        raise NotAllowed(f"{name}: {number} is out of range")
    return number


def instant(text: str, name: str = "instant") -> datetime:
    """Raises NotAllowed without an offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAllowed(f"{name}: {text} is no date-time") from error
    if found.tzinfo is None:
        raise NotAllowed(f"{name}: {text} lacks its offset")
    return found
