"""`rimlight options`: every option of every component, and the index that flags are built from.

The index `options.json` lies next to this file, so that `--help` can show the choices, bounds and
defaults of options without importing the components. `python tests/golden/make.py reference`
writes it, and `docs/reference/` from it, after a change of an `Options` class.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from rimlight.core.option_fields import OptionField, describe_fields

INDEX = Path(__file__).with_name("options.json")

FAMILIES = {
    "sources": "where frames come from",
    "segmenters": "what computes the mask of a frame",
    "refiners": "what improves masks",
    "effects": "what is done with a frame and its mask",
    "sinks": "where results go",
    "run": "what holds for a whole run",
    "deliver": "programs that results are made for (--deliver)",
    "models": "model cards and importers",
    "road": "reports of a drive",
    "training": "training, distillation, pruning and evaluation",
}
"""Family -> what its components are."""

_REGISTRIES = ("sources", "segmenters", "refiners", "effects", "sinks")
_MODELS = {
    "segmenters.model": (
        "rimlight.core.config:ModelOptions",
        "a model by name or file",
    ),
    "sources.*": ("rimlight.core.config:SourceConfig", "options of every source"),
    "sinks.*": ("rimlight.core.config:SinkConfig", "options of every sink"),
    "run.run": ("rimlight.core.config:RunConfig", "the top level of a configuration file"),
    "run.pipeline": ("rimlight.core.config:PipelineConfig", "queues, masks and latency"),
    "run.profile": ("rimlight.live.profiles:Profile", "a profile of `rimlight ctl profile`"),
    "models.card": ("rimlight.core.model_card:ModelCard", "a model card"),
    "models.import-openvino": ("rimlight.lab.importers.road:ImportOptions", "an imported network"),
    "road.rule": ("rimlight.road.rules:Rule", "an event of the report"),
    "training.train": ("rimlight.lab.training.options:TrainOptions", "`rimlight train`"),
    "training.distill": (
        "rimlight.lab.training.compression_options:DistillOptions",
        "`rimlight distill`, in addition to those of train",
    ),
    "training.prune": (
        "rimlight.lab.training.compression_options:PruneOptions",
        "`rimlight prune`",
    ),
    "training.setup": ("rimlight.lab.evaluation.setups:SetupConfig", "a setup of `rimlight eval`"),
}
"""Component -> where its options are written, in addition to the registries, and what it is."""

_ELSEWHERE = {"training.distill": "training.train"}  # a subclass lists its own options only

Index = Mapping[str, Mapping[str, Mapping[str, Any]]]


def options(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="A family (effects), a component (replace, sinks.video) or an option (crf).",
        ),
    ] = None,
    *,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the reference as Markdown files here."),
    ] = None,
) -> None:
    """List the options of every source, model, effect and sink.

    Each can be set in a YAML file, or with --set, as in --set sinks.0.crf=20.

      rimlight options effects

      rimlight options replace

      rimlight options crf
    """
    if markdown is not None:
        from rimlight.cli.reference import write_reference

        write_reference(markdown)
        typer.echo(f"wrote {markdown}")
    elif names:
        typer.echo("\n\n".join(format_options(name) for name in names))
    else:
        typer.echo("\n\n".join(_format_family(name) for name in FAMILIES))


@cache
def load_index() -> Index:
    """Read the index of all options: family -> component -> summary, extra and options."""
    data: Index = json.loads(INDEX.read_text(encoding="utf-8"))
    return data


def find_field(address: str) -> OptionField:
    """Return the option at "family.component.option"; one without a description if unknown."""
    family, component, option = address.split(".", 2)
    found = load_index().get(family, {}).get(component, {}).get("options", {}).get(option)
    return OptionField("any") if found is None else OptionField.from_dict(found)


def list_fields(family: str, component: str) -> dict[str, OptionField]:
    """Return the options of a component by name."""
    described = load_index()[family][component]["options"]
    return {name: OptionField.from_dict(field) for name, field in described.items()}


def build_index() -> Index:
    """Import every component and describe its options; takes seconds."""
    from importlib import import_module

    from rimlight.core.errors import MissingDependencyError

    index: dict[str, dict[str, dict[str, Any]]] = {family: {} for family in FAMILIES}
    for family in _REGISTRIES:
        registry = getattr(import_module(f"rimlight.{family}"), family.upper())
        for name in registry.names():
            entry = registry.entry(name)
            try:
                described = _describe(registry.load(name).Options)
            except MissingDependencyError:  # not installed here: described before
                described = dict(load_index()[family][name]["options"])
            about = {"summary": entry.summary, "extra": entry.extra, "options": described}
            index[family][name] = about
    for place, (target, summary) in _MODELS.items():
        family, name = place.split(".")
        module, _, attribute = target.partition(":")
        described = _describe(getattr(import_module(module), attribute))
        inherited = index[family].get(_ELSEWHERE.get(place, "").partition(".")[2], {})
        own = {key: f for key, f in described.items() if key not in inherited.get("options", {})}
        index[family][name] = {"summary": summary, "extra": None, "options": own}
    index["deliver"] = _describe_targets()
    return {family: dict(sorted(components.items())) for family, components in index.items()}


def _describe_targets() -> dict[str, dict[str, Any]]:
    """Describe the targets of `--deliver` as components whose options are the forms of a result."""
    from rimlight.sinks.delivery import read_targets

    described: dict[str, dict[str, Any]] = {}
    for name, target in read_targets().items():
        forms = {"opaque": target.opaque, "transparent": target.transparent}
        forms |= {"hdr": target.hdr} if target.hdr else {}
        rows = {
            key: OptionField(form.suffix, form.describe())
            if form
            else OptionField("none", "refused")
            for key, form in forms.items()
        }
        rows["documents"] = OptionField("URLs", " ".join(target.documents))
        summary = target.about + (f"; {target.note}" if target.note else "")
        fields = {key: field.to_dict() for key, field in rows.items()}
        described[name] = {"summary": summary, "extra": None, "options": fields}
    return described


def write_index() -> None:
    """Write the index that `load_index` reads, and the first lines of the commands' help."""
    from rimlight.cli.commands import SUMMARIES, read_summaries

    for path, content in ((INDEX, build_index()), (SUMMARIES, read_summaries())):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    load_index.cache_clear()


