"""Whatever is asked for, and whatever ends a run: no file that it did not make changes.

Random folders of pictures, videos and other files with names that meet, links and planted names;
random commands with results anywhere; kills. Each command runs in a forked child, so that it can be
killed. `RIMLIGHT_FILE_CASES` sets how many cases there are.
"""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import cv2
import numpy as np
import pytest
from clip_maker import write_video

from rimlight.batch.run import Batch
from rimlight.batch.worker import FrameCounter, capture_errors, run_config
from rimlight.cli import run_words
from rimlight.core.config import parse_run

CASES = int(os.environ.get("RIMLIGHT_FILE_CASES", "100"))
SEED = int(os.environ.get("RIMLIGHT_FILE_SEED", "0"))

STEMS = ("a", "A", "b", "a.b", "é", "e\u0301", "x" * 245, "frame_000000", "a-2", "-o", "p q")
PICTURES = (".jpg", ".JPG", ".png", ".webp", ".bmp", ".tif", ".jpeg")
VIDEOS = (".mp4", ".mov", ".mkv")
OTHERS = ("summary.html", "manifest.jsonl", "index.html", "frames.csv", "drive.json", "r.json",
          "a.preview.png", ".a.part.png", ".a.mp4.rimlight", "thumbnails", "notes.txt")  # fmt: skip
FOLDERS = ("in", "in/sub", "in/.hidden", "out", "out/sub", "beside")
KILLED = -9


