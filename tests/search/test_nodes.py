"""Nodes: who is let in, what travels, what is refused by name, and that nothing of the owner's is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes_of import cache, node
from searches import task, tastes
from ssh_servers import Server, serving

from recsmith.config.base import parse
from recsmith.config.nodes import Node
from recsmith.config.search import Search
from recsmith.errors import UserError
from recsmith.search import drive
from recsmith.search.nodes import carry, ready
from recsmith.search.nodes.agent import news, take
from recsmith.search.nodes.crew import mustered
from recsmith.search.nodes.link import Link
from recsmith.search.nodes.trial import take_slot


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node whose host key is known."""
    with serving(tmp_path_factory.mktemp("node") / "server") as one:
        one.accept()
        yield one


def of(server: Server, **values: Any) -> Node:
    return parse(node(server, **values), Node, "params.yaml: search.nodes[0]")


def refused(server: Server, **values: Any) -> str:
    with pytest.raises(UserError) as caught:
        Link(of(server, **values)).close()
    return str(caught.value)


def test_a_node_that_does_not_answer_is_named_with_what_to_do(server: Server) -> None:
    said = refused(server, port=1)
    assert "@127.0.0.1:1 cannot be reached" in said
    assert "params.yaml: search.nodes" in said
    assert "Finished trials are kept" in said


