"""A batch on a Ray cluster makes the very files that one machine makes, nodes that die or not."""

import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from clip_maker import write_video
from media_files import decoded, frame_times

from rimlight.batch.local_pool import LocalPool
from rimlight.batch.plan import make_plan
from rimlight.batch.ray_pool import RayPool
from rimlight.batch.ray_session import connect_to_ray
from rimlight.batch.run import Batch
from rimlight.core.errors import ConfigError, RimlightError
from rimlight.factory.presets import build_config

# Ray reads it when it is imported: nodes then meet on the loopback address, not on the network.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
pytest.importorskip("ray", reason="needs the extra [ray]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray's own sockets and log files
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "long.mp4", size=(128, 96), codec="libx264", stamps=uneven(30))
    write_video(tmp_path / "in" / "short.mp4", size=(128, 96), codec="libx264", stamps=uneven(1))
    return tmp_path


def uneven(seconds):
    return [stamp for n, stamp in enumerate(range(0, seconds * 1000, 40)) if n % 7 != 3]


def describe(task):
    return build_config(
        "process", source=task.source, sinks=[task.target],
        segmenter={"kind": "threshold"}, effects=[{"kind": "replace", "background": "white"}],
        options={"video": {"resume": "auto", "segment_s": 1, "codec": "ffv1", "threads": 1}},
    )  # fmt: skip


def done(folder, out, pool):
    tasks = make_plan([str(folder / "in")], out, suffix=".mkv")
    return list(Batch(folder / "record", describe).run(tasks, pool))


def assert_equal_to_local(folder, out):
    done(folder, str(folder / "local"), LocalPool(1))
    for name in ("long", "short"):
        assert decoded(out / f"{name}.mkv") == decoded(folder / "local" / f"{name}.mkv")
        assert frame_times(out / f"{name}.mkv") == frame_times(folder / "in" / f"{name}.mp4")


def test_a_node_that_is_killed_costs_nothing_of_the_result(folder):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=node_args())
    second = cluster.add_node(**node_args(), wait=True)
    killed = []

    def kill_one_when_chunks_are_under_way(frames):
        if sum(frames) and not killed:
            killed.append(pool.size)
            second.kill_raylet(check_alive=False)

    try:
        with connect_to_ray(cluster.address):
            pool = RayPool(chunk_s=Fraction(1))
            pool.set_callbacks(kill_one_when_chunks_are_under_way, lambda *_: None)
            entries = done(folder, str(folder / "ray"), pool)
    finally:
        cluster.shutdown()
    assert killed == [2]
    assert [entry.error for entry in entries] == ["", ""]
    assert_equal_to_local(folder, folder / "ray")
    assert sorted(p.name for p in (folder / "ray").iterdir()) == ["long.mkv", "short.mkv"]


def dying_once(step, mark):
    def act(*given):
        answer = step(*given)
        if answer.outcome is not None and not mark.exists():
            mark.touch()
            os._exit(1)
        return answer

    return act


def test_workers_that_die_when_their_results_are_there_cost_nothing(folder):
    with connect_to_ray(None, cpus=2):
        for out, place in (("near", str(folder / "near")), ("far", f"file://{folder}/far")):
            pool = RayPool(chunk_s=Fraction(10))
            pool._remote = {
                step: pool._ray.remote(max_retries=5)(dying_once(step, folder / f"{n}-{out}"))
                for n, step in enumerate(pool._remote)
            }
            (folder / out).mkdir()
            tasks = make_plan([str(folder / "in")], place, suffix=".mkv")
            entries = list(Batch(folder / f"record-{out}", describe).run(tasks, pool))
            assert [entry.error for entry in entries] == ["", ""]
            assert all((folder / f"{n}-{out}").exists() for n in range(3))
            assert_equal_to_local(folder, folder / out)
            assert sorted(p.name for p in (folder / out).iterdir()) == ["long.mkv", "short.mkv"]


def node_args():
    return {
        "num_cpus": 1,
        "include_dashboard": False,
        "object_store_memory": 100 << 20,
    }


def test_results_by_address_and_chunks_of_a_run_that_was_stopped(folder):
    out = f"file://{folder}/ray"
    with connect_to_ray(None, cpus=2):
        pool = RayPool(chunk_s=Fraction(1))
        pool.set_callbacks(stop_after_some, lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            done(folder, out, pool)
        kept = list((folder / "ray" / ".long.mkv.chunks").rglob("chunk-*.json"))
        assert kept and all(json.loads(chunk.read_text()) for chunk in kept)
        before = {chunk: chunk.stat().st_mtime_ns for chunk in kept}
        pool.set_callbacks(lambda _: unchanged(before), lambda *_: None)
        done(folder, out, pool)
    assert_equal_to_local(folder, folder / "ray")
    assert sorted(p.name for p in (folder / "ray").iterdir()) == ["long.mkv", "short.mkv"]


def stop_after_some(frames):
    if sum(frames) > 100:
        raise KeyboardInterrupt


def unchanged(before):
    assert all(stamp == p.stat().st_mtime_ns for p, stamp in before.items() if p.exists())


def test_an_input_that_is_broken_fails_alone(folder):
    Path(folder / "in" / "short.mp4").write_bytes(b"not a video at all")
    with connect_to_ray(None, cpus=2):
        entries = done(folder, str(folder / "ray"), RayPool(chunk_s=Fraction(10)))
    assert {Path(e.source).name: e.state for e in entries} == {
        "long.mp4": "done",
        "short.mp4": "failed",
    }


def test_a_cluster_that_does_not_start_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc")  # where nobody can make a folder
    with (
        pytest.raises(RimlightError, match="does not start") as caught,
        connect_to_ray(None, cpus=1),
    ):
        pass
    assert caught.value.hint


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:1"), connect_to_ray("127.0.0.1:1"):
        pass


# What the sockets of this process and its descendants listen on.
LISTENING = """
import os, sys
from pathlib import Path
from rimlight.batch.ray_session import connect_to_ray

def addresses():
    ours = set()
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.getsid(int(fd.parts[2])) == os.getsid(0):
                ours.add(os.readlink(fd))
        except OSError:
            pass
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in ours:
                yield words[1].partition(":")[0]

with connect_to_ray(None, cpus=1):
    import ray
    print(ray.nodes()[0]["NodeManagerAddress"], *sorted(set(addresses())))
"""
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_a_cluster_of_its_own_is_reached_from_this_machine_only_whatever_ray_is_told(tmp_path):
    foreign = {"RAY_ADDRESS": "192.0.2.9:6379", "RAY_AUTH_MODE": "disabled"}
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", LISTENING], capture_output=True, text=True, timeout=120, check=False,
        env={**env, **foreign, "HOME": str(tmp_path)}, start_new_session=True,
    )  # fmt: skip
    address, *listening = done.stdout.split()
    assert address == "127.0.0.1" and set(listening) <= LOOPBACK and len(listening) > 1, done.stderr
    assert not (tmp_path / ".ray").exists()
