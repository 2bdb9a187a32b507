"""The demo talks to this machine only, at its own port, whatever the environment names."""

import os

import pytest

from gantoolkit.demo.command import forget_ports, forget_proxies

httpx = pytest.importorskip("httpx")

SETTINGS = [
    {"ALL_PROXY": "socks5://127.0.0.1:1080"},
    {"all_proxy": "socks://127.0.0.1:1080"},
    {"HTTP_PROXY": "foo://x", "https_proxy": "http://127.0.0.1:9"},
    {"no_proxy": "::1,fd00::/8,localhost", "http_proxy": "http://127.0.0.1:9"},
    {"NO_PROXY": "[bad", "HTTPS_PROXY": "http://127.0.0.1:9"},
    {"http_proxy": "http://127.0.0.1:9"},
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_proxy_setting_reaches_the_server(monkeypatch, setting):
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"], **setting})
    forget_proxies()
    from urllib.request import getproxies_environment

    proxies = getproxies_environment()
    assert set(proxies) <= {"no"} and proxies.get("no") == "*"
    with httpx.Client() as client:  # ends in an exception where a setting is not understood
        assert not any(client._mounts.values())


def test_ports_of_the_environment_do_not_count(monkeypatch):
    """Gradio reads these two as numbers once it is imported."""
    monkeypatch.setattr(os, "environ", {"GRADIO_SERVER_PORT": "abc", "GRADIO_NUM_PORTS": "-"})
    forget_ports()
    assert os.environ == {}
