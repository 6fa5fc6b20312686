"""What to do next, in the words of the command that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

# What errors of the library say in terms of options -> the flag, and the key for commands without
# that flag.
_OPTIONS = {
    "overwrite=true": ("--overwrite", "sinks.0.overwrite=true"),
    "audio=none": ("--audio none", "sinks.0.audio=none"),
    "private=true": ("--private", "sinks.0.private=true"),
    "format=png": ("--format png", "sinks.0.format=png"),
    "tone_map=true": ("--tone-map", "source.tone_map=true"),
    "max_size": ("--max-size", "source.max_size=..."),
    "models_dir": ("--models-dir", "segmenter.models_dir=..."),
    "model=yolov8n-seg": ("--model yolov8n-seg", "segmenter.model=yolov8n-seg"),
    "allow_passthrough=true": ("--allow-passthrough", "pipeline.allow_passthrough=true"),
}
_OPTION = re.compile(
    r"(?<![\w.])(?:set |use )?(" + "|".join(map(re.escape, _OPTIONS)) + r")(?![\w.])"
)
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_PROGRAM = re.compile(r"\b(rimlight|pip|ffmpeg|ffplay|systemctl|modprobe|apt|magick|ray) ")


def fit_hint(hint: str, command: Any) -> str:
    """Return `hint` with options as flags of `command`, without clauses about other flags.

    A hint that holds a whole command line, of rimlight or of another program, is left as it is.

    Args:
        hint: what an error says to do.
        command: the click command that failed; None when it is not known.
    """
    if command is None or _PROGRAM.search(hint):
        return hint
    known = set(_options(command))

    def fit(match: re.Match[str]) -> str:
        flag, key = _OPTIONS[match[1]]
        verb = "add " if match[0].startswith("set ") else ""
        return verb + (flag if flag.split()[0] in known else f"--set {key}")

    fitted = _OPTION.sub(fit, hint)
    clauses = [c for c in fitted.split("; ") if not set(_FLAG.findall(c)) - known]
    return "; ".join(clauses)


def hint_for_usage(error: Any, words: Sequence[str]) -> str:
    """Return what to do about a command line that cannot be parsed, "" where its error says it.

    Args:
        error: click's UsageError.
        words: the command line without the program.
    """
    command = error.ctx.command if getattr(error, "ctx", None) else None
    if command is None:
        return ""
    return (
        _for_one_dash(words, command)
        or _for_unknown(getattr(error, "option_name", None), command)
        or _for_several_inputs(error, command)
        or _for_value(getattr(error, "param", None), words, command)
    )


def find_command(group: Any, words: Sequence[str]) -> Any:
    """Return the click command that `words` name, None where they name none."""
    for word in words:
        inner = getattr(group, "commands", {}).get(word)
        if inner is None:
            break
        group = inner
    return None if hasattr(group, "commands") else group


def _options(command: Any) -> Iterator[str]:
    for param in command.params:
        yield from (*param.opts, *param.secondary_opts)
    yield from ("--help", "-h")


def _for_one_dash(words: Sequence[str], command: Any) -> str:
    """Name `-background`, which click reads as `-b ackground`."""
    known = set(_options(command))
    meant = [f"-{word}" for word in words if re.fullmatch(r"-[a-z][a-z-]{2,}", word)]
    found = [word for word in meant if word in known]
    return f"write {found[0]}, with two dashes" if found else ""


def _for_unknown(name: str | None, command: Any) -> str:
    """Guess the flag whose letters, in their order, are those of an unknown one."""
    letters = (name or "").lstrip("-")
    if not letters:
        return ""
    pattern = re.compile(".*".join(map(re.escape, letters)))
    near = [o for o in _options(command) if o.startswith("--") and o[2:3] == letters[0]]
    found = sorted(option for option in near if pattern.match(option[2:]))
    return f"did you mean {' or '.join(found)}?" if found else ""


def _for_several_inputs(error: Any, command: Any) -> str:
    is_extra = "unexpected extra argument" in error.format_message().lower()
    if not is_extra or command.name != "process":
        return ""
    return "one input at a time here; for several: rimlight batch INPUT INPUT ... -o FOLDER"


def _for_value(param: Any, words: Sequence[str], command: Any) -> str:
    if param is None or not getattr(param, "help", None):
        return ""
    is_size = any(re.fullmatch(r"\d+[xX]\d+", word) for word in words)
    if is_size and param.opts[0] == "--output-size" and "--max-size" in set(_options(command)):
        return "--output-size takes one number; --max-size WIDTHxHEIGHT scales pictures down to fit"
    return f"{param.opts[0]}: {param.help}" if param.opts[0].startswith("-") else ""
