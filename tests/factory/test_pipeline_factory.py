import shutil

import cv2
import numpy as np
import pytest

from rimlight.core.config import RunConfig
from rimlight.core.options import validate
from rimlight.factory.pipeline import open_pipeline
from rimlight.factory.presets import build_config
from rimlight.imaging import jit
from rimlight.system import app_paths


def test_an_overlay_paints_in_the_colors_of_the_models_card(tmp_path):
    models = app_paths.find_data_folder("models")
    shutil.copy(models / "selfie_segmentation.tflite", tmp_path)
    card = (models / "selfie.yaml").read_text().replace("#3fa7d6", "#00ff00")
    (tmp_path / "mine.yaml").write_text(card)
    run = build_config(
        "road",
        source=str(app_paths.find_data_folder("samples") / "portrait.mp4"),
        sinks=[f"{tmp_path}/out/"],
        segmenter={"model": str(tmp_path / "mine.yaml")},
        effects=[{"kind": "overlay", "opacity": 1, "legend": False}],
        source_options={"end_s": 0.1},
    )
    with open_pipeline(run) as opened:
        opened.pipeline.run()
    picture = cv2.imread(str(next((tmp_path / "out").glob("*.png"))))
    green = (np.abs(picture.astype(int) - (0, 255, 0)) < 40).all(axis=2)
    assert 0.15 < green.mean() < 0.7


@pytest.mark.skipif(jit.get_kernels() is None, reason="needs numba")
@pytest.mark.parametrize(
    ("compiled", "expected"), [("auto", False), ("always", True), ("never", False)]
)
def test_files_do_without_compiled_loops_unless_asked(compiled, expected):
    config = validate(
        RunConfig,
        {
            "source": {"kind": "test-pattern", "count": 2},
            "segmenter": {"kind": "chroma"},
            "pipeline": {"jit": compiled},
            "sinks": [{"kind": "null"}],
        },
        where="config",
    )
    before = jit.is_enabled()
    used = []
    with open_pipeline(config, on_frame=lambda _: used.append(jit.get_kernels())) as opened:
        opened.pipeline.run()
        assert jit.is_enabled() == before
    assert [kernels is not None for kernels in used] == [expected] * 2
