"""Forms of a model that are made by training beside those of the export: ``compress.forms`` names which are tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from recsmith.compress import edges
from recsmith.compress.kept_forms import KeptForms
from recsmith.compress.origin import Form, Made, NoForm, Origin
from recsmith.compress.slim import form as slim
from recsmith.compress.student import distilled, graph_free, smaller
from recsmith.config.compress import Compress
from recsmith.engine.settings import Say
from recsmith.model.architecture import Architecture
from recsmith.serving.model import ServingModel

EXTRA: dict[str, Callable[[Compress, Architecture], dict[str, Form]]] = {
    "slim": slim.forms,
    "smaller": smaller.forms,
    "distilled": distilled.forms,
    "graph_free": graph_free.forms,
    "edges": edges.forms,
}
"""By the words of ``compress.forms``, what each stands for; NoForm where a family has no such form, UserError where the
parameters ask an architecture for what it has not."""


def named_forms(params: Compress, architecture: Architecture, say: Say) -> dict[str, Form]:
    """The forms that the parameters ask for, by their full name; none is made before it is called.

    What a winner of this family cannot have is left out, and ``say`` is told why.
    """
    found: dict[str, Form] = {}
    for word in dict.fromkeys(params.forms):
        try:
            found |= EXTRA[word](params, architecture)
        except NoForm as reason:
            say(f"{reason} It is left out (params.yaml: compress.forms).")
    return found


def made(
    forms: Mapping[str, Form],
    origin: Origin,
    kept: KeptForms | None = None,
    candidate: Mapping[str, Made] | None = None,
) -> dict[str, Made]:
    """Each of the forms, made or read from ``kept``; what is said names it.

    ``candidate``: the same forms of the candidate, which say for how long those of the final model are trained.
    """
    return {name: _made(name, make, origin, kept, (candidate or {}).get(name)) for name, make in forms.items()}


def models_of(forms: Mapping[str, Made]) -> dict[str, ServingModel]:
    """The forms as they serve."""
    return {name: form.model for name, form in forms.items()}


def _made(name: str, make: Form, origin: Origin, kept: KeptForms | None, candidate: Made | None) -> Made:
    epochs = 0 if candidate is None else candidate.epochs
    own = replace(origin, say=lambda text: origin.say(f"{name}: {text}"), epochs=epochs)
    known = None if kept is None else kept.load(name, own)
    if known is not None:
        own.say("known")
        return known
    origin.say(f"{name} ...")
    form = make(own)
    if kept is not None:
        kept.save(name, own, form)
    return form
