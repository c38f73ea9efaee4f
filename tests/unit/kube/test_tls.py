"""TLS settings of the connections to API servers."""

import ssl

from argogrant.kube.tls import client_context


def test_connections_share_the_certificates_of_the_system() -> None:
    """They take almost a megabyte, and a hundred instances have hundreds of pools."""
    assert client_context() is client_context()


def test_connections_that_are_not_verified_do_not_share_settings_with_others() -> None:
    insecure = client_context(insecure=True)

    assert insecure.verify_mode == ssl.CERT_NONE
    assert client_context().verify_mode == ssl.CERT_REQUIRED
