"""Say the console's own words in the reader's language. Knows no page; what clients, packs and people wrote is never translated."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FALLBACK: Final = "en"
_WORDS: Final = Path(__file__).with_name("words")


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code, its own name, and a sentence for each key."""

    code: str
    name: str
    sentences: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """Return the sentence with its blanks filled in. A key that is missing is a fault of ours: KeyError."""
        return self.sentences[key].format(**values)

    def number(self, value: int) -> str:
        """Write a whole number with this language's thousands separator."""
        return f"{value:,}".replace(",", "\u202f" if self.code == "fr" else ",")

    def figure(self, text: object) -> str:
        """Write a decimal figure with this language's decimal mark."""
        return str(text).replace(".", "," if self.code == "fr" else ".")


def load_languages() -> dict[str, Language]:
    """Return every language that has a file of words, by code."""
    languages = {}
    for file in sorted(_WORDS.glob("*.toml")):
        document = tomllib.loads(file.read_text("utf-8"))
        sentences = {f"{group}.{name}": text for group, members in document.items() for name, text in members.items()}
        languages[file.stem] = Language(file.stem, sentences["language.name"], sentences)
    return languages


def preferred(languages: Mapping[str, Language], chosen: str | None, accepted: str) -> Language:
    """Return the language that was chosen, else the first that the browser accepts, else English."""
    asked = [chosen or "", *(part.partition(";")[0].strip().lower().partition("-")[0] for part in accepted.split(","))]
    return next((languages[code] for code in asked if code in languages), languages[FALLBACK])
