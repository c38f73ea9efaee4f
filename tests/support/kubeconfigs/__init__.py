"""Kubeconfigs, and the servers, proxies and plugins that they name."""
