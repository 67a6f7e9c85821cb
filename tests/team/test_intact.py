"""Altered bytes are found, named and mended, in the workspace and in DVC's cache."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest
from small_projects import alter, object_of, run

from recsmith.errors import UserError
from tools.intact import Out, chosen, problems, tracked
from tools.verify import inputs


def kinds(project: Path, *targets: str) -> list[tuple[str, str]]:
    found = problems(chosen(tracked(project), targets), project)
    return [(problem.kind, str(problem.out.path)) for problem in found]


def test_what_was_recorded_is_intact(project: Path) -> None:
    result = run(project, sys.executable, "-m", "tools.intact")
    assert (result.returncode, result.stdout) == (0, "intact: 3 outs are what was recorded.\n")


def test_an_altered_object_is_named_with_every_out_that_it_belongs_to(project: Path) -> None:
    alter(object_of(project, "file"))
    assert kinds(project) == [("object", "file"), ("object", "folder"), ("object", "source")]
    assert kinds(project, "file") == [("object", "file")]


def test_an_altered_listing_of_a_folder_is_found_and_the_folder_hashed_as_a_whole(project: Path) -> None:
    alter(object_of(project, "folder"))
    assert kinds(project, "folder") == [("object", "folder")]
    (project / "folder/a").write_text("other", encoding="utf-8")
    assert kinds(project, "folder") == [("object", "folder"), ("file", "folder")]


def test_altered_added_and_lost_files_of_the_workspace_are_told_apart(project: Path) -> None:
    (project / "folder/a").write_text("other", encoding="utf-8")
    (project / "folder/more").write_text("", encoding="utf-8")
    object_of(project, "file").unlink()
    (project / "file").unlink()
    assert sorted(kinds(project, "copy")) == [("extra", "folder"), ("file", "folder"), ("missing", "file")]


def test_a_folder_whose_listing_is_lost_is_hashed_as_dvc_does(project: Path) -> None:
    object_of(project, "folder").unlink()
    assert kinds(project, "folder") == []
    (project / "folder/a").write_text("other", encoding="utf-8")
    assert kinds(project, "folder") == [("file", "folder")]


def test_what_is_only_in_the_cache_is_intact(project: Path) -> None:
    (project / "file").unlink()
    shutil.rmtree(project / "folder")
    assert kinds(project) == []


def test_dvc_takes_the_altered_object_and_the_named_commands_mend_it(project: Path) -> None:
    alter(object_of(project, "file"))
    (project / "file").unlink()
    assert run(project, "dvc", "checkout").returncode == 0
    assert (project / "file").read_text(encoding="utf-8") == "X"
    result = run(project, sys.executable, "-m", "tools.intact", "copy")
    assert result.returncode == 1
    remove, fetch = result.stdout.splitlines()[-2:]
    assert run(project, *shlex.split(remove)).returncode == 0
    assert run(project, *shlex.split(fetch.split("without a remote:")[1].strip(" )"))).returncode == 0
    assert run(project, sys.executable, "-m", "tools.intact", "copy").returncode == 0
    assert (project / "file").read_text(encoding="utf-8") == "a"


def test_an_altered_file_of_the_workspace_alone_comes_back_from_the_cache(project: Path) -> None:
    (project / "file").write_text("other", encoding="utf-8")
    result = run(project, sys.executable, "-m", "tools.intact")
    assert result.stdout.splitlines()[-2:] == ["  rm -rf file", "  dvc checkout copy"]


def test_targets_are_stages_files_folders_above_and_files_inside() -> None:
    outs = [Out(Path("data/a/x"), "1", "a"), Out(Path("data/b"), "2.dir", "b"), Out(Path("data/c"), "3", "data/c.dvc")]
    assert chosen(outs, ["a"]) == outs[:1]
    assert chosen(outs, ["data/b/inside"]) == outs[1:2]
    assert chosen(outs, ["data/c.dvc", "data/a/"]) == [outs[2], outs[0]]
    assert chosen(outs, ["data"]) == chosen(outs, []) == outs


def test_an_unknown_target_is_refused_by_name(project: Path) -> None:
    result = run(project, sys.executable, "-m", "tools.intact", "trian")
    assert result.returncode == 1
    assert (
        "'trian' is neither recorded nor part of what is. Known: copy, source.dvc, and paths of theirs."
        in result.stdout
    )


def test_damaged_data_is_refused_before_a_result_is_run_again(project: Path) -> None:
    inputs._refuse_damaged(project, ["source"])
    damaged = object_of(project, "source")
    alter(damaged)
    with pytest.raises(UserError, match="the data is damaged") as told:
        inputs._refuse_damaged(project, ["source"])
    assert str(damaged.relative_to(project)) in str(told.value)
