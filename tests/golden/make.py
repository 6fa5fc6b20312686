"""Writes the golden files: what the program says and makes, pinned so that changes show as diffs.

    python tests/golden/make.py            # all of them
    python tests/golden/make.py help api   # some
    python tests/golden/make.py reference  # docs/reference/ and the index that flags are built from

A rename or a move of code changes `help`, `runs` and `api` in a way that is read as a diff, and
`frames` not at all. `frames` holds a hash, which is exact on one kind of processor, and a few
levels of each frame, which hold within `TOLERANCE` on every kind.
"""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "samples"
REFERENCE = HERE.parents[1] / "docs" / "reference"
TOLERANCE = 3  # levels of 255

FAMILIES = ("sources", "segmenters", "refiners", "effects", "sinks")

PROCESS = "process clip.mkv -o out.mkv"
RUNS = [
    f"{PROCESS} -b white",
    f"{PROCESS} -b in.png --fit fit",
    f"{PROCESS} --blur 20",
    f"{PROCESS} --grayscale",
    f"{PROCESS} -b none",
    f"{PROCESS} -b white --mirror",
    f"{PROCESS} -b white --keep person",
    f"{PROCESS} -b white --keep largest",
    f"{PROCESS} -b white --keep center",
    f"{PROCESS} -b white --model selfie --threads 2",
    f"{PROCESS} -b white --quality fast",
    f"{PROCESS} -b white --quality balanced",
    f"{PROCESS} -b white --quality best --look-ahead 3",
    f"{PROCESS} -b white --audio none --no-resume --overwrite",
    f"{PROCESS} -b white --codec ffv1",
    f"{PROCESS} -b white --codec h264 --crf 20 --preset slow",
    f"{PROCESS} -b white --start 0.04 --end 0.1",
    f"{PROCESS} -b white --stride 2 --max-size 32x32",
    f"{PROCESS} -b white --matte matte.mkv --foreground fg.mkv",
    f"{PROCESS} -b white --set pipeline.queue_size=1 --set sinks.0.segment_s=2",
    f"{PROCESS} -c run.yaml",
    "process clip.mkv -b white -o frames/",
    "process clip.mkv -b white -o -",
    "process clip.mkv -b white -o a.mkv -o b.mp4",
    "process in.png -b white -o out.png",
    "process in.png -b none -o out.webp",
    "process photos -b white -o shop",
    "process photos -b white -r -o shop/ --format webp",
    "process photos -b white -o shop/ --trim --margin 8% --square --output-size 160 --shadow",
    "process photos/*.png -b white -o shop/",
    "process @list.txt -b white -o shop/",
    "live",
    "live --blur 20",
    "live -b in.png",
    "live -b clip.mkv --fit tile",
    "live -b '#00ff00' --mirror",
    "live --blur 20 --source /dev/video2 --sink window",
    "live --blur 20 --source rtsp://user:secret@host/stream --sink video:rec.mkv",
    "live --blur 20 --source test-pattern:64x48 --sink null",
    "live --blur 20 --sink virtual-camera:/dev/video10 --sink http:8080",
    "live --blur 20 --on-demand",
    "live --blur 20 --mask-sync exact",
    "live --blur 20 --quality best --max-latency 200",
    "live --blur 20 --fallback blur",
    "live --grayscale --allow-passthrough",
    "live --blur 20 --keep person --model selfie",
    "road clip.mkv -o painted.mkv",
    "road clip.mkv --report report",
    "road clip.mkv --report report -o painted.mkv --opacity 0.4 --contours",
    "road clip.mkv --model road-lite --keep road -o painted.mkv",
    "road clip.mkv -o painted.mkv --no-legend --show-ego-path",
    "process nope.mp4 -b white -o out.mkv",
    "process clip.mkv -o out.mkv",
    "process clip.mkv -b white --blur 3 -o out.mkv",
    "process clip.mkv -b white -o out.gif",
    "process clip.mkv -b white -o out.mkv --set sinks.0.crff=3",
    "process clip.mkv -b white -o out.mkv --model selfy",
    "live --grayscale",
    "live --blur 0.1",
    "live --background none --sink http:8080",
]

