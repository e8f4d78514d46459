"""What the APIs of a service take and give: Text and JSON."""
from __future__ import annotations

import abc
import json
from typing import Any

from chorus.exceptions import server_error


class Descriptor(abc.ABC):
    """Bytes of a request's body as a value, and a value as bytes of a reply's."""

    content_type: str

    @abc.abstractmethod
    def decode(self, body: bytes) -> Any:
        """InvalidArgument if the body is none of this kind."""

    @abc.abstractmethod
    def encode(self, value: Any) -> bytes:
        """TypeError if the value is none of this kind."""


class Text(Descriptor):
    """A text, in UTF-8, whatever Content-Type it comes with."""

    content_type = "text/plain; charset=utf-8"

    def decode(self, body: bytes) -> str:
        try:
            return body.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise server_error(f"the text is not UTF-8: byte {error.start}", "INVALID_ARGUMENT") from None

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"an API with output=Text() returned a {type(value).__name__}")
        return value.encode()


class JSON(Descriptor):
    """Any value that JSON has."""

    content_type = "application/json"

    def decode(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise server_error(f"the body is no JSON: {error}", "INVALID_ARGUMENT") from None

    def encode(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
