"""The command line of the recipes, read before anything else is imported: `--help` needs Python alone."""

from __future__ import annotations

import argparse


def parser(recipe: str, description: str | None) -> argparse.ArgumentParser:
    """What reads the options of a recipe, which all have --quick. recipe: the name of its folder."""
    program = f"python examples/python/{recipe}"
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--quick", action="store_true", help="less data: to see it run")
    return made
