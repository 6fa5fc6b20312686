"""Imports point down: one table says who may use whom, and the source is read to see who does."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rimlight

ROOT = Path(rimlight.__file__).parent
FAMILIES = ("sources", "segmenters", "refiners", "effects", "sinks")

# Each package of src/rimlight and what of ours it may import, besides itself. Two parts of core are
# layers of their own: "base" needs nothing, and "protocols" holds what other families may be
# named by in annotations.
BASE = {"addresses", "documents", "errors", "interchange", "printable", "wording"}
MAY_IMPORT = {
    "base": "",
    "system": "base",
    "reporting": "base system",
    "imaging": "system",
    "core": "base imaging",
    "protocols": "core",
    "media": "base core imaging system",
    "sources": "base core imaging media protocols system",
    "segmenters": "base core imaging protocols system",
    "refiners": "base core imaging protocols",
    "effects": "base core imaging media protocols system",
    "web": "base core imaging protocols system",
    "sinks": "base core imaging media protocols system web",
    "pipeline": "base core imaging protocols",
    "models": "base core segmenters system",
    "factory": "base core effects imaging models pipeline protocols refiners segmenters sinks "
    "sources system",
    "live": "base core effects factory imaging pipeline protocols refiners sinks sources system",
    "offline": "base core effects factory imaging pipeline protocols system",
    "road": "base core factory imaging offline reporting sources system",
    "redaction": "base core factory imaging models protocols refiners reporting segmenters sources "
    "system",
    "doctor": "base models segmenters system",
    "batch": "base core factory media models offline pipeline protocols reporting sinks sources "
    "system",
    "lab": "base core effects factory imaging models pipeline protocols refiners reporting "
    "segmenters sources system",
    "cli": "*",
    "__init__": "*",
    "__main__": "cli",
}
TOPS = {"cli", "__init__", "__main__"}


def modules():
    return sorted(ROOT.rglob("*.py"))


def relative(path):
    return path.relative_to(ROOT).as_posix()


def layer(module):
    """The line of the table that a path such as ("pipeline", "runner") belongs to."""
    if module[:2] == ("core", "protocols"):
        return "protocols"
    if module[:1] == ("core",) and module[1:2] and module[1] in BASE:
        return "base"
    return module[0] if module else "__init__"


def imported(path, *, at_run_time=False):
    """Every module that a file imports, anywhere in it, as dotted names."""
    for node in walk(ast.parse(path.read_text()), at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "rimlight":
            yield from (f"rimlight.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def walk(node, *, at_run_time):
    """Every node below this one; `at_run_time` leaves out `if TYPE_CHECKING:` blocks."""
    yield node
    if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from walk(child, at_run_time=at_run_time)


def layers_used_by(path):
    """What of ours a file imports; `rimlight.__version__` belongs to no layer."""
    ours = (name.split(".")[1:] for name in imported(path) if name.split(".")[0] == "rimlight")
    return {layer(tuple(name)) for name in ours if name[:1] != ["__version__"]}


def importers_of(*packages):
    return {
        relative(path)
        for path in modules()
        if any(name.split(".")[0] in packages for name in imported(path, at_run_time=True))
    }


def allowed(name):
    words = set(MAY_IMPORT[name].split())
    everything = set(MAY_IMPORT) - TOPS if "*" in words else set()
    return {name} | words - {"*"} | everything


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_a_module_imports_only_what_lies_below_it(path):
    own = layer(path.relative_to(ROOT).with_suffix("").parts)
    assert own in MAY_IMPORT, f"{own} is new: say in MAY_IMPORT what it may import"
    assert layers_used_by(path) <= allowed(own)


def test_the_table_itself_has_no_circle():
    graph = {name: allowed(name) - {name} for name in MAY_IMPORT}
    assert list(TopologicalSorter(graph).static_order())


def test_the_table_keeps_the_families_apart():
    for family in FAMILIES:
        assert not allowed(family) & (set(FAMILIES) - {family})


def test_only_the_command_line_uses_the_lab():
    assert [name for name in MAY_IMPORT if "lab" in allowed(name) - {name}] == ["cli", "__init__"]


def test_the_pipeline_knows_no_implementation():
    assert not allowed("pipeline") & set(FAMILIES)


def test_threads_are_started_in_three_places_only():
    # Locks, Events and Conditions are free: close() may be called from another thread.
    starters = {relative(path) for path in modules() if names_in(path) & {"Thread", "Timer"}}
    assert starters == {"pipeline/stages.py", "sinks/threaded.py", "web/server.py"}
    assert not importers_of("_thread")


def names_in(path):
    """Every attribute, plain name and imported name that a file mentions, annotations too."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    used = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    used |= {n.id for n in nodes if isinstance(n, ast.Name)}
    return used | {n.name for n in nodes if isinstance(n, ast.alias)}


def test_nothing_works_in_pools_or_on_event_loops_but_batches_and_the_web_server():
    importers = importers_of("concurrent", "multiprocessing", "asyncio")
    assert {name for name in importers if not name.startswith(("batch/", "web/"))} == set()


def test_only_the_command_line_talks_to_a_terminal():
    assert {name.split("/")[0] for name in importers_of("typer", "rich", "argparse")} == {"cli"}


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_only_the_command_line_prints_exits_or_reads_argv(path):
    if relative(path).startswith("cli/"):
        return
    tree = ast.parse(path.read_text())
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and is_name(n.func)}
    of_sys = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and is_sys(n.value)}
    assert not called & {"print", "input", "exit", "quit"}
    assert not of_sys & {"exit", "argv"}


def is_name(node):
    return isinstance(node, ast.Name)


def is_sys(node):
    return isinstance(node, ast.Name) and node.id == "sys"


def test_only_libav_imports_av():
    assert importers_of("av") == {"system/av.py"}


def test_only_one_sink_imports_the_gpl_package():
    assert importers_of("pyvirtualcam") == {"sinks/virtual_camera.py"}


def test_tensorflow_is_imported_by_training_and_one_segmenter_only():
    importers = importers_of("tensorflow", "keras")
    assert {name for name in importers if not name.startswith("lab/training/")} == {
        "segmenters/keras.py"
    }


def test_only_one_module_imports_onnx_runtime():
    assert importers_of("onnxruntime") == {"segmenters/onnx_devices.py"}
