"""Names of the command line cannot lead to another path of the API server."""

import pytest
from click.testing import CliRunner

from argogrant.cli.main import app
from support.fake_cluster import FakeCluster

PATH = "../configmaps/x"
CAN = ("can", "ann", "sync", "applications", "team-a/web")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        pytest.param(("show", PATH), "AccessGrant", id="show"),
        pytest.param(("revoke", PATH), "AccessGrant", id="revoke"),
        pytest.param(("approve", PATH), "AccessGrant", id="approve"),
        pytest.param(("extend", PATH, "--by", "1h"), "AccessGrant", id="extend"),
        pytest.param((*CAN, "--instance", PATH), "ArgoCDInstance", id="can --instance"),
        pytest.param(
            ("roles", "--instance", PATH), "ArgoCDInstance", id="roles --instance"
        ),
    ],
)
def test_path_is_rejected_before_any_request(
    cluster: FakeCluster, words: tuple[str, ...], kind: str
) -> None:
    result = CliRunner().invoke(app, list(words))

    assert result.exit_code != 0
    assert f'"{PATH}" is not a valid name of an {kind}' in result.stderr
    assert cluster.count("get") == 0
