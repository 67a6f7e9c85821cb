"""The nodes of one search: checked, given code and graph, watched while trials run there, left as they were found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nni.experiment.config import RemoteConfig, RemoteMachineConfig

from recsmith.errors import UserError
from recsmith.files import write_text
from recsmith.search.nni_service import Place
from recsmith.search.nodes import ready
from recsmith.search.nodes.agent import WHAT_TRIALS_WRITE
from recsmith.search.nodes.carry import CODE_FILES, Parcel, code, parcel
from recsmith.search.nodes.link import Link, NodeLost, Talk
from recsmith.search.nodes.ready import Ready
from recsmith.search.nodes.trial import SLOTS
from recsmith.search.store import Answers
from recsmith.search.task import TASK, Task

Say = Callable[[str], None]
ANSWER_SECONDS = 60.0
SIGNATURES = {"ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"]}
"""Host key -> how it signs, where that is not its own name."""


@dataclass
class Member:
    """A node that takes part."""

    ready: Ready
    talk: Talk | None = None
    given: set[str] = field(default_factory=set)
    """Names of the records that it has."""

    @property
    def name(self) -> str:
        """How it is called."""
        return self.ready.link.node.name

    def exchange(self, files: dict[str, str]) -> dict[str, str]:
        """Give it files; gives what its trials have written since. NodeLost where it does not answer."""
        if self.talk is None:
            raise NodeLost(self.name)
        return json.loads(self.talk.ask(json.dumps(files), ANSWER_SECONDS))


@dataclass
class Crew:
    """All nodes of a search."""

    task: Task
    say: Say
    members: list[Member]
    parcels: dict[str, str]
    """Kind of parcel -> its folder's name on every node."""
    lost: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """NNI's name of a trial -> the node that it began on."""
    folder: Path = Path()
    """Of the run's answers, here."""

    def begin(self, answers: Answers, run: str, word: str) -> None:
        """Start a run called ``run`` on every node; whatever of it is left there is known by ``word``."""
        self.folder = answers.folder
        for member in list(self.members):
            try:
                self._begin_on(member, run, word)
            except NodeLost as error:
                self._lose(member, error)

    def _begin_on(self, member: Member, run: str, word: str) -> None:
        place, records = f"{member.ready.folder}/runs/{run}", _records(self.task)
        code = f"PYTHONPATH={member.ready.folder}/{self.parcels['code']}"
        agent = [_python(member.ready), "-m", "recsmith.search.nodes.agent", place, word]
        member.talk = member.ready.link.start(["env", code, *agent])
        member.given = set(records)
        slots = json.dumps(member.ready.link.node.slots)
        member.exchange({TASK: self._task_at(member.ready, place).model_dump_json(), SLOTS: slots, **records})

    def _task_at(self, at: Ready, place: str) -> Task:
        data, node = f"{at.folder}/{self.parcels['graph']}", {"nodes": ()}
        paths = {"graph": f"{data}/graph", "valid": f"{data}/valid", "spectra": f"{at.folder}/spectra"}
        return self.task.model_copy(update={**paths, **node, "folder": place})

    def place(self, run: str, home: Path) -> Place:
        """The nodes as NNI sees them; it calls back through tunnels, so on its own loopback."""
        machines = [_machine(member.ready) for member in self.members]
        service = RemoteConfig(machine_list=machines, nni_manager_ip="127.0.0.1", reuse_mode=False)
        # Of the same shell text on every node; its private environment sets both variables.
        code = f'PYTHONPATH="$RECSMITH_NODE/{self.parcels["code"]}"'
        command = f'{code} exec "$RECSMITH_PYTHON" -m recsmith.search.nodes.trial "$RECSMITH_NODE/runs/{run}"'
        # NNI sends the folder that trials start in, and will not send an empty one; our code has travelled already.
        start = home / "start"
        write_text(start / "README", "Trials start here; what they run lies elsewhere.\n")
        return Place(command, start, service, away=True)

    def variables(self, port: int) -> dict[str, str]:
        """What ``nodes.cjs`` needs to know: keys, places, and a tunnel of each node to ``port`` here."""
        facts = {member.name: _facts(member.ready.link, port) for member in self.members}
        return {"RECSMITH_NODES": json.dumps(facts)}

    def gather(self) -> None:
        """Take what trials wrote, records before answers, and let every node know of it; a lost one is said."""
        for member in list(self.members):
            try:
                self._take(member, member.exchange(self._unknown_to(member)))
            except NodeLost as error:
                self._lose(member, error)

    def _lose(self, member: Member, error: NodeLost) -> None:
        self.lost.append(member.name)
        self.members.remove(member)
        self.say(f"Node {error} is lost; its trials count as failed, the other nodes go on.")
        if not self.members:
            raise UserError(
                f"search.nodes: all nodes are lost ({', '.join(self.lost)}). Finished trials are kept: run again when "
                "they are back."
            )

    def _unknown_to(self, member: Member) -> dict[str, str]:
        """Records that others made, so that nothing is trained twice."""
        missing = _records(self.task, member.given)
        member.given |= set(missing)
        return missing

    def _take(self, member: Member, files: dict[str, str]) -> None:
        for name, text in files.items():
            if not WHAT_TRIALS_WRITE.fullmatch(name):
                raise NodeLost(f"{member.name} (it sent a file {name!r} that no trial writes)")
            kind, _, rest = name.partition("/")
            if kind == "trials":
                member.given.add(name)
                write_text(Path(self.task.folder) / name, text)
                continue
            write_text(self.folder / rest, text)
            if rest.startswith("started/"):
                self.places[Path(rest).stem] = member.name

    def why(self, job: str) -> str | None:
        """What ended a trial, where that was the loss of its node."""
        place = self.places.get(job)
        return f"Node {place} was lost in the middle of the trial." if place in self.lost else None

    def end(self) -> None:
        """End what runs on the nodes; they remove what was the run's."""
        for member in self.members:
            if member.talk is not None:
                with suppress(NodeLost):
                    member.talk.finish("end", ANSWER_SECONDS)
                member.talk = None


