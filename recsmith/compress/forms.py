"""Forms of a model that are made by training beside those of the export: ``compress.forms`` names which are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from recsmith.compress.origin import Form, Origin
from recsmith.compress.slim import form as slim
from recsmith.config.compress import Compress
from recsmith.model.architecture import Architecture
from recsmith.serving.model import ServingModel

EXTRA: dict[str, Callable[[Compress, Architecture], dict[str, Form]]] = {"slim": slim.forms}
"""By the words of ``compress.forms``, what each stands for; UserError where an architecture has no such form."""


def extra(params: Compress, architecture: Architecture) -> dict[str, Form]:
    """The forms that the parameters ask for, by their full name; none is made before it is called."""
    return {name: make for word in params.forms for name, make in EXTRA[word](params, architecture).items()}


def made(forms: Mapping[str, Form], origin: Origin) -> dict[str, ServingModel]:
    """Each of the forms, made; what is said names it."""
    found = {}
    for name, make in forms.items():
        origin.say(f"{name} ...")
        found[name] = make(replace(origin, say=lambda text, name=name: origin.say(f"{name}: {text}")))
    return found
