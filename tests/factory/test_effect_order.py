import pytest

from rimlight.core.config import EffectConfig
from rimlight.core.errors import ConfigError
from rimlight.factory.effect_order import insert_effect, insert_effects, parse_effect
from rimlight.factory.presets import build_config
from rimlight.live.effect_edits import toggle_effect

MIRRORED = [{"kind": "blur", "radius_px": 20}, {"kind": "flip"}]


def kinds(effects):
    return [part["kind"] if isinstance(part, dict) else part.kind for part in effects]


def test_each_effect_comes_where_it_belongs():
    more = [
        {"kind": "layer", "image": "a.png"},
        {"kind": "framing"},
        {"kind": "hologram"},
        {"kind": "colormap"},
    ]
    assert kinds(insert_effects(MIRRORED, more)) == [
        "framing", "hologram", "blur", "colormap", "flip", "layer",
    ]  # fmt: skip


def test_a_kind_that_is_there_is_replaced():
    effects = tuple(EffectConfig.model_validate(part) for part in MIRRORED)
    new = insert_effect(effects, EffectConfig.model_validate({"kind": "blur", "radius_px": 9}))
    assert kinds(new) == ["blur", "flip"]
    assert new[0].options.radius_px == 9


def test_an_effect_is_named_by_kind_and_value():
    assert parse_effect("hologram") == {"kind": "hologram"}
    assert parse_effect("layer:a:b.png") == {"kind": "layer", "image": "a:b.png"}


@pytest.mark.parametrize(
    ("spec", "says"), [("holo", "unknown effect 'holo'"), ("hologram:1", "takes no value")]
)
def test_a_wrong_name_is_an_error(spec, says):
    with pytest.raises(ConfigError, match=says):
        parse_effect(spec)


def test_a_run_of_a_config_gets_them_too():
    run = build_config("live", sinks=["null"], more_effects=[{"kind": "hologram"}])
    assert kinds(run.effects) == ["hologram", "blur"]


def test_a_live_effect_toggles_and_changes_its_value():
    effects = tuple(EffectConfig.model_validate(part) for part in MIRRORED)
    on = toggle_effect(effects, "colormap:hot", on=None)
    assert kinds(on) == ["blur", "colormap", "flip"]
    other = toggle_effect(on, "colormap:cool", on=True)
    assert other[1].options.colors == "cool"
    assert toggle_effect(other, "colormap", on=True) == other
    assert toggle_effect(other, "colormap", on=None) == effects
