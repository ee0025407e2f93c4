"""The list of mutations, and how they are put into sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tomllib

SELECTOR = """
/* Added by Tests/Mutation: which mutation is on, by TOPKLOSS_MUTANT; none without it. */
extern char *_Nullable getenv(const char *);
extern int atoi(const char *);
static inline _Bool mutant(int number) {
  static int chosen = -1;
  if (chosen < 0) {
    const char *_Nullable given = getenv("TOPKLOSS_MUTANT");
    chosen = given ? atoi((const char *_Nonnull)given) : 0;
  }
  return chosen == number;
}
"""
SELECTOR_HEADER = Path("Sources/CKernels/CKernels.h")
SELECTOR_PLACE = "#pragma clang assume_nonnull end"


@dataclass(frozen=True)
class Mutant:
    """One line that is wrong.

    Attributes:
        id: Its number, which no other one has had.
        area: What it is part of.
        file: The file, from the top of the tree.
        old: The right text.
        new: The wrong text.
        fault: What is wrong with it.
        suites: What is most likely to notice, the quickest first (see `mutate.py`).
        before: What noticed it in the test suite at 2a32067; empty: nothing did.
        now: What notices it now; empty: nothing does.
        after: A text that is in the file once. The place is the first of the old text behind it;
            without, the only one in the file.
        guarded: The text that chooses between both by ``mutant(id)``, where that takes more than an
            expression with the old text's value.
    """

    id: int
    area: str
    file: Path
    old: str
    new: str
    fault: str
    suites: tuple[str, ...]
    before: str
    now: str
    after: str
    guarded: str

    @property
    def is_compiled_in(self) -> bool:
        """Whether it is chosen when the library runs, rather than written into a source."""
        return self.file.suffix == ".swift"

    @property
    def choice(self) -> str:
        """The text that behaves in either way."""
        return self.guarded or f"(mutant({self.id}) ? ({self.new}) : ({self.old}))"

    def start(self, text: str) -> int:
        """Where its old text begins."""
        place = 0
        if self.after:
            if text.count(self.after) != 1:
                raise ValueError(self._lost("after", text.count(self.after)))
            place = text.index(self.after) + len(self.after)
        elif text.count(self.old) != 1:
            raise ValueError(self._lost("old", text.count(self.old)))
        found = text.find(self.old, place)
        if found < 0:
            raise ValueError(self._lost("old", 0))
        return found

    def _lost(self, member: str, times: int) -> str:
        return f"mutant {self.id}: its {member!r} is {times} times in {self.file}, not once"


def read(table: Path) -> list[Mutant]:
    """The mutations of a table."""
    rows = tomllib.loads(table.read_text())["mutant"]
    mutants = [
        Mutant(
            id=row["id"],
            area=row["area"],
            file=Path(row["file"]),
            old=row["old"],
            new=row.get("new", ""),
            fault=row["fault"],
            suites=tuple(row.get("suites", ())),
            before=row["before"],
            now=row.get("now", ""),
            after=row.get("after", ""),
            guarded=row.get("guarded", ""),
        )
        for row in rows
    ]
    ids = [mutant.id for mutant in mutants]
    if len(set(ids)) != len(ids) or min(ids) < 1:
        raise ValueError("the mutations need numbers from 1 on, each its own")
    return mutants


def mutated(text: str, mutants: list[Mutant], *, compiled_in: bool) -> str:
    """A file's text with mutations in it."""
    places = sorted(((mutant.start(text), mutant) for mutant in mutants), key=lambda at: at[0])
    parts, end = [], 0
    for start, mutant in places:
        if start < end:
            raise ValueError(f"mutant {mutant.id} lies over another one")
        parts += [text[end:start], mutant.choice if compiled_in else mutant.new]
        end = start + len(mutant.old)
    whole = "".join([*parts, text[end:]])
    if compiled_in and "import CKernels" not in whole:
        whole = f"import CKernels\n{whole}"
    return whole


def with_selector(header: str) -> str:
    """The internal header, with the function that tells which mutation is on."""
    return header.replace(SELECTOR_PLACE, SELECTOR + SELECTOR_PLACE)
