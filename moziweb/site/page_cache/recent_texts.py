"""Texts that were asked for lately, in this process."""

import threading
from collections import OrderedDict
from typing import Final

MAX_TEXTS: Final = 4096
"""Texts that are remembered; the one that was asked for the longest ago is forgotten first."""


class RecentTexts:
    """Remembers the last ``max_texts`` texts. Thread-safe."""

    def __init__(self, max_texts: int = MAX_TEXTS) -> None:
        self._max_texts = max_texts
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._texts)

    def is_repeated(self, text: str) -> bool:
        """Whether the text is among the last ones; it is the last one from now on."""
        with self._lock:
            known = text in self._texts
            self._texts[text] = None
            self._texts.move_to_end(text)
            if len(self._texts) > self._max_texts:
                self._texts.popitem(last=False)
            return known