PORTRAIT, ROAD, PHOTO = (
    str(SAMPLES / name) for name in ("portrait.mp4", "road.mp4", "background.jpg")
)
FFV1 = ["--codec", "ffv1"]
CUT = ["--end", "1", "--audio", "none"]
LONGER = ["--end", "3", "--audio", "none", "--set", "sinks.0.segment_s=1"]
FAST = ["--quality", "fast"]
SHOP = ["--trim", "--square", "--output-size", "200"]
BALANCED = ["--quality", "balanced"]
BEST = ["--quality", "best", "--end", "0.3", "--audio", "none"]
COMPILED = ["--set", "pipeline.jit=always"]
FRAMES = {
    "replace.mkv": ["process", PORTRAIT, "-b", PHOTO, *CUT, *FFV1, *FAST],
    "replace-compiled.mkv": ["process", PORTRAIT, "-b", PHOTO, *CUT, *FFV1, *COMPILED, *FAST],
    "blur.mkv": ["process", PORTRAIT, "--blur", "20", *CUT, *FFV1, *FAST],
    "blur-compiled.mkv": ["process", PORTRAIT, "--blur", "20", *CUT, *FFV1, *COMPILED, *FAST],
    "balanced.mkv": ["process", PORTRAIT, "-b", "white", *BALANCED, *CUT, *FFV1],
    "best.mkv": ["process", PORTRAIT, "-b", "white", *BEST, *FFV1],
    "ahead.mkv": ["process", PORTRAIT, "-b", "white", "--look-ahead", "4", *CUT, *FFV1, *FAST],
    "cutout.mkv": ["process", PORTRAIT, "-b", "none", *CUT, *FAST],
    "cut.mkv": ["process", PORTRAIT, "-b", "none", *CUT, "--matte", "matte.mkv", *FFV1, *FAST],
    "resumed.mkv": ["process", PORTRAIT, "-b", PHOTO, *LONGER, *FFV1, *FAST],
    "road.mkv": ["road", ROAD, "--set", "source.end_s=1"],
    "picture.png": ["process", PHOTO, "-b", "white", *FAST],
    "product.png": ["process", PHOTO, "-b", "white", *SHOP, *FAST],
}  # fmt: skip
ENGINES = ("local", "ray")


def make_help():
    """Return {command: its help}."""
    import typer

    from rimlight import cli

    group = typer.main.get_command(cli.app)
    commands = ["rimlight", *(name for name, _ in _walk(group, ""))]
    with _environ(COLUMNS="100", TERM="dumb"):
        return {name: _said(group, [*name.split()[1:], "--help"]) for name in commands}


def make_reference():
    """Write the index of options and `docs/reference/`, which are made of the options' classes."""
    # Flags take their help from the index when they are imported: a process for each step.
    write = "from pathlib import Path; from rimlight.cli.reference import write_reference as w; "
    for code in (
        "from rimlight.cli.options import write_index as w; w()",
        f"{write}w(Path({str(REFERENCE)!r}))",
    ):
        subprocess.run([sys.executable, "-c", code], check=True)


def make_runs():
    """Return {command line: [exit code, the run as YAML or the error]}."""
    import shlex

    from rimlight import cli

    runs = {}
    with _workplace() as folder, _environ(COLUMNS="100", TERM="dumb"):
        for line in RUNS:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.run_words([*shlex.split(line), "--dry-run"])
            said = out.getvalue() if code == 0 else err.getvalue()
            runs[line] = [code, said.replace(str(folder), "FOLDER")]
    return runs


def make_api():
    """Return the public names, the kinds of each family, and the schema of each part's options."""
    import rimlight
    from rimlight.core.config import RunConfig

    kinds = {}
    for family in FAMILIES:
        registry = getattr(import_module(f"rimlight.{family}"), family.upper())
        kinds[family] = {name: _schema(registry, name) for name in registry.names()}
    return {"names": sorted(rimlight.__all__), "run": RunConfig.model_json_schema(), "kinds": kinds}


