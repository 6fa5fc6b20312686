"""The connection to a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rimlight.errors import ConfigError, MissingDependencyError, RimlightError

_PATIENCE_S = 10.0


def ray_module() -> Any:
    """Return the module `ray`.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import ray
    except ImportError as exc:
        raise MissingDependencyError(
            f"--engine ray needs {exc.name}, which is not installed",
            hint="pip install 'rimlight[ray]'",
        ) from exc
    return ray


@contextmanager
def connected(address: str | None, *, cpus: int | None = None) -> Iterator[None]:
    """Be connected to a cluster while the block lasts.

    Args:
        address: of the cluster's head, "auto" for the one that this machine belongs to; None for
            one of its own on this machine that is reached from nowhere else.
        cpus: how many processors such a one lends; None for all.

    Raises:
        MissingDependencyError: Ray is not installed.
        ConfigError: there is no cluster at `address`.
        RimlightError: the cluster of its own does not start.
    """
    ray = ray_module()
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours reports to nobody
    if address not in {None, "auto"}:
        _knock(str(address))
    try:
        if address is None:
            ray.init(num_cpus=cpus, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError) as exc:
        raise _absent(str(address)) from exc
    except Exception as exc:  # Ray raises nothing narrower when its processes do not come up
        ray.shutdown()
        raise RimlightError(
            f"Ray does not start: {exc}", hint="try again when the machine is less busy"
        ) from exc
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Find out at once what Ray would find out in minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--address {address!r} must be HOST:PORT, or auto", hint="--address 10.0.0.5:6379"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except (OSError, UnicodeError) as exc:  # "..:80" is no name that could be looked up
        raise _absent(address) from exc


def _absent(address: str) -> ConfigError:
    return ConfigError(
        f"there is no Ray cluster at {address}",
        hint="start one: `ray start --head` on one machine, `ray start --address ...` on others",
    )
