"""`--set name=value`: text from the command line, in the type that the model's constructor expects."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from pellucid_cli.wording import did_you_mean, enumerate_names

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parameters(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name, in its order, without self, *args and **kwargs."""
    signature = inspect.signature(cls)
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: p for name, p in signature.parameters.items() if p.kind in kinds}


def read_settings(cls: type[Any], model_id: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Read 'alpha=0.1' and its like.

    Parameters
    ----------
    cls : type
        The model's class.
    model_id : str
        What messages call it.
    pairs : sequence of str
        Each "name=value".

    Returns
    -------
    dict
        Constructor arguments.

    Raises
    ------
    click.UsageError
        No such parameter (the message names the nearest), a value of another type, or a parameter without a value.
    """
    known = parameters(cls)
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise click.UsageError(f"--set needs name=value, such as --set max_iter=100; got {pair!r}")
        if name not in known:
            hint = did_you_mean(name, known) or f" It has: {enumerate_names(known, 20) or 'none'}."
            raise click.UsageError(f"{model_id} has no parameter {name!r}.{hint}")
        settings[name] = read_value(name, text.strip(), known[name])
    needed = [n for n, p in known.items() if p.default is p.empty and n not in settings]
    if needed:
        raise click.UsageError(f"{model_id} needs a value for {enumerate_names(needed)}: add --set {needed[0]}=...")
    return settings


def read_value(name: str, text: str, parameter: inspect.Parameter) -> Any:
    """The text in the type of the parameter's default.

    int, float, bool, text and tuple as the default is; "none" is None; with a default of None, or none at all, whatever
    JSON makes of it, else the text itself. A tuple may be written 64,32.

    Raises
    ------
    click.UsageError
        It cannot be read as that type.
    """
    default = parameter.default
    if text.lower() in ("none", "null") and not (isinstance(default, str) and "None" not in str(parameter.annotation)):
        return None
    if isinstance(default, bool):
        if text.lower() in WORDS or text in ("0", "1"):
            return WORDS.get(text.lower(), text == "1")
        raise click.UsageError(f"{name} is true or false, not {text!r}")
    if isinstance(default, (int, float)):
        return _number(name, text, whole=isinstance(default, int))
    if isinstance(default, str):  # "auto" may stand where a number can, and then a number can
        numbers = parameter.annotation is parameter.empty or re.search(r"int|float|Any", str(parameter.annotation))
        value = _json(text) if numbers or text[:1] == '"' else text
        return value if isinstance(value, (str, int, float)) else text
    if isinstance(default, (tuple, list)):
        items = _items(text)
        if default and isinstance(default[0], (int, float)) and not all(isinstance(i, (int, float)) for i in items):
            raise click.UsageError(f"{name} takes numbers with commas between them, such as 64,32; got {text!r}")
        return type(default)(items)
    value = _json(text)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and value == text and "," in text:  # 64,32 for a default of None
        items = _items(text)
        return tuple(items) if not any(isinstance(i, str) for i in items) else text
    return value


def _number(name: str, text: str, *, whole: bool) -> int | float:
    readers: tuple[Callable[[str], int | float], ...] = (int, float) if whole else (float,)
    for read in readers:
        try:
            value = read(text)
        except (ValueError, OverflowError):
            continue
        return int(value) if whole and value == value and abs(value) < 1e18 and value == int(value) else value
    raise click.UsageError(f"{name} is a{' whole' if whole else ''} number, not {text!r}")


def _json(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _items(text: str) -> list[Any]:
    if text[:1] == "(" and text[-1:] == ")":
        text = text[1:-1]
    value = _json(text)
    if isinstance(value, list):
        return value
    return [_json(part.strip()) for part in text.split(",") if part.strip()]