def test_a_key_that_the_node_does_not_accept_is_named(server: Server, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    said = refused(server, key_file=str(tmp_path / "other"))
    assert f"127.0.0.1:{server.port} does not let" in said
    assert "authorized_keys" in said


def test_a_key_file_that_is_missing_or_locked_is_named(server: Server, tmp_path: Path) -> None:
    assert "key_file /nowhere/key cannot be used" in refused(server, key_file="/nowhere/key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(tmp_path / "locked")], check=True)
    assert "without a passphrase" in refused(server, key_file=str(tmp_path / "locked"))


def test_a_host_that_is_not_known_or_has_another_key_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    said = refused(server, known_hosts=str(tmp_path / "empty"))
    assert f"the host key of [127.0.0.1]:{server.port} is unknown: ssh-ed25519 SHA256:" in said
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {tmp_path / 'empty'}" in said
    other = (server.folder / "user.pub").read_text(encoding="utf-8")
    (tmp_path / "changed").write_text(f"[127.0.0.1]:{server.port} {other}", encoding="utf-8")
    assert "CHANGED" in refused(server, known_hosts=str(tmp_path / "changed"))


def test_a_pinned_host_key_is_the_only_one_that_counts(server: Server) -> None:
    host = " ".join((server.folder / "host.pub").read_text(encoding="utf-8").split()[:2])
    Link(of(server, host_key=host, known_hosts="/nowhere")).close()
    user = " ".join((server.folder / "user.pub").read_text(encoding="utf-8").split()[:2])
    assert "has another key than params.yaml: search.nodes says in host_key" in refused(server, host_key=user)
    assert "host_key of" in refused(server, host_key="ssh-ed25519 nonsense")


def checked(server: Server, same_torch: bool = False, **values: Any) -> ready.Ready:
    link = Link(of(server, **values))
    try:
        return ready.check(link, same_torch=same_torch)
    finally:
        link.close()


def test_an_interpreter_that_is_not_there_is_named(server: Server) -> None:
    with pytest.raises(UserError, match=r"127.0.0.1:\d+ has no interpreter that runs at /opt/none/bin/python"):
        checked(server, python="/opt/none/bin/python")


def test_an_interpreter_has_to_be_named_by_its_absolute_path(server: Server) -> None:
    with pytest.raises(UserError, match=r"search.nodes\[0\].python = 'python3': name the interpreter by its absolute"):
        of(server, python="python3")


def test_a_package_that_is_missing_is_named(server: Server, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(UserError, match="lacks torch, numpy; install them there"):
        checked(server, python=str(tmp_path / "bare/bin/python"))


def test_gpus_that_torch_does_not_see_are_refused(server: Server) -> None:
    with pytest.raises(UserError, match=r"gpus = \[63\], but torch sees \d+ GPU"):
        checked(server, gpus=[63])


def test_another_torch_is_said_or_refused_as_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "version", lambda name: "1.2.3")
    said: list[str] = []
    ready.table([checked(server)], said.append)
    assert said[0].split()[:4] == ["node", "python", "torch", "numpy"]
    assert "torch differs from the 1.2.3 here" in said[1]
    with pytest.raises(UserError, match=r"here 1.2.3, and search.same_torch is true"):
        checked(server, same_torch=True)


def test_what_travels_travels_once_and_again_where_it_is_not_intact(server: Server, tmp_path: Path) -> None:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/file").write_bytes(b"1" * 5000)
    link, place = Link(of(server)), cache(server)
    place.mkdir(exist_ok=True)
    with carry.parcel("test", {"part": tmp_path / "tree"}) as one:
        sent = place / one.name
        assert one.send(link, sys.executable, str(place))
        assert (sent / "part/deep/file").read_bytes() == b"1" * 5000
        assert not one.send(link, sys.executable, str(place))
        (sent / "part/deep/file").write_bytes(b"2" * 5000)
        assert one.send(link, sys.executable, str(place))
        assert (sent / "part/deep/file").read_bytes() == b"1" * 5000
    link.close()


def test_the_agent_gives_each_file_of_trials_once_records_first_and_nothing_else(tmp_path: Path) -> None:
    told: dict[str, int] = {}
    take(tmp_path, {"task.json": "{}", "trials/aa.json": "from the driver"}, told)
    for name in ("answers/0.json", "answers/started/Ab1.json", "trials/bb.json", "answers/notes.json", "lease.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    found = news(tmp_path, told)
    assert list(found) == ["trials/bb.json", "answers/started/Ab1.json", "answers/0.json"]
    assert news(tmp_path, told) == {}


def test_each_trial_at_a_time_gets_a_place_of_its_own(tmp_path: Path) -> None:
    slots = list(
        parse({"host": "a", "user": "b", "python": "/p", "gpus": [1, 3], "trials_per_gpu": 2}, Node, "x").slots
    )
    assert slots == ["1", "1", "3", "3"]
    taken = [take_slot(tmp_path, slots) for _ in slots]
    assert [gpus for gpus, _ in taken] == slots
    taken[2][1].release()
    assert take_slot(tmp_path, slots)[0] == "3"


def test_a_strategy_that_trains_in_this_process_refuses_nodes(server: Server, tmp_path: Path) -> None:
    described = task(
        tastes(tmp_path / "data"), tmp_path / "work", nodes=[node(server)], strategy="regularized_evolution"
    )
    with pytest.raises(UserError, match=r"regularized_evolution trains in this process and uses no nodes.*tpe"):
        drive.search(described, tmp_path / "work", print)


def test_trials_at_a_time_are_the_places_of_all_nodes(tmp_path: Path) -> None:
    nodes = [{"host": "a", "user": "b", "python": "/p", "gpus": [0, 1]}, {"host": "c", "user": "b", "python": "/p"}]
    assert task(tastes(tmp_path / "data"), tmp_path / "work", nodes=nodes).concurrency == 3
    assert Search().nodes == ()


@pytest.mark.slow
def test_a_private_environment_that_cannot_be_made_says_what_pip_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "INSTALLED", {"absent": " @ file:///nowhere/absent-1-py3-none-any.whl"})
    described = task(tastes(tmp_path / "data"), tmp_path / "work", nodes=[node(server)])
    with pytest.raises(UserError) as caught, mustered(described, print):
        pass
    said = str(caught.value)
    assert f"127.0.0.1:{server.port}: its private environment" in said
    assert "/nowhere/absent" in said, said
    assert "Let pip reach an index there" in said
    assert not list(cache(server).glob("environment-*/ready"))


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    found = [path for path in folder.rglob("*") if not path.is_symlink()]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in found}


@pytest.mark.slow
def test_the_private_environment_is_made_once_and_nothing_of_the_owner_s_is_touched(
    server: Server, tmp_path: Path
) -> None:
    owner = tmp_path / "owner"
    subprocess.run([sys.executable, "-m", "venv", str(owner)], check=True)
    (site,) = (owner / "lib").glob("python*/site-packages")
    (ours,) = (path for path in sys.path if path.endswith("site-packages"))
    own = ("nni", "recsmith", "__editable__", "pip", "distutils", "_distutils", "__pycache__")
    for name in os.listdir(ours):  # all packages but the project itself and NNI, which is to come from the index
        if not name.startswith(own) and not (site / name).exists():
            (site / name).symlink_to(Path(ours) / name)
    before = files_of(owner)
    described = task(
        tastes(tmp_path / "data"), tmp_path / "work", nodes=[node(server, python=str(owner / "bin/python"))]
    )
    said: list[str] = []
    for _ in range(2):
        with mustered(described, said.append):
            pass
    assert files_of(owner) == before
    assert sum("sent" in line for line in said) == sum("is there" in line for line in said) == 2
    (python,) = cache(server).glob("environment-*/venv/bin/python")
    shown = subprocess.run([python, "-c", "import nni, torch, os; print(nni.__file__, os.environ['HOME'])"],
                           capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    assert all(str(cache(server)) in path for path in shown)
    again = subprocess.run([python, "-m", "pip", "install", "nni", "--upgrade"], capture_output=True, text=True)
    assert again.returncode == 0
    assert "Successfully installed" not in again.stdout
