"""The connection to a Ray cluster."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from rimlight.core.errors import ConfigError, MissingDependencyError, RimlightError

_PATIENCE_S = 10.0
_LOOPBACK = "127.0.0.1"
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_LONGEST_FOLDER = 20
"""Bytes of the folder of temporary files; Ray's sockets lie deep in it and may have 107."""
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


def import_ray() -> Any:
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
def connect_to_ray(address: str | None, *, cpus: int | None = None) -> Iterator[None]:
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
    if address is None:
        with (
            _make_private_folder() as folder,
            _restrict_to_this_process(),
            _start_cluster(cpus, folder),
        ):
            yield
        return
    ray = import_ray()
    if address != "auto":
        check_reachable(address)
    try:
        ray.init(address=address, **_QUIET)
    except (ConnectionError, ValueError) as exc:
        raise _make_no_cluster_error(address) from exc
    except Exception as exc:  # Ray raises nothing narrower
        ray.shutdown()
        raise RimlightError(
            f"cannot connect to the Ray cluster at {address}: {exc}",
            hint="check that its Ray and Python are of the same version as here",
        ) from exc
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _start_cluster(cpus: int | None, folder: str) -> Iterator[None]:
    """Run a cluster of this process's own, whatever cluster RAY_ADDRESS or a file names."""
    ray = import_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of ours reports to nobody
    try:
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                _node_ip_address=_LOOPBACK,
                _temp_dir=folder,
                **_QUIET,
            )
        except Exception as exc:  # Ray raises nothing narrower when its processes do not come up
            raise RimlightError(
                f"Ray does not start: {exc}", hint="try again when the machine is less busy"
            ) from exc
        outside = {node["NodeManagerAddress"] for node in ray.nodes()} - {_LOOPBACK}
        if outside:
            raise RimlightError(
                f"Ray listens on {sorted(outside)[0]}, where other machines reach it",
                hint="use another version of Ray, or --engine local",
            )
        yield
    finally:
        ray.shutdown()


@contextmanager
def _restrict_to_this_process() -> Iterator[None]:
    """Have Ray bind its ports to the loopback address and take work from this process alone.

    Ray turns 127.0.0.1 into an outer address unless it is told that there are no clusters here. It
    reads that when it is imported; its processes inherit the variables.
    """
    wanted = {
        _CLUSTERS: "0",
        # Not the token in ~/.ray, which other users may read: they could send work as this user.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    import_ray()
    from ray._private import ray_constants

    was_on = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    _read_token_again()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = was_on
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        _read_token_again()


def _read_token_again() -> None:
    """Have Ray forget the token that it read in this process."""
    with suppress(ImportError, AttributeError):  # a Ray without tokens
        raylet: Any = import_module("ray._raylet")
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _make_private_folder() -> Iterator[str]:
    """Yield a folder for Ray's sockets and logs that no other user may enter."""
    usual = tempfile.gettempdir()
    where = usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else "/tmp"
    try:
        folder = tempfile.mkdtemp(prefix="rimlight-ray-", dir=where)
    except OSError as exc:
        raise RimlightError(
            f"Ray does not start: cannot write in {where}: {exc.strerror}",
            hint="name a folder for temporary files with TMPDIR",
        ) from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_reachable(address: str) -> None:
    """Find out at once what Ray would find out in minutes."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f"--address {address!r} must be HOST:PORT, or auto", hint="--address 10.0.0.5:6379"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except (OSError, UnicodeError) as exc:  # "..:80" is no name that could be looked up
        raise _make_no_cluster_error(address) from exc


def _make_no_cluster_error(address: str) -> ConfigError:
    return ConfigError(
        f"there is no Ray cluster at {address}",
        hint="start one: `ray start --head` on one machine, `ray start --address ...` on others",
    )
