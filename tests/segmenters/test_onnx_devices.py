"""The device of an ONNX model: what is asked for, what is got, and what a failing one leaves."""

import numpy as np
import pytest
from tiny_models import save_tiny_onnx

from rimlight.core.errors import ConfigError, ModelError
from rimlight.models.catalog import Catalog
from rimlight.segmenters import SEGMENTERS
from rimlight.segmenters.onnx_devices import OrtBackend, choose_device, list_devices
from rimlight.segmenters.onnx_runtime import OnnxRuntime
from rimlight.segmenters.runtime import describe_device

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class GpuThatFails:
    """ONNX Runtime with a GPU that computes on the CPU, and fails when it is told to.

    Args:
        when: "never", "opening", "silently" (the session has the CPU only) or "running".
    """

    def __init__(self, when):
        self.when, self.real, self.opened = when, OrtBackend(), []

    def list_providers(self):
        return [CUDA, CPU]

    def open(self, file, providers, *, threads):
        self.opened.append(providers[0])
        if providers[0] == CPU or self.when == "silently":
            return self.real.open(file, [CPU], threads=threads)
        if self.when == "opening":
            raise RuntimeError("no driver")
        return GpuSession(self.real.open(file, [CPU], threads=threads), self)


class GpuSession:
    def __init__(self, real, backend):
        self._real, self._backend = real, backend
        self.get_inputs, self.get_outputs = real.get_inputs, real.get_outputs

    def get_providers(self):
        return [CUDA, CPU]

    def run(self, names, feeds):
        if self._backend.when == "running":
            raise RuntimeError("CUDA out of memory")
        return self._real.run(names, feeds)


def opened(tmp_path, backend, device="cuda"):
    file = save_tiny_onnx(tmp_path / "tiny.onnx", bias=0.0)
    return OnnxRuntime(file, threads=1, device=device, backend=backend)


def total(runtime):
    return float(runtime.run(np.full((1, 3, 4, 4), 0.25, np.float32), 0).mean())


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_device_that_works_is_used(tmp_path, caplog, device):
    runtime = opened(tmp_path, GpuThatFails("never"), device)
    assert total(runtime) == pytest.approx(0.75) and runtime.device == "cuda"
    assert not caplog.records


def test_the_cpu_is_used_where_it_is_asked_for(tmp_path):
    backend = GpuThatFails("never")
    assert opened(tmp_path, backend, "cpu").device == "cpu" and backend.opened == [CPU]


@pytest.mark.parametrize("when", ["opening", "silently"])
def test_a_device_that_cannot_be_opened_leaves_the_cpu_and_one_warning(tmp_path, caplog, when):
    runtime = opened(tmp_path, GpuThatFails(when))
    assert [total(runtime) for _ in range(3)] == pytest.approx([0.75] * 3)
    assert runtime.device == "cpu" and len(caplog.records) == 1
    assert "tiny.onnx: the device cuda failed, continuing on the CPU" in caplog.text


def test_a_device_that_fails_at_run_time_is_replaced_by_the_cpu_without_losing_the_frame(
    tmp_path, caplog
):
    backend = GpuThatFails("never")
    runtime = opened(tmp_path, backend)
    before = total(runtime)
    backend.when = "running"
    assert [total(runtime) for _ in range(3)] == pytest.approx([before] * 3)
    assert runtime.device == "cpu" and backend.opened == [CUDA, CPU]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "CUDA out of memory" in caplog.text


def test_an_input_that_the_model_cannot_take_is_an_error_also_after_the_fallback(tmp_path):
    runtime = opened(tmp_path, GpuThatFails("running"))
    with pytest.raises(ModelError, match=r"tiny\.onnx cannot run"):
        runtime.run(np.zeros((1, 5, 4, 4), np.float32), 0)


def test_a_device_that_is_not_built_in_is_refused_with_what_is():
    with pytest.raises(ConfigError, match="cannot use the device 'coreml'") as caught:
        choose_device("coreml", GpuThatFails("never"))
    assert "available: cuda, cpu" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        choose_device("directml", GpuThatFails("never"))
    assert "pip install onnxruntime-directml" in caught.value.hint


def test_the_installed_runtime_has_the_cpu():
    assert list_devices()[-1] == "cpu"


@pytest.mark.parametrize(
    ("asked", "got", "note"),
    [
        ("auto", "cpu", ()),
        ("cpu", "cpu", ()),
        ("auto", "cuda", ("model m runs on the device cuda (asked for: auto)",)),
        ("cuda", "cuda", ("model m runs on the device cuda",)),
        ("cuda", "cpu", ("model m runs on the device cpu (asked for: cuda)",)),
    ],
)
def test_what_was_asked_for_and_what_was_got_is_said(asked, got, note):
    assert describe_device("m", asked, got) == note


def test_a_model_of_another_runtime_says_that_it_stays_on_the_cpu():
    cls = SEGMENTERS.load("tflite")
    segmenter = cls(*Catalog().resolve("selfie"), cls.Options(device="cuda"))
    assert segmenter.notes == ("model selfie runs on the device cpu (asked for: cuda)",)
