"""A real chromium, driven over the DevTools protocol by Playwright."""

import os
import shutil
from importlib.util import find_spec

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def need_browser():
    """Return the path of chromium; skip without it, or fail where RIMLIGHT_REQUIRE asks for it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    missing = [] if path else ["chromium (apt-get install chromium)"]
    missing += [] if find_spec("playwright") else ["playwright (pip install playwright)"]
    if missing:
        if "browser" in os.environ.get("RIMLIGHT_REQUIRE", ""):
            pytest.fail(f"RIMLIGHT_REQUIRE asks for a browser: needs {' and '.join(missing)}")
        pytest.skip(f"needs {' and '.join(missing)}")
    return path


READ_CORNER = """
() => {
  const image = document.getElementById("picture");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(4, 4, 1, 1).data.slice(0, 3)];
}
"""
"""Reads the color that the page shows in the corner of the picture."""

IS_CORNER = f"""
(wanted) => {{
  const image = document.getElementById("picture");
  if (!image.naturalWidth) return false;
  const corner = ({READ_CORNER})();
  return corner.every((level, index) => Math.abs(level - wanted[index]) < 16);
}}
"""

DROP = """
([name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  const how = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const type of ["dragover", "drop"]) document.dispatchEvent(new DragEvent(type, how));
}
"""
"""Drops a file on the page."""

COUNT_NAMELESS = """
() => [...document.querySelectorAll("button, select, input:not([hidden])")].filter(
  (each) => !(each.textContent.trim() || each.getAttribute("aria-label") || each.labels?.length)
).length
"""
"""Counts the controls that a screen reader could not name."""

FIND_CUT = """
() => [...document.querySelectorAll("button, dd, output, h1, h2, select")].filter(
  (each) => each.offsetParent && each.scrollWidth > each.clientWidth + 1
).map((each) => each.outerHTML)
"""
"""Finds the texts that do not fit where they stand."""

CONTRAST = """
() => {
  const read = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = read(color).slice(0, 3).map((v) => {
      const c = v / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if ((read(color)[3] ?? 1) > 0.99) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const isPlain = (node) => node.textContent.trim() && !node.closest("#gallery, #swatches");
  const texts = "button, h1, h2, dt, dd, output, label span, .quiet";
  const ratios = [...document.querySelectorAll(texts)]
    .filter((node) => node.offsetParent && isPlain(node))
    .map((node) => {
      const [one, other] = [light(getComputedStyle(node).color), light(behind(node))];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    });
  return Math.min(...ratios);
}
"""
"""Returns the smallest ratio of contrast between a text and what is behind it."""

ATTACK = """<!doctype html><meta charset="utf-8"><img id="shot" src="%(panel)spicture">
<iframe id="frame" src="%(panel)s"></iframe><form id="form" method="post" action="%(panel)scommand"
enctype="text/plain" target="hole"><input name='{"command":["panic"],"x":"' value='"}'></form>
<iframe name="hole" id="hole"></iframe>"""
"""A page of another site that embeds the panel and its picture, and can post a form to it."""

TRY_ALL = """
async (panel) => {
  const image = document.getElementById("shot");
  await image.decode().catch(() => {});
  const body = JSON.stringify({ command: ["panic", "on"] });
  const headers = { "Content-Type": "application/json" };
  const tries = [
    fetch(`${panel}status`),
    fetch(`${panel}metrics`),
    fetch(`${panel}status`, { credentials: "include" }),
    fetch(`${panel}picture`, { credentials: "include" }),
    fetch(`${panel}picture`, { credentials: "include", mode: "no-cors" }),
    fetch(`${panel}command`, { method: "POST", credentials: "include", body }),
    fetch(`${panel}command`, { method: "POST", credentials: "include", body, headers }),
    fetch(`${panel}command`, { method: "POST", credentials: "include", body, mode: "no-cors" }),
  ];
  const ended = await Promise.allSettled(tries);
  const hole = document.getElementById("hole");
  const posted = new Promise((resolve) => hole.addEventListener("load", resolve, { once: true }));
  document.getElementById("form").submit();
  await posted;
  let framed = "";
  try { framed = document.getElementById("frame").contentDocument?.body?.innerText ?? ""; } catch {}
  const read = ended.filter((each) => each.status === "fulfilled").length;
  return { read, width: image.naturalWidth, framed };
}
"""
"""Tries every way that a page has to read another site or to send it something."""
