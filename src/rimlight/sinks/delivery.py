"""What `deliver: NAME` means: suffix, codec, sound, range and alpha that a program reads.

The targets are data, in `configs/deliver.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rimlight.core.documents import parse_yaml, read_text
from rimlight.core.errors import ConfigError
from rimlight.core.registry import suggest
from rimlight.system import app_paths
from rimlight.system.file_kinds import WRITABLE_IMAGE_SUFFIXES

AlphaMode = Literal["straight", "premultiplied"]


class ResultForm(BaseModel):
    """The form of a result, opaque or transparent.

    Attributes:
        suffix: of the file; ".exr" means a folder with a file for each frame.
        codec: name of the codec.
        audio: the codec of all sound; None where there is none.
        range: "limited" if readers take it for granted; None: as the input.
        alpha: how colors relate to alpha.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    suffix: str
    codec: str
    audio: Literal["pcm", "aac", "opus"] | None = None
    range: Literal["limited"] | None = None
    alpha: AlphaMode | None = None

    def describe(self) -> str:
        """Return the form in words."""
        parts = [self.codec]
        parts += [f"sound {self.audio}"] if self.audio else []
        parts += [f"{self.range} range"] if self.range else []
        parts += [f"{self.alpha} alpha"] if self.alpha else []
        return ", ".join(parts)


class DeliveryTarget(BaseModel):
    """A program that results are made for.

    Attributes:
        about: the program.
        opaque: the form of results without alpha.
        transparent: that of results with alpha; None if it reads none.
        hdr: that of HDR videos; None: as opaque ones.
        note: what a user should know.
        documents: where its maker says what it reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    opaque: ResultForm
    transparent: ResultForm | None = None
    hdr: ResultForm | None = None
    note: str = ""
    documents: tuple[str, ...] = ()

    @property
    def is_image_sequence(self) -> bool:
        """Results are folders of images."""
        return self.opaque.suffix == ".exr"

    def choose_form(self, *, transparent: bool) -> ResultForm:
        """Return the form of a result.

        Raises:
            ConfigError: the program reads no alpha.
        """
        if transparent and self.transparent is None:
            raise ConfigError(
                f"{self.about} plays no transparent video",
                hint="put a background behind the person, such as a color",
            )
        return (self.transparent if transparent else None) or self.opaque


@cache
def read_targets() -> Mapping[str, DeliveryTarget]:
    """Read the targets by name."""
    text = read_text(app_paths.find_data_folder("configs") / "deliver.yaml")
    return {name: DeliveryTarget(**target) for name, target in parse_yaml(text).items()}


def find_target(name: str) -> DeliveryTarget:
    """Return a target.

    Raises:
        ConfigError: there is none of that name.
    """
    targets = read_targets()
    if name not in targets:
        raise ConfigError(f"unknown target {name!r}", hint=suggest(name, tuple(targets)))
    return targets[name]


def complete_output(spec: str, name: str, *, transparent: bool) -> str:
    """Return where a result goes: `spec`, with the suffix of its target if it has none.

    Args:
        spec: what the user wrote.
        name: the target.
        transparent: the result has alpha.

    Raises:
        ConfigError: the target is unknown, or another form than `spec` is needed for it.
    """
    target = find_target(name)
    own = PurePath(spec).suffix.lower()
    if target.is_image_sequence:
        if own and not spec.endswith("/"):
            raise ConfigError(
                f"{target.about} gets a folder with an image for each frame, not {spec}",
                hint=f"name a folder: {PurePath(spec).with_suffix('')}/",
            )
        return spec.rstrip("/") + "/"
    suffix = target.choose_form(transparent=transparent).suffix
    if own in WRITABLE_IMAGE_SUFFIXES or spec.endswith("/"):
        video = PurePath(spec).with_suffix(suffix)
        raise ConfigError(f"{target.about} gets a video, not {spec}", hint=f"write {video}")
    return spec if own else spec + suffix


def check_suffix(path: str, name: str, *, transparent: bool) -> ResultForm:
    """Return the form of the result `path` for a target.

    Raises:
        ConfigError: the target is unknown, or the suffix is that of another form.
    """
    target = find_target(name)
    form = target.choose_form(transparent=transparent)
    given = PurePath(path)
    if given.suffix.lower() != form.suffix:
        what = "transparent" if transparent else "opaque"
        raise ConfigError(
            f"{target.about} gets {what} video as {form.suffix}, not {given.suffix}: {path}",
            hint=f"write {given.with_suffix(form.suffix)}",
        )
    return form


def make_sink_options(name: str | None) -> dict[str, dict[str, Any]]:
    """Return sink kind -> the options of a target; nothing without one.

    Raises:
        ConfigError: the target is unknown.
    """
    if name is None:
        return {}
    target = find_target(name)
    if not target.is_image_sequence:
        return {"video": {"deliver": name}}
    form = target.transparent or target.opaque
    return {"images": {"format": form.codec, "alpha": form.alpha}}
