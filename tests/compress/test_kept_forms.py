"""Forms that are made by training are made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_models import graph, relevant

from recsmith.compress.export import export
from recsmith.compress.forms import made, named_forms
from recsmith.compress.histories import histories
from recsmith.compress.kept_forms import TENSORS, KeptForms
from recsmith.compress.origin import Form, Made, Origin
from recsmith.config.compress import Compress, Export, Gate, Student
from recsmith.engine.fit import FitSettings, fit
from recsmith.model.architecture import Architecture, Filter, Gnn

SETTINGS = FitSettings(seed=5, device="cpu", threads=1, batch_size=64, max_epochs=3)
NETWORK = Gnn(operators=("lightgcn",), dimension=8, learning_rate=0.01)
RIDGE = Filter(kind="ridge", l2=20.0)
PARAMS = Compress(
    forms=("smaller", "graph_free", "edges"), student=Student(dimensions=(4,)), export=Export(rank=8, top_k=4)
)


def origin(architecture: Architecture, said: list[str]) -> Origin:
    fitted = fit(architecture, graph(), replace(SETTINGS, epochs=2))
    exact = next(iter(export(fitted.model, graph(), PARAMS.export, 7, 100).values()))
    return Origin(fitted, graph(), SETTINGS, exact, PARAMS, said.append, relevant())


def killed_after(forms: dict[str, Form], left: int) -> dict[str, Form]:
    """The forms, of which the one after the first ``left`` is ended while it is made."""

    def killed(origin: Origin) -> Made:
        raise KeyboardInterrupt

    return {name: make if place < left else killed for place, (name, make) in enumerate(forms.items())}


def counted(forms: dict[str, Form], names: list[str]) -> dict[str, Form]:
    """The forms, that write down their name in ``names`` when they are made."""

    def count(name: str, make: Form) -> Form:
        def told(origin: Origin) -> Made:
            names.append(name)
            return make(origin)

        return told

    return {name: count(name, make) for name, make in forms.items()}


def same(one: Made, other: Made) -> bool:
    """Whether two forms give equal scores, to whom they know and to strangers, and were trained equally long."""
    known = histories(graph())
    strangers = replace(known, users=None)
    scores = [form.model.scores(people) for people in (known, strangers) for form in (one, other)]
    return one.epochs == other.epochs and np.array_equal(scores[0], scores[1]) and np.array_equal(scores[2], scores[3])


@pytest.mark.parametrize("architecture", [NETWORK, RIDGE], ids=["network", "filter"])
def test_an_ended_run_makes_only_what_it_had_not_made(architecture: Architecture, tmp_path: Path) -> None:
    given, forms = origin(architecture, said := []), named_forms(PARAMS, architecture, print)
    whole, kept, again = made(forms, given), KeptForms(tmp_path), list[str]()
    with pytest.raises(KeyboardInterrupt):
        made(killed_after(forms, len(forms) - 1), given, kept)
    found = made(counted(forms, again), given, kept)
    assert again == list(forms)[-1:]
    assert list(found) == list(whole)
    assert all(same(found[name], whole[name]) for name in whole)
    assert [text for text in said if text.endswith(": known")] == [f"{name}: known" for name in list(forms)[:-1]]


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (lambda given: replace(given, params=PARAMS.model_copy(update={"gate": Gate(retained=0.1)})), False),
        (lambda given: replace(given, settings=replace(SETTINGS, memory_mb=900)), False),
        (lambda given: replace(given, params=PARAMS.model_copy(update={"edges": (0.5,)})), True),
        (lambda given: replace(given, settings=replace(SETTINGS, seed=6)), True),
        (lambda given: replace(given, valid=relevant(seed=2)), True),
        (lambda given: replace(given, graph=graph(seed=3)), True),
        (lambda given: replace(given, fitted=replace(given.fitted, epochs=9)), True),
    ],
    ids=["gate", "memory", "edges", "seed", "valid", "graph", "epochs"],
)
def test_a_form_is_made_anew_where_what_it_is_made_from_has_changed(
    change: Callable[[Origin], Origin], anew: bool, tmp_path: Path
) -> None:
    given, kept, names = origin(NETWORK, []), KeptForms(tmp_path), list[str]()
    forms = counted(named_forms(PARAMS, NETWORK, print), names)
    forms = {"smaller 4": forms["smaller 4"]}
    made(forms, given, kept)
    made(forms, change(given), kept)
    assert len(names) == 1 + anew


@pytest.mark.parametrize("damage", [b"", b"\0" * 12], ids=["cut off", "altered"])
def test_a_damaged_form_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    given, kept, names = origin(NETWORK, []), KeptForms(tmp_path), list[str]()
    forms = counted(named_forms(PARAMS, NETWORK, print), names)
    forms = {"edges 70%": forms["edges 70%"]}
    first = made(forms, given, kept)
    (file,) = tmp_path.glob(f"*/{TENSORS}")
    content = file.read_bytes()
    file.write_bytes(content[:-12] + damage)
    assert same(made(forms, given, kept)["edges 70%"], first["edges 70%"])
    assert names == ["edges 70%"] * 2
    assert file.read_bytes() == content


def test_forms_of_other_parameters_are_removed_once_a_run_is_whole(tmp_path: Path) -> None:
    forms = {name: make for name, make in named_forms(PARAMS, NETWORK, print).items() if name == "edges 70%"}
    made(forms, replace(origin(NETWORK, []), settings=replace(SETTINGS, seed=6)), KeptForms(tmp_path))
    kept = KeptForms(tmp_path)
    made(forms, origin(NETWORK, []), kept)
    assert len(list(tmp_path.iterdir())) == 2
    kept.drop_others()
    assert [folder.name for folder in tmp_path.iterdir()] == list(kept.used)
