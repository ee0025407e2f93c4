"""Lets ``threadpoolctl.threadpool_limits`` limit the library's threads too, if it is installed."""

from __future__ import annotations

from topkloss import _runtime
from topkloss._library import library

try:
    import threadpoolctl
except ImportError:
    threadpoolctl = None

# Since 3.2 it takes libraries that it does not know.
if hasattr(threadpoolctl, "register"):

    class _Controller(threadpoolctl.LibController):  # type: ignore[misc]
        """How threadpoolctl reads and sets the number, in one block of limits."""

        user_api = "topkloss"
        internal_api = "topkloss"
        filename_prefixes = ("libtopkloss",)

        def set_additional_attributes(self) -> None:
            """Called as a block begins, which returns to the default if there was no number."""
            self._before = (_runtime.get_num_threads(), _runtime.chosen_num_threads())

        def get_num_threads(self) -> int:
            return _runtime.get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            number, chosen = self._before
            _runtime.set_num_threads(chosen if num_threads == number else num_threads)

        def get_version(self) -> str:
            return str(library.topkloss_version().decode())

        def info(self, debugging_info: bool = False) -> dict[str, object]:
            about: dict[str, object] = super().info(debugging_info)
            del about["_before"]
            return about

    threadpoolctl.register(_Controller)