def format_options(name: str) -> str:
    """Return the options of a family, a component or an option's name, for a terminal.

    Raises:
        ConfigError: nothing has that name.
    """
    index = load_index()
    if name in FAMILIES:
        return "\n\n".join(_format_component(name, each) for each in index[name])
    places = [(f, c) for f in index for c in index[f] if name in (c, f"{f}.{c}")]
    if places:
        return "\n\n".join(_format_component(*place) for place in places)
    if found := list(_find_options(name)):
        return "\n".join(found)
    raise _make_unknown_error(name)


def _describe(model: Any) -> dict[str, dict[str, Any]]:
    fields = describe_fields(model.model_json_schema())
    return {
        name: field.to_dict()
        for name, field in fields.items()
        if name != "kind" and not name.startswith("pipeline.")
    }


def _find_options(name: str) -> Iterator[str]:
    """Yield every option of that name, whichever component has it."""
    for family, components in load_index().items():
        for component in components:
            for option, field in list_fields(family, component).items():
                if name in (option, option.rpartition(".")[2], f"{family}.{component}.{option}"):
                    yield from _format_field(f"{family}.{component}.{option}", field)


def _make_unknown_error(name: str) -> Exception:
    from rimlight.core.errors import ConfigError
    from rimlight.core.registry import find_near

    index = load_index()
    components = {component for family in index.values() for component in family}
    options = {o for f in index.values() for c in f.values() for o in c["options"]}
    near = find_near(name, (*FAMILIES, *sorted(components), *sorted(options)))
    hint = f"did you mean {near!r}? " if near else ""
    return ConfigError(
        f"no family, component or option is called {name!r}",
        hint=f"{hint}`rimlight options` lists all of them",
    )


def _format_family(family: str) -> str:
    components = load_index()[family]
    width = max(map(len, components))
    lines = [f"{family}: {FAMILIES[family]}"]
    lines += [f"  {name:{width}}  {about['summary']}" for name, about in components.items()]
    return "\n".join(lines)


def _format_component(family: str, component: str) -> str:
    about = load_index()[family][component]
    needs = f" (needs rimlight[{about['extra']}])" if about["extra"] else ""
    lines = [f"{family}.{component}: {about['summary']}{needs}"]
    for name, field in list_fields(family, component).items():
        lines += _format_field(name, field)
    return "\n".join(lines if lines[1:] else [*lines, "  no options"])


def _format_field(name: str, field: OptionField) -> Sequence[str]:
    facts = "; ".join(describe_limits(field))
    head = f"{name}  {field.type}" + (f" [{facts}]" if facts else "")
    return [*_wrap(head, "  "), *_wrap(field.description, "      ")]


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        80,
        initial_indent=indent,
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def describe_limits(field: OptionField) -> Iterator[str]:
    """Yield choices, default and range of a field as text, each where there is one."""
    if field.choices:
        yield ", ".join(field.choices)
    if field.is_required:
        yield "required"
    elif field.default:
        yield f"default: {field.default}"
    if field.range:
        yield field.range