def make_samples(folder):
    """Return a config, and the bytes of one small file of each kind."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 4), dtype=np.uint8)
    contents = {}
    for suffix in PICTURES:
        pixels = noise if suffix in (".png", ".webp") else noise[..., :3]
        contents[suffix] = cv2.imencode(suffix.lower(), np.ascontiguousarray(pixels))[1].tobytes()
    for suffix in VIDEOS:
        path = folder / f"clip{suffix}"
        write_video(path, size=(32, 24), stamps=range(0, 120, 40), codec="libx264")
        contents[suffix] = path.read_bytes()
    config = folder / "run.yaml"
    config.write_text("segmenter: {kind: threshold}\n")
    (folder / "a.png").write_bytes(contents[".png"])
    import_all(folder, config)
    return config, contents


def import_all(folder, config):
    """Import what commands import, so that the children need not."""
    cv2.setNumThreads(1)
    more = ("-c", str(config), "-q")
    clip, picture = str(folder / "clip.mp4"), str(folder / "a.png")
    for words in (
        ("process", clip, "-b", "white", "-o", str(folder / "out.mp4")),
        ("process", picture, "-b", "none", "-o", str(folder / "out.png"), "--preview", "1"),
        ("process", picture, "-b", "none", "-o", f"{folder}/out/", "--dry-run"),
        ("road", clip, "-o", str(folder / "road.mp4"), "--report", str(folder / "report")),
    ):
        assert run_words([*words, *more]) == 0
    batch([clip, picture, "-b", "none", "-o", str(folder / "batch")], config, overwrite=False)


class World:
    """A folder of somebody's files, and what is known of them."""

    def __init__(self, top, dice, contents):
        self.top, self.dice, self.contents = top, dice, contents
        self.edited = set()
        for name in ("w", "elsewhere"):
            (top / name).mkdir()
        self.here = top / "w"
        for name in FOLDERS:
            if dice.random() < 0.7:
                (self.here / name).mkdir(parents=True, exist_ok=True)
        (self.here / "in").mkdir(exist_ok=True)
        self.fill()
        self.before = self.seen()

    def fill(self):
        (self.top / "elsewhere" / "precious.txt").write_text("precious")
        (self.top / "elsewhere" / "a.png").write_bytes(self.contents[".png"])
        for number in range(self.dice.randint(3, 12)):
            self.place(self.anywhere() / self.name(), number)

    def anywhere(self):
        folders = [self.here, *(p for p in self.here.rglob("*") if p.is_dir())]
        return self.dice.choice([*folders, self.here / "in"])

    def name(self):
        if self.dice.random() < 0.2:
            return self.dice.choice(OTHERS)
        return self.dice.choice(STEMS) + self.dice.choice(PICTURES + VIDEOS[:2])

    def place(self, path, number):
        files = [p for p in self.top.rglob("*") if p.is_file()]
        how = self.dice.random()
        with contextlib.suppress(OSError):
            if how < 0.1:
                path.symlink_to(self.dice.choice(files))
            elif how < 0.15:
                os.link(self.dice.choice(files), path)
            elif how < 0.18:
                path.symlink_to(self.top / "elsewhere")
            elif how < 0.28 or path.suffix not in self.contents:
                path.write_text(f"{path.name} of somebody {number}")
            else:
                path.write_bytes(self.contents[path.suffix])

    def seen(self):
        """Return what lies where: bytes, or where a link leads."""
        found = {}
        for path in sorted(self.top.rglob("*")):
            if path.is_symlink():
                found[path] = ("link", os.readlink(path))
            elif path.is_file():
                found[path] = ("file", hashlib.sha256(path.read_bytes()).hexdigest())
        return found

    def edit_a_result(self):
        """Let somebody change one of the files that a run made, which makes it theirs."""
        made = [
            path
            for path, (kind, what) in self.seen().items()
            if path not in self.before and kind == "file" and what not in self.edited
        ]
        made = [path for path in made if path.suffix in self.contents and not self.is_own(path)]
        if made:
            path = self.dice.choice(made)
            text = f"edited {path.name} {self.dice.random()}"
            path.write_text(text)
            self.edited.add(hashlib.sha256(text.encode()).hexdigest())

    def is_own(self, path):
        """Return True for what rimlight keeps for itself, and nobody edits."""
        parts = path.relative_to(self.top).parts
        return "thumbnails" in parts or any(part.startswith(".") for part in parts)

    def words(self):
        """Return a random command line."""
        dice = self.dice
        command = dice.choice(("process", "process", "process", "batch", "batch", "road"))
        if command == "batch":
            inputs = [self.source() for _ in range(dice.randint(1, 3))]
            return ["batch", *inputs, "-b", dice.choice(("white", "none")), "-o", self.folder()]
        words = [command, self.source()]
        if command == "process":
            words += ["-b", dice.choice(("white", "none")), "-o", self.target()]
            words += dice.choice(([], [], ["--matte", self.target()], ["-o", self.target()]))
            words += dice.choice(
                ([], [], ["--format", dice.choice(("png", "jpg", "webp"))], ["-r"])
            )
            words += dice.choice(([], [], [], ["--no-resume"], ["--preview", "1"], ["--dry-run"]))
        else:
            words += dice.choice((["-o", self.target()], ["--report", self.folder()]))
        return words

    def source(self):
        files = [p for p in self.before if p.is_file() and p.suffix in self.contents]
        inside = [str(p.relative_to(self.here)) for p in files if p.is_relative_to(self.here)]
        named = self.dice.choice(inside or ["in"])
        return self.dice.choice(("in", "in", ".", "in/*.jpg", f"./{named}", f"./{named}"))

    def folder(self):
        return self.dice.choice(
            ("out", "new", "in", ".", "in/out", "out/sub", "../w/out", "beside")
        )

    def target(self):
        if self.dice.random() < 0.5:
            return f"{self.folder()}/"
        return str(
            Path(
                self.folder(), self.dice.choice(STEMS) + self.dice.choice((".png", ".jpg", *VIDEOS))
            )
        )


class Here:
    """Does the jobs of a batch one after the other, in this process."""

    threads, size, processors = 1, 1, 1

    def watch(self, on_tick, on_kill):
        pass

    def run(self, jobs):
        for job in jobs:
            counted = FrameCounter(job.thumbnail, [0])
            run = parse_run(job.run, where="the batch")
            yield (
                job,
                capture_errors(lambda run=run, counted=counted: run_config(run, counted), counted),
            )


