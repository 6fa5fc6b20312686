"""Only one module may import PyAV: it imports cv2 first (see rimlight.libav)."""

import ast
from pathlib import Path

import rimlight

PACKAGE = Path(rimlight.__file__).parent


def imports_av(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.split(".")[0] == "av" for name in names):
            return True
    return False


def test_only_libav_imports_av():
    found = {str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py") if imports_av(p)}
    assert found == {"libav.py"}
