"""A name that is typed never leads to another path of the API server."""

import pytest
from typer.testing import CliRunner

from argogrant.cli.main import app
from support.fake_cluster import FakeCluster

ELSEWHERE = "../configmaps/x"
QUESTION = ("can", "ann", "sync", "applications", "team-a/web")


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        pytest.param(("show", ELSEWHERE), "AccessGrant", id="a grant that is shown"),
        pytest.param(("revoke", ELSEWHERE), "AccessGrant", id="one that is revoked"),
        pytest.param(("approve", ELSEWHERE), "AccessGrant", id="one to agree to"),
        pytest.param(
            ("extend", ELSEWHERE, "--by", "1h"), "AccessGrant", id="one to extend"
        ),
        pytest.param(
            (*QUESTION, "--instance", ELSEWHERE), "ArgoCDInstance", id="an instance"
        ),
        pytest.param(
            ("roles", "--instance", ELSEWHERE), "ArgoCDInstance", id="that of roles"
        ),
    ],
)
def test_it_is_refused_before_anything_is_asked(
    cluster: FakeCluster, typed: tuple[str, ...], kind: str
) -> None:
    result = CliRunner().invoke(app, list(typed))

    assert result.exit_code != 0
    assert f'"{ELSEWHERE}" is no name of an {kind}' in result.stderr
    assert cluster.count("get") == 0
