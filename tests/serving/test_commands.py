import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_bundles import N_ITEMS, N_USERS, histories, make_bundle, model

from recsmith.__main__ import main
from recsmith.compress import pack
from recsmith.serving.bundle import load

HEAVY = ("torch", "scipy", "pandas", "pydantic", "nni", "safetensors", "duckdb")


def test_all_users_get_ranked_unseen_items_by_their_original_ids(tmp_path: Path) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "top.parquet"
    assert main(["recommend", "--bundle", str(folder), "--users", "all", "--k", "7", "--out", str(out)]) == 0
    table = pq.read_table(out)
    assert table.column_names == ["user_id", "item_id", "rank", "score"]
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "int32", "float"]
    lists = load(folder).recommend(None, 7)
    rows = table.to_pylist()
    assert [row["user_id"] for row in rows] == [f"u{n}" for n in range(N_USERS) for _ in range(7)]
    assert [row["item_id"] for row in rows] == [f"i{item:02}" for item in lists.items.ravel()]
    assert [row["rank"] for row in rows] == list(range(1, 8)) * N_USERS
    np.testing.assert_allclose([row["score"] for row in rows], lists.scores.ravel(), atol=1e-6)
    seen = {(f"u{user}", f"i{item:02}") for user, item in zip(histories().rows, histories().indices, strict=True)}
    assert not seen & {(row["user_id"], row["item_id"]) for row in rows}


def test_lists_are_written_byte_for_byte_alike_twice(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    outs = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    for out in outs:
        assert main(["recommend", "--bundle", str(folder), "--users", "all", "--out", str(out)]) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def write_users(path: Path, ids: list[str]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"other": ids, "user_id": ids}), path)
    elif path.suffix in (".csv", ".tsv"):
        comma = "," if path.suffix == ".csv" else "\t"
        path.write_text(f"other{comma}user_id\n" + "".join(f"x{comma}{name}\n" for name in ids))
    else:
        path.write_text("\n".join(ids) + "\n\n")
    return path


@pytest.mark.parametrize("name", ["users.txt", "users.csv", "users.tsv", "users.parquet"])
def test_users_come_from_a_file_and_strangers_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "top.parquet"
    users = write_users(tmp_path / name, ["u3", "stranger", "u5", "u3"])
    arguments = ["recommend", "--bundle", str(folder), "--users", str(users), "--k", "4", "--out", str(out)]
    assert main(arguments) == 0
    assert pq.read_table(out)["user_id"].to_pylist() == ["u3"] * 4 + ["stranger"] * 4 + ["u5"] * 4
    errors = capsys.readouterr().err
    assert "unknown users, who get the popularity list (1): stranger" in errors
    assert "1 users have no history" in errors


def test_k_beyond_the_catalogue_ends_sooner_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "top.parquet"
    assert main(["recommend", "--bundle", str(folder), "--users", "all", "--k", "500", "--out", str(out)]) == 0
    assert "k = 500 is more than the 30 items" in capsys.readouterr().err
    assert len(pq.read_table(out)) == N_USERS * N_ITEMS - len(histories().indices)


