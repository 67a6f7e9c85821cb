from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import data as data_room
from benchmarks import quality
from benchmarks.common import arguments, data_of, measured_on, peak_memory, table
from recsmith.errors import UserError
from recsmith.files import read_json

K = 20
KEYS = {"dataset", "chosen_on_valid", "best_on_test", "seconds", "peak_mb", "top", "machine", "versions", "commit"}
MORE = {"architecture", "valid", "seconds_of", "finalists", "tried"}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tastes, in LightGCN text: users of even and of odd numbers touch items of theirs."""
    folder, generator = tmp_path_factory.mktemp("tastes"), np.random.default_rng(2)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for user in range(60):
        mine = generator.permutation(np.arange(user % 2, 80, 2))[:16]
        lines["train"].append(" ".join(map(str, [user, *mine[: 10 + user % 3]])))
        lines["test"].append(" ".join(map(str, [user, *mine[12:], *([500] if user < 3 else [])])))
    for name, rows in lines.items():
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return folder


def called(monkeypatch: pytest.MonkeyPatch, *words: object) -> dict[str, Any]:
    """Run the benchmark in this process; gives what it wrote."""
    monkeypatch.setattr(sys, "argv", ["quality", *map(str, words)])
    quality.main()
    return read_json(str(words[words.index("--json") + 1]))


def rescored(top: Path, text: Path) -> dict[str, float]:
    """Recall and NDCG at 20 of written lists, worked out from the two files alone."""
    listed: dict[str, list[str]] = {}
    for row in sorted(pq.read_table(top).to_pylist(), key=lambda row: row["rank"]):
        listed.setdefault(row["user_id"], []).append(row["item_id"])
    recall, ndcg = [], []
    for line in (text / "test.txt").read_text().splitlines():
        user, *wanted = line.split()
        hit = np.isin(listed[user][:K], wanted)
        gains = 1 / np.log2(np.arange(2, K + 2))
        recall.append(hit.sum() / len(wanted))
        ndcg.append((hit * gains[: len(hit)]).sum() / gains[: min(K, len(wanted))].sum())
    return {"recall@20": float(np.mean(recall)), "ndcg@20": float(np.mean(ndcg))}


def test_quality_writes_all_keys_and_lists_that_give_its_numbers(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = called(monkeypatch, "--data", text, "--format", "lightgcn", "--trials", 6, "--json", tmp_path / "q.json")
    assert set(found) >= KEYS | MORE
    assert found["chosen_on_valid"] == pytest.approx(rescored(Path(found["top"]), text), abs=1e-9)
    assert found["chosen_on_valid"]["recall@20"] > 0.3
    assert found["best_on_test"]["selected_on_test"] is True
    assert found["best_on_test"]["ndcg@20"] >= found["chosen_on_valid"]["ndcg@20"]
    assert found["tried"] == 6
    assert len(found["finalists"]) == 5
    lists = pq.read_table(found["top"])
    assert lists.column_names == ["user_id", "item_id", "rank", "score"]
    assert [str(kind) for kind in lists.schema.types] == ["string", "string", "int32", "float"]
    train = {tuple(pair) for pair in pairs(text / "train.txt")}
    assert train.isdisjoint(zip(lists["user_id"].to_pylist(), lists["item_id"].to_pylist(), strict=True))
    assert max(lists["rank"].to_pylist()) == K


def pairs(path: Path) -> list[list[str]]:
    return [[line.split()[0], item] for line in path.read_text().splitlines() for item in line.split()[1:]]


def test_a_network_is_trained_as_long_as_is_best_on_valid(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"family": "gnn", "dimension": 8, "learning_rate": 0.05}))
    params = tmp_path / "params.yaml"
    params.write_text("train: {max_epochs: 6, patience: 2}\nsearch: {batch_size: 128}\nrun: {threads: 1}\n")
    found = called(
        monkeypatch, "--data", text, "--architecture", one, "--params", params, "--json", tmp_path / "gnn.json"
    )
    assert 1 <= found["epochs"] <= 6
    assert found["architecture"]["dimension"] == 8
    assert found["chosen_on_valid"] == pytest.approx(rescored(Path(found["top"]), text), abs=1e-9)
    assert {"recall@20", "ndcg@20"} <= set(found["valid"])


def test_training_ends_when_its_time_is_over(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"family": "gnn", "dimension": 8}))
    given = ("--data", text, "--architecture", one, "--minutes", 1e-6, "--json", tmp_path / "short.json")
    assert called(monkeypatch, *given)["epochs"] == 1


def test_choice_and_lists_are_written_before_test_is_opened(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = data_room._built

    def without_test(*given: Any) -> data_room.Data:
        built = inner(*given)
        (built.folder / "split" / "test.parquet").unlink()
        return built

    monkeypatch.setattr(data_room, "_built", without_test)
    out = tmp_path / "sealed.json"
    with pytest.raises(UserError, match=r"test.parquet"):
        called(monkeypatch, "--data", text, "--trials", 2, "--json", out)
    found = read_json(out)
    assert found["chosen_on_valid"] is None
    assert found["best_on_test"] is None
    assert found["architecture"]["family"] in ("filter", "blend")
    assert found["valid"]["ndcg@20"] > 0
    assert pq.read_table(found["top"]).num_rows > 0


def test_what_valid_chooses_does_not_depend_on_test(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.txt").write_text((text / "train.txt").read_text())
    (other / "test.txt").write_text("".join(f"{user} {600 + user} {700 + user}\n" for user in range(60)))
    first, second = (
        called(
            monkeypatch,
            "--data",
            folder,
            "--format",
            "lightgcn",
            "--trials",
            3,
            "--json",
            tmp_path / f"{folder.name}.json",
        )
        for folder in (text, other)
    )
    assert (first["architecture"], first["valid"]) == (second["architecture"], second["valid"])
    assert Path(first["top"]).read_bytes() == Path(second["top"]).read_bytes()
    assert second["chosen_on_valid"] == {"recall@20": 0.0, "ndcg@20": 0.0}


@pytest.mark.parametrize("split", [None, "random", "leave_one_out"])
def test_any_source_that_ingest_reads_is_loaded_and_split(tmp_path: Path, split: str | None) -> None:
    generator = np.random.default_rng(1)
    drawn = enumerate(generator.integers(0, 15, (300, 2)), start=1_500_000_000)
    rows = [f"u{user},i{item},{time}" for time, (user, item) in drawn]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,timestamp", *rows]) + "\n")
    args = arguments("x", "What it does.").parse_args(["--data", str(tmp_path), *(["--split", split] if split else [])])
    with data_of(args) as loaded:
        folder = loaded.folder
        assert loaded.split == split or (split is None and loaded.split == "per_user_temporal")
        assert loaded.refit.n_edges == loaded.fit.n_edges + int(loaded.valid.n_relevant.sum())
        assert len(loaded.test().users) > 0
        assert sorted(loaded.users.to_pylist()) == sorted({f"u{user}" for user in range(15)})
    assert not folder.exists()


def test_what_comes_split_stays_so_and_what_has_no_times_is_split_at_random(text: Path, tmp_path: Path) -> None:
    rows = [f"u{user}\ti{item}" for user in range(9) for item in range(9)]
    (tmp_path / "log.inter").write_text("\n".join(["user_id:token\titem_id:token", *rows]) + "\n")
    for where, form, method in ((text, "lightgcn", "given"), (tmp_path, "recbole", "random")):
        args = arguments("x", "What it does.").parse_args(["--data", str(where), "--format", form])
        with data_of(args) as loaded:
            assert loaded.split == method
            assert len(loaded.valid.users) > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nothing-of-that-name"], "is no file, folder or named data set"),
        ([], "--data is due"),
        (["--data", "{text}", "--format", "parquet"], "looks like lightgcn"),
        (["--data", "{text}", "--format", "recbole"], r"has no \*.inter file"),
        (["--data", "{text}", "--split", "per_user_temporal"], "needs a timestamp"),
    ],
)
def test_what_cannot_be_loaded_is_told_plainly(text: Path, words: list[str], message: str) -> None:
    args = arguments("x", "What it does.").parse_args([word.format(text=text) for word in words])
    with pytest.raises(UserError, match=message), data_of(args):
        pass


def test_a_mistake_ends_in_one_line() -> None:
    command = [sys.executable, "-m", "benchmarks.quality", "--data", "nothing-of-that-name"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("--data 'nothing-of-that-name' is no file")
    assert "Traceback" not in told.stderr


def test_tables_line_up_and_memory_and_machine_are_known() -> None:
    assert table(["name", "n"], [["a", 1200], ["bcd", None]]).splitlines() == [
        "name      n",
        "----  -----",
        "a     1,200",
        "bcd       -",
    ]
    with peak_memory() as peak:
        before = peak()
        held = np.ones(30_000_000)
        assert peak() > before + 200
        del held
    assert set(measured_on()) >= {"machine", "versions", "commit"}
