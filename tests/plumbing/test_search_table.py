from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import search_table
from benchmarks.table import Table, lay_out
from recsmith.config.base import Run
from recsmith.errors import UserError
from recsmith.files import read_json, write_json
from recsmith.search.attempt import answer
from recsmith.search.store import Store
from recsmith.search.task import task_of
from recsmith.search.tree import FIDELITY, NUMBER, proposals

SPACE = """
run: {seed: 1, threads: 1}
search:
  {preset: gnn, max_epochs: 4, patience: 9, evaluate_every: 1, batch_size: 256, space: {operators: [none, lightgcn],
   layers: [1], dimension: [8], start: [random], combination: [mean], dropout: [0.0], edge_dropout: [0.0], loss: [bpr],
   weight_decay: [0.01], learning_rate: [0.01, 0.1]}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graphs of a few tastes, and the table of four candidates in ``table.json``."""
    folder = tmp_path_factory.mktemp("table")
    pairs = [(user, item) for user in range(40) for item in range(user % 2, 40, 2) if (user * item) % 3]
    (folder / "log.csv").write_text("user,item\n" + "\n".join(f"u{user},i{item}" for user, item in pairs))
    (folder / "space.yaml").write_text(SPACE)
    called(folder, "--data", folder / "log.csv", "--space", folder / "space.yaml", "--prepare", folder / "graphs")
    called(folder, "--graphs", folder / "graphs", "--out", folder / "out.json")
    return folder


def called(folder: Path, *words: object) -> None:
    """The benchmark in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["search_table", *map(str, words)])
        search_table.main()


def test_every_candidate_of_the_space_has_a_row_and_is_trained_once(folder: Path) -> None:
    table = Table.load(folder / "out.json")
    assert [row.proposal for row in table.rows] == list(proposals(table.space.tree))
    assert len(table.candidates()) == 4
    for row in table.rows:
        assert row.status == "done"
        assert list(row.curve) == [1, 2, 3, 4]
        assert row.metrics["ndcg@20"] == pytest.approx(max(row.curve.values()))
    before = read_json(folder / "out.json")["rows"]
    called(folder, "--graphs", folder / "graphs", "--out", folder / "out.json")
    assert read_json(folder / "out.json")["rows"] == before


def test_training_needs_none_of_the_line_s_packages(folder: Path) -> None:
    heavy = ["nni", "ibis", "duckdb", "dvc", "pyarrow", "prefect", "pandas", "great_expectations", "ruamel", "wandb"]
    code = (
        "import sys; from benchmarks.search_table import row_of; from benchmarks.table import Table;"
        f"row = row_of({str(folder / 'graphs')!r}, 'cpu', Table.load({str(folder / 'out.json')!r}).rows[0].proposal);"
        f"print(row.status, [name for name in {heavy} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.stdout.strip() == "done []", told.stderr


def test_records_from_the_table_are_those_of_real_trials_whole_and_in_part(folder: Path, tmp_path: Path) -> None:
    table = Table.load(folder / "out.json")
    replayed = table.task(tmp_path / "replayed", "random", 4, seed=1)
    lay_out(table, replayed, [0.5, 1.0])
    graphs = folder / "graphs"
    real = task_of(table.search, Run(seed=1, threads=1), graphs / "fit", graphs / "valid", tmp_path / "real")
    for number, proposal in enumerate(proposals(table.space.tree)):
        for share in (0.5, 1.0):
            asked = {**proposal, NUMBER: number, FIDELITY: share}
            known, trained = answer(replayed, asked), answer(real, asked)
            assert known.known
            assert known.value == pytest.approx(trained.value, abs=1e-6)
            record = Store(Path(replayed.folder)).load(known.key)
            assert record is not None
            assert record.fidelity == share


def test_a_table_that_lacks_candidates_says_how_many(folder: Path) -> None:
    table = Table.load(folder / "out.json")
    short = table.model_copy(update={"rows": table.rows[1:]})
    with pytest.raises(UserError, match="lacks 1 of the 4 candidates"):
        short.candidates()


def test_rows_may_name_architectures_instead_of_proposals(folder: Path, tmp_path: Path) -> None:
    table = Table.load(folder / "out.json")
    rows = [
        {"architecture": candidate.model_dump(mode="json"), "metrics": row.metrics}
        for candidate, row in table.candidates()
    ]
    values = {"data": "mine", "search": read_json(folder / "out.json")["search"], "rows": rows}
    write_json(tmp_path / "mine.json", values)
    mine = Table.load(tmp_path / "mine.json")
    assert [candidate for candidate, _ in mine.candidates()] == [candidate for candidate, _ in table.candidates()]


def test_a_packed_table_reads_the_same(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "out.json.gz"
    packed.write_bytes(gzip.compress((folder / "out.json").read_bytes()))
    assert Table.load(packed) == Table.load(folder / "out.json")


def test_a_table_stays_whole_when_its_preset_grows(folder: Path) -> None:
    table = Table.load(folder / "out.json")
    grown = table.search.space.model_copy(update={"learning_rate": (0.001, 0.01, 0.1), "clip": (0.0, 1.0)})
    with pytest.raises(UserError, match="lacks 8 of the 12"):
        table.over(grown).candidates()
    assert table.over(grown).narrowed().space.tree == table.space.tree