def test_a_history_is_answered_with_titles_and_written_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "one.parquet"
    arguments = ["recommend", "--bundle", str(folder), "--history", "i00, i03,nope,i29", "--k", "3", "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    answer = load(folder).recommend_history(["i00", "i03"], 3)
    ids = [f"i{item:02}" for item in answer.items if item != 29]
    assert all(f"{name}  Title {int(name[1:])}" in said.out for name in ids)
    assert "unknown items, left aside (1): nope" in said.err
    assert "1 items were touched by nobody and say nothing: i29" in said.err
    table = pq.read_table(out)
    assert table.column_names == ["item_id", "rank", "score"]
    assert table["rank"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("history", "words"), [("", "The history is empty"), ("nope,neither", "Nothing of the history helps")]
)
def test_an_empty_or_unknown_history_gets_popularity_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], history: str, words: str
) -> None:
    assert main(["recommend", "--bundle", str(make_bundle(tmp_path / "b")), "--history", history, "--k", "2"]) == 0
    said = capsys.readouterr()
    assert f"{words}: this is the popularity list" in said.err
    assert f"i{int(np.argmax(model('filter').popularity)):02}" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --users"),
        (["--users", "all", "--history", "a", "--out", "x"], "and not both"),
        (["--users", "all"], "--users needs --out"),
        (["--users", "missing.txt", "--out", "x.parquet"], "missing.txt does not exist"),
        (["--users", "empty.txt", "--out", "x.parquet"], "empty.txt names nothing"),
        (["--users", "wrong.csv", "--out", "x.parquet"], "wrong.csv has no column 'user_id'. It has: a, b"),
        (["--users", "wrong.parquet", "--out", "x.parquet"], "wrong.parquet cannot be read as Parquet"),
        (["--users", "latin.txt", "--out", "x.parquet"], "latin.txt is not UTF-8"),
        (["--users", "folder", "--out", "x.parquet"], "folder is a folder"),
        (["--history", "i00", "--block", "missing.txt"], "missing.txt does not exist; --block takes a file of item"),
        (["--history", "i00", "--allow", "users.txt"], "items that this bundle does not know: u1"),
        (["--history", "i00\ni01"], "--history is no list of ids separated by commas"),
        (["--bundle", "nowhere", "--history", "a"], "no bundle at nowhere"),
        (["--bundle", "folder", "--history", "a"], "folder is no bundle: manifest.json is missing"),
    ],
)
def test_what_cannot_be_used_is_said_plainly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "b")
    (tmp_path / "folder").mkdir()
    files = {"empty.txt": b"\n", "wrong.csv": b"a,b\n1,2\n", "latin.txt": b"\xe9\n", "users.txt": b"u1\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "wrong.parquet").write_bytes(b"PAR1")
    bundle = [] if "--bundle" in arguments else ["--bundle", "b"]
    assert main(["recommend", *bundle, *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


ODD = ("a,b", ' "c"', "d ", "e\u2028f", "g\x0bh", "i\x85j", "k\nl", "007")


def odd_bundle(folder: Path) -> Path:
    """Ids of people and items as somebody's export may hold them."""
    people = pack.People([*ODD, *(f"u{n}" for n in range(N_USERS - len(ODD)))], histories())
    pack.write(folder, model("filter"), [*ODD, *(f"i{n}" for n in range(N_ITEMS - len(ODD)))], people, {})
    return folder


@pytest.mark.parametrize("name", ["users.txt", "users.csv", "users.parquet"])
def test_ids_of_any_characters_are_found_in_files_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder, file, out = odd_bundle(tmp_path / "b"), tmp_path / name, tmp_path / "top.parquet"
    asked = [one for one in ODD if "\n" not in one or file.suffix != ".txt"]
    if file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows([["user_id"], *([one] for one in asked)])
    elif file.suffix == ".txt":
        file.write_text("\r\n".join(asked), encoding="utf-8", newline="")
    else:
        write_users(file, asked)
    assert main(["recommend", "--bundle", str(folder), "--users", str(file), "--k", "1", "--out", str(out)]) == 0
    assert pq.read_table(out)["user_id"].to_pylist() == asked
    assert "unknown" not in capsys.readouterr().err


def test_a_history_names_ids_of_any_characters_in_quotes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = odd_bundle(tmp_path / "b")
    given = ",".join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in ODD)
    assert main(["recommend", "--bundle", str(folder), "--history", f"{given}, i0", "--k", "30"]) == 0
    said = capsys.readouterr()
    assert "unknown" not in said.err
    assert len(said.out.splitlines()) == N_ITEMS - len(ODD)


def test_allowed_and_blocked_items_come_from_files(tmp_path: Path) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "top.parquet"
    (tmp_path / "allow.txt").write_text("i03\ni04\ni05\n", encoding="utf-8")
    (tmp_path / "block.csv").write_text("item_id,why\ni04,sold\n", encoding="utf-8")
    filters = ["--allow", str(tmp_path / "allow.txt"), "--block", str(tmp_path / "block.csv")]
    for asked in (["--history", "i00,i05"], ["--users", "all"]):
        command = ["recommend", "--bundle", str(folder), *asked, *filters, "--k", "9", "--out", str(out)]
        assert main(command) == 0
        assert set(pq.read_table(out)["item_id"].to_pylist()) <= {"i03", "i05"}
    bundle = load(folder)
    answer = bundle.recommend_history(["i00", "i05"], 9, allow=["i03", "i04", "i05"], block=["i04"])
    assert answer.items.tolist() == [3, *[-1] * 8]


def test_a_k_without_bounds_takes_no_memory(tmp_path: Path) -> None:
    folder, out = make_bundle(tmp_path / "b"), tmp_path / "top.parquet"
    most = str(10**15)
    assert main(["recommend", "--bundle", str(folder), "--users", "all", "--k", most, "--out", str(out)]) == 0
    assert main(["similar", "--bundle", str(folder), "--item", "i04", "--k", most]) == 0


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["recommend", "--bundle", "b", "--users", "all", "--out", "out"], "pyarrow"),
        (["add-items", "b", "first.parquet", "--out", "out"], "pyarrow"),
        (["export-onnx", "b", "out"], "onnx"),
    ],
)
def test_a_package_that_is_not_there_is_named(tmp_path: Path, arguments: list[str], package: str) -> None:
    make_bundle(tmp_path / "b")
    code = (
        f"import sys; sys.modules[{package!r}] = None; from recsmith.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"needs the package {package}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_k_below_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["recommend", "--bundle", str(make_bundle(tmp_path / "b")), "--history", "i00", "--k", "0"])
    assert "'0' is not a whole number of at least 1" in capsys.readouterr().err


