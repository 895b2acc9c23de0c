"""JSON schema of an options class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo_core.plugins import DatasetFile, options_of

_TYPES: dict[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", Path: "string", DatasetFile: "string",
}  # fmt: skip


def json_schema(cls: type) -> dict[str, Any]:
    """Return the JSON schema (2020-12) of an options class."""
    properties = {}
    for option in options_of(cls):
        one: dict[str, Any] = {"type": _TYPES[option.scalar]}
        if option.choices:
            one["enum"] = list(option.choices)
        if option.minimum is not None:
            one["minimum"] = option.minimum
        if option.maximum is not None:
            one["maximum"] = option.maximum
        schema = one
        if option.items is not None:
            schema = {"type": "array", "items": one}
            if option.items:
                schema |= {"minItems": option.items, "maxItems": option.items}
        if option.optional:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if option.help:
            schema = schema | {"description": option.help}
        if not option.required:
            schema = schema | {"default": json.loads(json.dumps(option.default, default=str))}
        properties[option.name] = schema
    required = [o.name for o in options_of(cls) if o.required]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.__name__,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
