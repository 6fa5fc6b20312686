"""Measures the shape of the source: files, lines, names, imports.

    python tests/bench/shape.py                  # src/rimlight
    python tests/bench/shape.py OLD/src/rimlight src/rimlight

Prints one column for each folder. A function counts as verb-first when the first word of its name,
leading underscores apart, is in `verbs.txt`. Words that are rather nouns in this code (`place`,
`time`, `step`, `label`) are not in it; properties and dunder methods are not counted.
"""

import ast
import statistics
import sys
from collections import Counter
from pathlib import Path

VERBS = set(Path(__file__).with_name("verbs.txt").read_text(encoding="utf-8").split())


def measure(folder):
    """Return {figure: value} of the Python files below `folder`."""
    files = sorted(Path(folder).rglob("*.py"))
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in files]
    functions = [f for tree in trees.values() for f in find_functions(tree)]
    sizes = sorted(f.end_lineno - f.lineno + 1 for f in functions)
    words = [f.name.strip("_").split("_") for f in functions]
    importers = count_importers(trees, Path(folder))
    imports = sum(
        node.end_lineno - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    lines = sum(lengths)
    root = [path for path in files if path.parent == Path(folder)]
    return {
        "files": len(files),
        "lines": lines,
        "lines a file, median": round(statistics.median(lengths)),
        "lines a file, max": max(lengths),
        "lines of functions, median": round(statistics.median(sizes)),
        "lines of functions, 90 %": sizes[len(sizes) * 9 // 10],
        "lines of functions, max": sizes[-1],
        "functions that begin with a verb": f"{share(w[0] in VERBS for w in words)} %",
        "function names of one word": f"{share(len(w) == 1 for w in words)} %",
        "import lines": f"{100 * imports / lines:.1f} %",
        "modules with one importer": sum(1 for count in importers.values() if count == 1),
        "modules at the root": len(root),
        "packages": sum(1 for path in Path(folder).iterdir() if (path / "__init__.py").is_file()),
    }


def find_functions(tree):
    """Return the functions of a file: no properties, no dunder methods."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not (node.name.startswith("__") and node.name.endswith("__"))
        and not any("property" in ast.unparse(one) or ".setter" in ast.unparse(one)
                    for one in node.decorator_list)
    ]  # fmt: skip


def count_importers(trees, folder):
    """Return {module: how many other files import it}."""
    names = {path: ".".join(("rimlight", *path.relative_to(folder).with_suffix("").parts))
             for path in trees}  # fmt: skip
    modules = {name for name in names.values() if not name.endswith("__init__")}
    count = Counter(dict.fromkeys(modules, 0))
    for path, tree in trees.items():
        used = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                used.add(node.module)
                used.update(f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                used.update(alias.name for alias in node.names)
        count.update((used & modules) - {names[path]})
    return count


def share(flags):
    flags = list(flags)
    return round(100 * sum(flags) / len(flags))


def main():
    folders = sys.argv[1:] or [Path(__file__).parents[2] / "src" / "rimlight"]
    columns = [measure(folder) for folder in folders]
    for key in columns[0]:
        print(f"{key:36}", *(f"{column[key]:>10}" for column in columns))


if __name__ == "__main__":
    main()
