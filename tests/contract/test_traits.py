"""Every optional trait is had by some class: one that nobody has was mistyped or renamed."""

import inspect
import re

import pytest

from rimlight.core import protocols
from rimlight.effects.blur import BlurEffect
from rimlight.effects.framing import FramingEffect
from rimlight.effects.hologram import HologramEffect
from rimlight.effects.replace import ReplaceEffect
from rimlight.factory import resume
from rimlight.sinks.images import ImagesSink
from rimlight.sinks.panel import PanelSink
from rimlight.sinks.pipewire import PipeWireSink
from rimlight.sinks.threaded import ConstantRateSink
from rimlight.sinks.video.sink import VideoSink
from rimlight.sinks.virtual_camera import VirtualCameraSink
from rimlight.sinks.window import WindowSink
from rimlight.sources import reconnect
from rimlight.sources.video import VideoSource
from rimlight.sources.watch_folder import WatchFolderSource

CLASSES = {
    protocols.Interruptible: (WatchFolderSource, reconnect.ReconnectingSource),
    protocols.HasFixedRate: (PipeWireSink, VirtualCameraSink),
    protocols.HasNotes: (PanelSink, PipeWireSink, VirtualCameraSink),
    protocols.SupportsOnDemand: (PanelSink, PipeWireSink, VirtualCameraSink),
    protocols.SupportsPlanning: (VideoSink,),
    protocols.SupportsParallelWrites: (ImagesSink,),
    protocols.SupportsKeyboard: (WindowSink,),
    protocols.SupportsCommands: (PanelSink,),
    protocols.SupportsImmediateWrite: (ConstantRateSink, PanelSink),
    protocols.ShowsScreen: (ReplaceEffect,),
    protocols.SupportsReducedRate: (BlurEffect,),
    protocols.TransformsMask: (FramingEffect, HologramEffect),
    protocols.SupportsDownscaling: (reconnect.ReconnectingSource,),
    reconnect.Reopener: (reconnect.CameraReopener,),
    resume.Resumable: (VideoSink,),
    resume.Pausable: (ImagesSink,),
    resume.Seekable: (VideoSource,),
}


@pytest.mark.parametrize("module", [protocols, reconnect, resume])
def test_every_optional_trait_is_listed_here(module):
    traits = {
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and getattr(value, "_is_runtime_protocol", False)
        and value.__dict__.get("_is_protocol", False)
    }
    assert traits <= set(CLASSES)


@pytest.mark.parametrize("trait", CLASSES, ids=lambda trait: trait.__name__)
def test_a_trait_is_had_as_it_is_written(trait):
    members = {name for name in vars(trait) if not name.startswith("_")}
    for cls in CLASSES[trait]:
        assert not {name for name in members if not has(cls, name)}, cls


def has(cls, name):
    """A method or property, or an attribute that the constructor sets."""
    return hasattr(cls, name) or re.search(rf"\bself\.{name}\b.* = ", inspect.getsource(cls))
