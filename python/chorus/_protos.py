"""The messages and methods of Chorus's protos, made from the descriptors in this package.

They lie in a pool of their own, so they clash with nobody's modules of the same protos, and are those of this package
whichever protoc made them.
"""
from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message


def _make_pool() -> descriptor_pool.DescriptorPool:
    made = descriptor_pool.DescriptorPool()
    try:
        data = (resources.files("chorus") / "descriptors.binpb").read_bytes()
    except FileNotFoundError as error:
        raise ImportError(f"{pathlib.Path(__file__).parent} is the source of the package, not the package: pip install it, "
                          "and run Python in another folder") from error
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        made.AddSerializedFile(file.SerializeToString())
    return made


POOL = _make_pool()


@functools.cache
def message(name: str) -> type[Message]:
    """The class of a message, such as "chorus.runner.v1.GenerateRequest"."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


_KINDS = {FieldDescriptor.CPPTYPE_STRING: ("a text", "texts"), FieldDescriptor.CPPTYPE_BOOL: ("a bool", "bools"),
          FieldDescriptor.CPPTYPE_DOUBLE: ("a number", "numbers"), FieldDescriptor.CPPTYPE_FLOAT: ("a number", "numbers")}
_TokenBias: Any = message("chorus.v1.TokenBias")


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """One RPC: over gRPC by `path`, over HTTP by `verb` and `template`, as its google.api.http annotation has them."""
    name: str
    path: str
    request: type[Message]
    response: type[Message]
    streams: bool
    verb: str = ""
    template: str = ""

    def http_call(self, request: Message) -> tuple[str, str, bytes | None]:
        """Verb, target and JSON body; the body has the fields that the target has not."""
        fields = to_dict(request)

        def fill(field: re.Match[str]) -> str:
            return urllib.parse.quote(str(fields.pop(field[1], "")), safe="")

        target = re.sub(r"\{(\w+)\}", fill, self.template)
        return self.verb, target, json.dumps(fields).encode() if self.verb == "POST" else None


def _method(descriptor: MethodDescriptor) -> Method:
    service = descriptor.containing_service.full_name
    options: Any = message("google.protobuf.MethodOptions").FromString(descriptor.GetOptions().SerializeToString())
    rule = options.Extensions[POOL.FindExtensionByName("google.api.http")]
    verb = rule.WhichOneof("pattern")
    return Method(
        name=descriptor.name, path=f"/{service}/{descriptor.name}",
        request=message(descriptor.input_type.full_name), response=message(descriptor.output_type.full_name),
        streams=descriptor.server_streaming, verb=(verb or "").upper(), template=getattr(rule, verb) if verb else "")


@functools.cache
def methods(service: str) -> Mapping[str, Method]:
    """Those of a service, such as "chorus.v1.InferenceService", by name."""
    return {method.name: _method(method) for method in POOL.FindServiceByName(service).methods}


def to_dict(message: Message) -> dict[str, Any]:
    """As JSON has it, with the names of the .proto."""
    made: dict[str, Any] = json_format.MessageToDict(
        message, preserving_proto_field_name=True, descriptor_pool=POOL)
    return made


def unknown_name(function: str, name: str, known: Iterable[str]) -> TypeError:
    """As Python says it, with the near name if there is one."""
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f". Did you mean '{near[0]}'?" if near else ""
    return TypeError(f"{function}() got an unexpected keyword argument '{name}'{hint}")


def set_field(message: Message, name: str, value: Any) -> None:
    """TypeError or ValueError, with the name, if the field takes no such value. logit_bias may be {token: bias}."""
    field = message.DESCRIPTOR.fields_by_name[name]
    try:
        if field.enum_type is not None and isinstance(value, str):
            value = _enum_number(field.enum_type, value)
        if name == "logit_bias" and isinstance(value, Mapping):
            value = [_TokenBias(id=token, bias=bias) for token, bias in value.items()]
        if isinstance(value, (list, tuple)):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    except (TypeError, AttributeError):
        one, many = _KINDS.get(field.cpp_type, ("a whole number", "whole numbers"))
        wanted = f"a list of {many}" if hasattr(getattr(message, name), "extend") else one
        wanted = "{token: bias}" if name == "logit_bias" else wanted
        raise TypeError(f"{name}: must be {wanted}, not {_found(value)}") from None


def _found(value: Any) -> str:
    """Not the value itself, which may be a prompt."""
    kinds = ", ".join(sorted({type(each).__name__ for each in value})) if isinstance(value, (list, tuple)) else ""
    return f"{type(value).__name__} of {kinds}" if kinds else type(value).__name__


def _enum_number(enum: Any, name: str) -> int:
    """"sigmoid" of ScoreKind is SCORE_KIND_SIGMOID."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    names = [value.name.removeprefix(prefix).lower() for value in enum.values[1:]]
    if name not in names:
        raise ValueError(f"must be one of {', '.join(names)}: {name}")
    number: int = enum.values_by_name[prefix + name.upper()].number
    return number


def fill_request(function: str, request: Message, fixed: Mapping[str, Any], parameters: Mapping[str, Any]) -> Message:
    """Sets the fields of `fixed`, and those of `parameters` that are not None. TypeError if there is no such field."""
    known = [field for field in request.DESCRIPTOR.fields_by_name if field not in fixed]
    for name, value in parameters.items():
        if value is None:
            continue
        if name not in known:
            raise unknown_name(function, name, known)
        is_one = isinstance(value, str) and name in ("stop", "text_pairs")
        set_field(request, name, [value] if is_one else value)
    for name, value in fixed.items():
        set_field(request, name, value)
    return request
