"""S3 as a remote, against a server of S3's interface on loopback; where dvc-s3 and moto are installed (both optional).

``pip install dvc-s3 "moto[server]"`` into a copy of the environment; nothing else here needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from small_projects import clone, done, fetched, sent, set_remote
from workspaces import free_port

from recsmith.errors import UserError
from recsmith.privacy.sealing import VARIABLE

pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed")
boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
BUCKET = "team"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that runs, with one bucket, its keys in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    port = free_port()
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{port}"
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
    yield url
    requests.post(f"{url}/moto-api/reset", timeout=60).raise_for_status()
    server.stop()


def keys(address: str) -> list[str]:
    """What lies in the bucket."""
    found = boto3.client("s3", endpoint_url=address).list_objects_v2(Bucket=BUCKET)
    return [entry["Key"] for entry in found.get("Contents", ())]


def on_s3(project: Path, address: str, bucket: str = BUCKET) -> Path:
    """The project with its remote there."""
    set_remote(project, f"s3://{bucket}/recsmith")
    with (project / ".dvc/config").open("a", encoding="utf-8") as config:
        config.write(f"    endpointurl = {address}\n")
    return project


def test_a_clone_that_pulls_from_s3_has_everything_and_repro_runs_nothing(project: Path, address: str) -> None:
    assert "push: 3 files (0.0 MB) sent, 0 were there already" in sent(on_s3(project, address))
    assert "0 files (0.0 MB) sent, 3 were there already" in sent(project)
    fresh = clone(project)
    assert "pull: 3 files (0.0 MB) fetched" in fetched(fresh)
    assert (fresh / "folder/b").read_text(encoding="utf-8") == "b"
    assert "Running stage" not in done(fresh, "dvc", "repro")


def test_dvc_typed_by_hand_moves_the_same_objects(project: Path, address: str) -> None:
    done(on_s3(project, address), "dvc", "push", "-q")
    assert len(keys(address)) == 3
    assert "0 files (0.0 MB) sent, 3 were there already" in sent(project)
    fresh = clone(project)
    done(fresh, "dvc", "pull", "-q")
    assert (fresh / "file").read_text(encoding="utf-8") == "a"


def test_an_encrypted_remote_may_lie_on_s3(project: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "a key that nobody guesses")
    sent(on_s3(project, address))
    assert {name.split("/")[1] for name in keys(address)} == {"recsmith-sealed.json", "sealed"}
    fresh = clone(project)
    fetched(fresh)
    assert (fresh / "folder/b").read_text(encoding="utf-8") == "b"
    monkeypatch.setenv(VARIABLE, "another key, quite as long")
    with pytest.raises(UserError, match="is encrypted with the key"):
        fetched(fresh)


def test_what_goes_wrong_with_s3_is_said_once(project: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"remote 'team' \(s3://nobodys/recsmith\): the bucket does not exist"):
        sent(on_s3(project, address, bucket="nobodys"))
    monkeypatch.setattr("tools.remotes.transfer.WAITS", ())
    with pytest.raises(UserError, match=r"s3://team/recsmith\) cannot be reached"):
        sent(on_s3(project, f"http://127.0.0.1:{free_port()}"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match=r"refuses the login. Set AWS_ACCESS_KEY_ID"):
        sent(on_s3(project, address))