def _records(task: Task, known: Iterable[str] = ()) -> dict[str, str]:
    """Finished trials by the name of their file."""
    folder = Path(task.folder)
    names = {f"trials/{path.name}" for path in (folder / "trials").glob("*.json")} - set(known)
    return {name: (folder / name).read_text(encoding="utf-8") for name in sorted(names)}


def _python(at: Ready) -> str:
    return f"{at.environment}/venv/bin/python"


def _machine(at: Ready) -> RemoteMachineConfig:
    node = at.link.node
    return RemoteMachineConfig(
        host=node.host,
        port=node.port,
        user=node.user,
        ssh_key_file=str(Path(node.key_file).expanduser()),
        python_path=f"{at.environment}/venv/bin",
        # Not handed to NNI: its scheduler refuses a machine's only GPU, and one number holds for all machines.
        # Trials take a GPU that is free (recsmith.search.nodes.trial).
        use_active_gpu=True,
        max_trial_number_per_gpu=1,
    )


def _facts(link: Link, port: int) -> dict[str, Any]:
    key = link.host_key
    name = key.get_algorithm()
    facts = {"key": key.export_public_key("openssh").split()[1].decode(), "algorithms": SIGNATURES.get(name, [name])}
    return {**facts, "tunnel": link.tunnel(port), "slots": len(link.node.slots)}


@contextmanager
def mustered(task: Task, say: Say) -> Iterator[Crew | None]:
    """The nodes of ``task``, ready for trials; None where there are none.

    Raises UserError that names the node and what to do: unreachable, a wrong key on either side, no interpreter, a
    package that is missing, a torch that is not allowed.
    """
    if not task.nodes:
        yield None
        return
    links: list[Link] = []
    try:
        for node in task.nodes:
            links.append(Link(node))
        found = [ready.check(link, same_torch=task.same_torch) for link in links]
        ready.table(found, say)
        yield Crew(task, say, [Member(one) for one in found], _carried(task, found, say))
    except NodeLost as error:
        raise UserError(f"search.nodes: {error} was lost. Finished trials are kept; run again.") from error
    finally:
        for link in links:
            link.close()


def _carried(task: Task, found: list[Ready], say: Say) -> dict[str, str]:
    names = {}
    data = {"graph": Path(task.graph), "valid": Path(task.valid)}
    with parcel("code", code(), CODE_FILES) as ours, parcel("graph", data) as graph:
        for kind, one in {"code": ours, "graph": graph}.items():
            names[kind] = one.name
            for node in found:
                _send(one, node, say)
    for node in found:
        ready.make_environment(node)
    return names


def _send(one: Parcel, node: Ready, say: Say) -> None:
    travelled = one.send(node.link, node.link.node.python, node.folder)
    say(f"{node.link.node.name}: {one.name} {'sent' if travelled else 'is there'}")