def batch(words, config, *, overwrite):
    """Do what `rimlight batch` does, without processes of its own."""
    from rimlight.batch.plan import make_plan
    from rimlight.factory.presets import background_effects, build_config

    *inputs, _, background, _, out = words
    still = ".png" if background == "none" else None

    def describe(task):
        kind = "video" if task.kind == "video" else "images"
        return build_config(
            "process",
            source=f"{kind}:{task.source}",
            sinks=[f"{kind}:{task.target}{'/' if task.kind == 'folder' else ''}"],
            effects=background_effects(background=background, blur=None),
            config=config,
            options={"video": {"resume": "auto"}},
        )

    tasks = make_plan(inputs, out, suffix=".mov" if still else ".mp4", still=still)
    work = Batch(Path(out), describe, still=still, overwrite=overwrite)
    todo = work.select_tasks(tasks, retry_failed=False)
    work.check(tasks, todo)
    failed = [entry for entry in work.run(todo.tasks, Here()) if entry.state == "failed"]
    work.write_summary(tasks, out)
    return 1 if failed else 0


def run(world, words, config, *, overwrite, kill_after_s, log):
    """Run a command in a child; return its exit code, and whether it told of a fault of ours."""
    child = os.fork()
    if not child:
        try:
            os.chdir(world.here)
            told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(told, 1), os.dup2(told, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            os._exit(in_child(words, config, overwrite=overwrite))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(99)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(words, config, *, overwrite):
    from rimlight.core.errors import RimlightError

    cv2.setNumThreads(1)
    if words[0] == "batch":
        try:
            return batch(words[1:], config, overwrite=overwrite)
        except RimlightError as exc:
            sys.stderr.write(f"error: {exc}\n")
            return exc.exit_code
    more = ["--overwrite"] if overwrite else []
    code = run_words([*words, "-c", str(config), "-q", *more])
    sys.stdout.flush(), sys.stderr.flush()
    return code


def changed(world, *, overwrite, sources):
    """Return the files of somebody that are not as they were."""
    now = world.seen()
    wanted = world.before
    if overwrite:  # all but inputs, and what lies elsewhere, may be replaced
        elsewhere = world.top / "elsewhere"
        wanted = {p: v for p, v in wanted.items() if p in sources or p.is_relative_to(elsewhere)}
    lost = [str(p.relative_to(world.top)) for p, what in wanted.items() if now.get(p) != what]
    strays = [str(p) for p in now if p.is_relative_to(world.top / "elsewhere") and p not in wanted]
    contents = {what for _, what in now.values()}
    return lost, strays, [] if overwrite else sorted(world.edited - contents)


def sources_of(words, world):
    """Return the files that a command reads, where it names them one by one."""
    ends = {"-o", "-b"}
    end = next(i for i, word in enumerate(words) if word in ends or word.startswith("--"))
    named = words[1:end]
    return {world.here / word for word in named if (world.here / word).is_file()}


def try_one(number, top, samples):
    config, contents = samples
    dice = random.Random(f"{SEED}-{number}")
    world = World(top, dice, contents)
    words = world.words()
    overwrite = dice.random() < 0.15
    log = top.parent / f"{top.name}.log"
    done = []
    for _ in range(dice.randint(1, 3)):
        kill_after_s = dice.choice((None, None, dice.uniform(0.0, 0.3)))
        code = run(world, words, config, overwrite=overwrite, kill_after_s=kill_after_s, log=log)
        told = log.read_text(errors="replace") if log.exists() else ""
        done.append((words, code, told[-800:]))
        assert "Traceback" not in told and code in (0, 1, 2, 3, 5, KILLED), done
        assert changed(world, overwrite=overwrite, sources=sources_of(words, world)) == (
            [],
            [],
            [],
        ), done
        if dice.random() < 0.3:
            world.edit_a_result()
        if dice.random() < 0.2:
            words = world.words()


@pytest.mark.slow
def test_no_file_of_others_ever_changes(tmp_path):
    # In a process of its own: one that has loaded TensorFlow must not fork.
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


def main(folder):
    """Try all cases below `folder`; the first that fails ends the process with its error."""
    (folder / "samples").mkdir()
    samples = make_samples(folder / "samples")
    for number in range(CASES):
        top = folder / str(number)
        top.mkdir()
        try:
            try_one(number, top, samples)
        except AssertionError as exc:
            exc.add_note(f"case {number} of seed {SEED}")
            raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
