"""What every section of the parameters shares, and the strict check."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from recsmith.errors import UserError, unknown


class Section(BaseModel):
    """A frozen section that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Run(Section):
    """What holds for every stage."""

    seed: int = Field(default=7, ge=0, lt=2**32)
    """Seeds every draw of random numbers."""
    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda or cuda:N."""
    threads: int = Field(default=2, ge=1)
    """CPU threads; results are equal byte for byte only at an equal number."""
    memory_mb: int = Field(default=2000, ge=1)
    """What the large temporary arrays of one step may take together."""

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
            raise PydanticCustomError("unknown_name", "is unknown", {"known": ["auto", "cpu", "cuda", "cuda:N"]})
        return value


S = TypeVar("S", bound=BaseModel)


def one_of(names: tuple[str, ...]) -> AfterValidator:
    """A check for ``Annotated[str, one_of(NAMES)]``; the error lists the names."""

    def check(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("unknown_name", "is unknown", {"known": list(names)})
        return value

    return AfterValidator(check)


def parse(value: Any, model: type[S], where: str) -> S:
    """Validate ``value`` as ``model``; ``where`` starts each line of the error, as in ``params.yaml: search``."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UserError("\n".join(_line(where, item, model) for item in error.errors())) from error


def _line(where: str, item: Any, model: type[BaseModel]) -> str:
    place = where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{place} is unknown. Known: {', '.join(sorted(_keys(model, item['loc'][:-1])))}."
    if item["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        return str(unknown(place, item["input"], known))
    if item["type"] == "unknown_name":
        return str(unknown(place, item["input"], item["ctx"]["known"]))
    given = "" if isinstance(item["input"], dict) or item["type"] == "hidden" else f" = {item['input']!r}"
    return f"{place}{given}: {item['msg'].removeprefix('Value error, ')}."


def _keys(model: Any, path: tuple[Any, ...]) -> list[str]:
    """Names of the fields of the model found by walking ``path`` from ``model``."""
    for part in path:
        if isinstance(part, str) and part in getattr(model, "model_fields", {}):
            model = _inner(model.model_fields[part].annotation)
    return list(getattr(model, "model_fields", {}))


def _inner(annotation: Any) -> Any:
    """The model inside ``Model | None`` or ``tuple[Model, ...]``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inner = [_inner(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in inner if hasattr(part, "model_fields")), annotation)