def test_an_out_that_cannot_be_written_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_bundle(tmp_path / "b")
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "top.parquet"
    assert main(["recommend", "--bundle", str(folder), "--users", "all", "--out", str(out)]) == 1
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("family", ["filter", "gnn"])
def test_vectors_are_written_for_items_and_for_users_with_a_history(tmp_path: Path, family: str) -> None:
    folder, out = make_bundle(tmp_path / "b", family), tmp_path / "vectors.parquet"
    assert main(["embed", "--bundle", str(folder), "--out", str(out)]) == 0
    table = pq.read_table(out)
    assert table.column_names == ["kind", "id", "vector"]
    items, users = load(folder).embed()
    known = [n for n in range(N_USERS) if n != 5]
    assert table["kind"].to_pylist() == ["item"] * N_ITEMS + ["user"] * len(known)
    assert table["id"].to_pylist() == [f"i{n:02}" for n in range(N_ITEMS)] + [f"u{n}" for n in known]
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), np.r_[items, users[known]])


def test_similar_prints_what_the_bundle_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_bundle(tmp_path / "b")
    assert main(["similar", "--bundle", str(folder), "--item", "i04", "--k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    items, cosines = load(folder).similar("i04", 3)
    assert [line.split()[2] for line in lines[1:]] == [f"i{item:02}" for item in items]
    assert [float(line.split()[1]) for line in lines[1:]] == pytest.approx(cosines.tolist(), abs=1e-4)
    assert main(["similar", "--bundle", str(folder), "--item", "zzz"]) == 1
    assert "item 'zzz' is not among the 30 items" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "--users", "all", "--out", "top.parquet"],
        ["recommend", "--users", "users.parquet", "--out", "top.parquet"],
        ["recommend", "--history", "i00,i01", "--out", "one.parquet"],
        ["embed", "--out", "vectors.parquet"],
        ["similar", "--item", "i04"],
        ["inspect", "b"],
    ],
)
def test_commands_that_serve_load_numpy_and_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    make_bundle(tmp_path / "b", "gnn")
    write_users(tmp_path / "users.parquet", ["u1"])
    code = (
        "import json, sys; from recsmith.__main__ import main; status = main(sys.argv[1:]); "
        f"print(json.dumps([status, [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    named = [] if arguments[0] == "inspect" else ["--bundle", "b"]
    command = [sys.executable, "-c", code, arguments[0], *named, *arguments[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]


@pytest.mark.parametrize(("redirect", "status"), [(">/dev/full", 1), (">&-", 0)])
def test_an_output_that_takes_nothing_is_no_traceback(tmp_path: Path, redirect: str, status: int) -> None:
    folder = make_bundle(tmp_path / "b")
    line = f"{sys.executable} -m recsmith recommend --bundle {folder} --history i01 {redirect}"
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    assert ("the output: No space left on device" in result.stderr) == bool(status)
    assert "Exception ignored" not in result.stderr


def test_a_folder_given_as_out_is_refused_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, mine = make_bundle(tmp_path / "b"), tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", encoding="utf-8")
    for command in (["embed"], ["recommend", "--users", "all"]):
        assert main([*command, "--bundle", str(folder), "--out", str(mine)]) == 1
        assert "it is a folder" in capsys.readouterr().err
    assert (mine / "letter.txt").read_text(encoding="utf-8") == "dear"