def make_frames():
    """Return {output: what its frames are} of real runs on the shipped samples."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in FRAMES.items():
            kill_after = 1 if name == "resumed.mkv" else None
            _run([*words, "-o", name], folder, kill_after)
            made[name] = describe_frames(Path(folder, name))
        made["matte.mkv"] = describe_frames(Path(folder, "matte.mkv"))
        for engine in ENGINES:
            words = ["batch", PORTRAIT, "-b", PHOTO, "-o", engine, "--engine", engine, *FAST]
            _run([*words, "--set", "source.end_s=1", "--set", "sinks.0.crf=20"], folder, None)
            made[f"batch-{engine}"] = describe_frames(next(Path(folder, engine).glob("portrait*")))
    return made


def describe_frames(path):
    """Return number, times and exact hash of a file's frames, and a few levels of three of them."""
    from rimlight.system.av import av

    if path.suffix == ".png":
        frames, times = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED)], [0.0]
    else:
        with av.open(str(path)) as clip:
            pictures = list(clip.decode(video=0))
        times = [round(float(p.pts * p.time_base), 6) for p in pictures]
        kind = "bgra" if any(c.is_alpha for c in pictures[0].format.components) else "bgr24"
        frames = [p.to_ndarray(format=kind) for p in pictures]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(frame) for frame in frames)).hexdigest()
    shown = [frames[0], frames[len(frames) // 2], frames[-1]]
    levels = [cv2.resize(f, (4, 4), interpolation=cv2.INTER_AREA).reshape(-1) for f in shown]
    return {
        "frames": len(frames),
        "times": " ".join(map(str, times)),
        "levels": [" ".join(map(str, one)) for one in levels],
        "sha256": digest,
    }


def read_levels(lines):
    """Return the levels that `describe_frames` wrote, int (3, n)."""
    return np.array([[int(level) for level in line.split()] for line in lines])


MAKERS = {"help": make_help, "runs": make_runs, "api": make_api, "frames": make_frames}


def read(name):
    """Return a golden file's content."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def write(name, content):
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _walk(group, prefix):
    for name, command in group.commands.items():
        full = f"{prefix or 'rimlight '}{name}"
        yield full, command
        yield from _walk(command, f"{full} ") if hasattr(command, "commands") else ()


def _said(group, words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        group.main(args=words, prog_name="rimlight", standalone_mode=False)
    return out.getvalue().splitlines()


def _schema(registry, name):
    from rimlight.core.errors import MissingDependencyError

    try:
        return registry.load(name).Options.model_json_schema()
    except MissingDependencyError as exc:
        return str(exc)


@contextlib.contextmanager
def _environ(**values):
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _workplace():
    """A working folder with a clip, pictures, a list and a config."""
    sys.path.insert(0, str(HERE.parent))
    from clip_maker import write_video

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            write_video("clip.mkv", stamps=range(0, 120, 40))
            Path("photos").mkdir()
            for name in ("in.png", "photos/a.png", "photos/b.png"):
                cv2.imwrite(name, np.full((48, 64, 3), 90, np.uint8))
            Path("list.txt").write_text("in.png\nphotos/a.png\n")
            Path("run.yaml").write_text("effects: [{kind: replace, background: white}]\n")
            yield Path(folder)
        finally:
            os.chdir(before)


def _run(words, folder, kill_after):
    """Run rimlight in `folder`; kill it after `kill_after` segments, then run it again."""
    command = [sys.executable, "-m", "rimlight", *words]
    if kill_after:
        first = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        journal = Path(folder, f".{words[-1]}.rimlight")
        while first.poll() is None and len(list(journal.glob("0*"))) < kill_after + 1:
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")


def main():
    names = sys.argv[1:] or ["reference", *MAKERS]
    if "reference" in names:
        make_reference()
    for name in names:
        if name != "reference":
            write(name, MAKERS[name]())


if __name__ == "__main__":
    main()
