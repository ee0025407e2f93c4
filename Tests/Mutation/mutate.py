"""Puts the mutations of mutants.toml into a scratch copy of the tree and runs the tests on each.

All mutations of Swift sources are compiled in together, each as a choice that TOPKLOSS_MUTANT makes
when the library runs, so that the library is built once. Those of the C++ header and of the Python
binding are written into the copy one at a time. What `suites` names is run first, then the programs
in C and C++, and with --deep all of pytest; the first failure ends a mutation.

It fails where a mutation that the tests at 2a32067 noticed goes unnoticed.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import mutants
import suites
from mutants import Mutant
from suites import Tree

HERE = Path(__file__).parent


def copy_tree(source: Path, target: Path, changed: dict[Path, str]) -> None:
    """Makes the target the source with some texts changed; what is right already is left alone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {Path(name) for name in listed.stdout.split("\0") if name}
    names = {name for name in names if (source / name).exists()}
    for name in names:
        path, copy = source / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            copy.unlink(missing_ok=True)
            copy.symlink_to(path.readlink())
            continue
        content = changed[name].encode() if name in changed else path.read_bytes()
        if not copy.exists() or copy.read_bytes() != content:
            copy.write_bytes(content)
            shutil.copymode(path, copy)
    for folder in ("Sources", "Tests", "include", "bindings"):
        for copy in (target / folder).rglob("*"):
            gone = copy.relative_to(target) not in names
            if gone and copy.is_file() and not copy.is_symlink() and ".build" not in copy.parts:
                copy.unlink()


def compiled_in(source: Path, listed: list[Mutant]) -> dict[Path, str]:
    """The texts of the Swift sources with all their mutations, and of the header that chooses."""
    by_file: dict[Path, list[Mutant]] = defaultdict(list)
    for mutant in listed:
        if mutant.is_compiled_in:
            by_file[mutant.file].append(mutant)
    changed = {
        name: mutants.mutated((source / name).read_text(), found, compiled_in=True)
        for name, found in by_file.items()
    }
    header = (source / mutants.SELECTOR_HEADER).read_text()
    return {**changed, mutants.SELECTOR_HEADER: mutants.with_selector(header)}


def first_notice(tree: Tree, mutant: Mutant, plan: list[str]) -> str:
    """The first of some suites that notices a mutation; empty if none does."""
    if mutant.is_compiled_in:
        return suites.first_notice(tree, plan, mutant.id)
    path = tree.root / mutant.file
    right = path.read_text()
    path.write_text(mutants.mutated(right, [mutant], compiled_in=False))
    try:
        if mutant.file.parts[0] != "include":
            return suites.first_notice(tree, plan, 0)
        own = dataclasses.replace(tree, programs=tree.programs / "mutated")
        own.link()
        for suite in plan:
            if suites.build(own, suite):
                return f"{suite} (does not compile)"
            if suites.first_notice(own, [suite], 0):
                return suite
        return ""
    finally:
        path.write_text(right)


def plan_of(tree: Tree, mutant: Mutant, *, deep: bool) -> list[str]:
    """What to run, in order."""
    plan = [suite for suite in mutant.suites if not suite.startswith("py")]
    if mutant.is_compiled_in:
        plan += [name for name in suites.native_suites(tree) if name.startswith("c/")]
    elif mutant.file.parts[0] == "include":
        plan += [name for name in suites.native_suites(tree) if name.startswith("cpp/")]
    plan += [suite for suite in mutant.suites if suite.startswith("py")]
    if mutant.is_compiled_in:
        plan.append("swift")
    if deep and mutant.file.parts[0] != "include":
        plan.append("py")
    return list(dict.fromkeys(plan))


def record(table: Path, member: str, found: dict[int, str]) -> None:
    """Writes what was found into the table."""
    parts = re.split(r"(?m)^(?=\[\[mutant\]\])", table.read_text())
    for place, part in enumerate(parts):
        number = re.search(r"(?m)^id = (\d+)$", part)
        if number and int(number[1]) in found:
            line = f"{member} = '{found[int(number[1])]}'"
            parts[place] = re.sub(rf"(?m)^{member} = .*$", lambda _, line=line: line, part)
    table.write_text("".join(parts))


def prepare(tree: Tree, source: Path, listed: list[Mutant]) -> None:
    """Builds everything, and sees that without a mutation the tests pass."""
    copy_tree(source, tree.root, compiled_in(source, listed))
    build = ["swift", "build", "-c", "release", "--product", "topkloss"]
    subprocess.run(build, cwd=tree.root, check=True)
    tree.link()
    (tree.programs / "interpose.o").unlink(missing_ok=True)
    named = {suite for mutant in listed for suite in mutant.suites if not suite.startswith("py")}
    for suite in sorted({"swift", *suites.native_suites(tree), *named}):
        complaints = suites.build(tree, suite)
        if complaints:
            raise SystemExit(f"{suite} does not compile:\n{complaints}")
    failed = suites.first_notice(tree, [*suites.native_suites(tree), "swift"], 0)
    if failed:
        raise SystemExit(f"without a mutation, {failed} fails")


def main() -> int:
    """Runs the mutations; the number of those that went unnoticed but should not have."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("numbers", nargs="*", type=int, help="mutations to run; default: all")
    parser.add_argument("--tree", type=Path, default=HERE.parents[1], help="whose tests run")
    parser.add_argument("--work", type=Path, help="where the copy goes; default: .build/mutation")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--table", type=Path, default=HERE / "mutants.toml")
    parser.add_argument(
        "--record", nargs="?", const="now", help="write what notices into the table"
    )
    parser.add_argument("--deep", action="store_true", help="all of pytest, where nothing else did")
    parser.add_argument("--built", action="store_true", help="the copy is built already")
    parser.add_argument("--known", type=Path, help="lists tests that fail without any mutation")
    given = parser.parse_args()

    listed = mutants.read(given.table)
    work = (given.work or given.tree / ".build/mutation").resolve()
    tree = Tree(work / "tree", given.python, work / "programs")
    if given.known:
        tree.known = set(given.known.read_text().split())
    if not given.built:
        prepare(tree, given.tree.resolve(), listed)
    chosen = [mutant for mutant in listed if not given.numbers or mutant.id in given.numbers]
    missed = []
    for mutant in chosen:
        notice = first_notice(tree, mutant, plan_of(tree, mutant, deep=given.deep))
        print(f"{mutant.id:4} {mutant.fault}: {notice or 'NOT NOTICED'}", flush=True)
        if given.record:
            record(given.table, given.record, {mutant.id: notice})
        if mutant.before and not notice:
            missed.append(mutant.id)
    if missed:
        print(f"noticed at 2a32067 and not now: {missed}")
    return len(missed)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
