"""Choice in a kubeconfig that needs no server: pods, places and messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from argogrant.kube.kubeconfig import choosing
from argogrant.kube.kubeconfig.choosing import (
    ClientConfig,
    ConnectionOptions,
    read_client_config,
)
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig
from support.kubeconfigs.rows import SECRET, one

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a pod's service account."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("token-of-the-pod")
    (folder / "namespace").write_text("shop\n")
    monkeypatch.setattr(choosing, "SERVICE_ACCOUNT", folder)
    return folder


def choose(
    tmp_path: Path, kubeconfig: Any = None, *, env: Any = None, **options: Any
) -> ClientConfig:
    """Choose in a kubeconfig, or without one."""
    file = tmp_path / "config"
    if kubeconfig is not None:
        file.write_text(json.dumps(kubeconfig).replace("${one}", "https://one.test"))
    environment = {"KUBECONFIG": str(file), **(env or {})}
    return read_client_config(ConnectionOptions(**options), environment)


def plain(**top: Any) -> Any:
    """Return a kubeconfig without certificates."""
    return one(cluster={"server": "${one}"}, **top)


@pytest.mark.usefixtures("account")
def test_pod_is_the_last_resort(tmp_path: Path) -> None:
    assert choose(tmp_path, env=POD).server == "https://10.0.0.1:443"
    assert choose(tmp_path, env=POD).place == "this pod's cluster"
    assert choose(tmp_path, plain(current=""), env=POD).in_cluster
    assert choose(tmp_path, plain(), env=POD).place == "context one"
    assert not choose(tmp_path, plain(), env=POD).in_cluster


@pytest.mark.usefixtures("account")
def test_pod_names_its_namespace(tmp_path: Path) -> None:
    own = {**POD, "POD_NAMESPACE": "depot"}

    assert choose(tmp_path, env=POD).namespace == "shop"
    assert choose(tmp_path, env=own).namespace == "depot"


@pytest.mark.usefixtures("account")
def test_options_apply_to_the_pod(tmp_path: Path) -> None:
    as_eve = choose(tmp_path, env=POD, as_user="eve", as_groups=("a",))
    with_token = choose(tmp_path, env=POD, token="other")
    insecure = choose(tmp_path, env=POD, insecure_skip_tls_verify=True)

    assert (as_eve.user.as_user, as_eve.user.as_groups) == ("eve", ("a",))
    assert (with_token.user.token, with_token.user.token_file) == ("other", "")
    assert insecure.cluster.insecure
    with pytest.raises(InvalidKubeconfig, match="without as"):
        choose(tmp_path, env=POD, as_uid="7")


def test_pod_without_a_namespace_file_names_none(tmp_path: Path, account: Path) -> None:
    (account / "namespace").unlink()

    assert choose(tmp_path, env=POD).namespace == ""


def test_pod_at_an_ipv6_address(tmp_path: Path, account: Path) -> None:
    (account / "ca.crt").write_text("text")
    chosen = choose(tmp_path, env={**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"})

    assert chosen.server == "https://[fd00::1]:443"
    assert chosen.cluster.ca_file == str(account / "ca.crt")


def test_account_that_is_not_mounted_is_no_pod(tmp_path: Path) -> None:
    with pytest.raises(InvalidKubeconfig, match="this is no pod"):
        choose(tmp_path, env=POD)


def test_master_of_the_environment_is_a_server(tmp_path: Path) -> None:
    env = {"KUBERNETES_MASTER": "https://master.test"}

    chosen = choose(tmp_path, env=env, token="x")

    assert chosen.server == "https://master.test"
    assert chosen.place == "server https://master.test"


def test_password_in_a_server_is_not_part_of_the_place(tmp_path: Path) -> None:
    chosen = choose(tmp_path, server="https://eve:s3cr3t@host.test/a@b", token="x")

    assert chosen.place == "server https://host.test/a%40b"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        pytest.param("https://a.test/k8s%2Fc-1/", "/k8s/c-1", id="encoded slash"),
        pytest.param("https://a.test/a/./b/../c", "/a/c", id="dots"),
        pytest.param("https://a.test/..", "", id="dots above the root"),
        pytest.param("https://a.test/a:b@c", "/a:b%40c", id="at sign"),
        pytest.param("https://a.test/a%3Fb%23c", "/a%3Fb%23c", id="encoded query"),
        pytest.param("https://a.test/a%25b", "/a%25b", id="encoded percent sign"),
    ],
)
def test_path_of_a_server_is_normalized(tmp_path: Path, server: str, url: str) -> None:
    chosen = choose(tmp_path, server=server, token="x")

    assert chosen.server == f"https://a.test{url}"


def test_old_file_in_the_home_directory_is_read(tmp_path: Path) -> None:
    folder = tmp_path / ".kube"
    folder.mkdir()
    (folder / ".kubeconfig").write_text(
        json.dumps(plain()).replace("${one}", "https://one.test")
    )

    chosen = read_client_config(ConnectionOptions(), {"HOME": str(tmp_path)})

    assert chosen.context == "one"


def test_refusal_names_the_files_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(InvalidKubeconfig) as failure:
        choose(tmp_path, plain(), context="three")

    assert str(failure.value) == (
        'the context "three" does not exist in the kubeconfig'
        f" (KUBECONFIG={tmp_path}/config). To list contexts, run: kubectl config"
        " get-contexts."
    )


def test_password_in_a_server_is_not_repeated(tmp_path: Path) -> None:
    server = f"http://eve:{SECRET}@one.test"

    with pytest.raises(InvalidKubeconfig) as failure:
        choose(tmp_path, one(cluster={"server": server}))

    assert SECRET not in str(failure.value)
    assert "http://…@one.test" in str(failure.value)
