#!/usr/bin/env python3
"""Prints the notices of every crate that is linked into the program for TARGET, and of the fonts: what their licences ask of
whoever hands the program on.

    packaging/licences.py aarch64-unknown-linux-gnu
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")


def linked(target: str) -> list[dict]:
    """The packages that are normal dependencies, not those of builds and tests."""
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target],
        cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    seen, todo = set(), [metadata["resolve"]["root"]]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        macro = any("proc-macro" in kind["kind"] for kind in packages[one]["targets"])
        for dependency in [] if macro else nodes[one]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    seen.discard(metadata["resolve"]["root"])
    return sorted((packages[one] for one in seen), key=lambda package: (package["name"], package["version"]))


def notices(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(NAMES))


def main() -> None:
    # The same text is printed once, with all who use it.
    texts: dict[str, list[str]] = {}
    for package in linked(sys.argv[1]):
        name = f"{package['name']} {package['version']} ({package['license'] or 'see below'})"
        found = notices(Path(package["manifest_path"]).parent)
        if not found:
            texts.setdefault("The crate holds no file with its licence; its authors: "
                             + (", ".join(package["authors"]) or "not named"), []).append(name)
        for path in found:
            texts.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for path in notices(ROOT / "assets/fonts"):
        texts.setdefault(path.read_text(errors="replace").strip(), []).append("DejaVu fonts")
    for text, names in texts.items():
        print("=" * 100, *dict.fromkeys(names), "-" * 100, text, "", sep="\n")


if __name__ == "__main__":
    main()
