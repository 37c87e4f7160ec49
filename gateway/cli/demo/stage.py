"""Show the story to a person, or to a program as one JSON line a scene. Knows nothing of what is told."""

import json
from dataclasses import dataclass, field

from rich.console import Console
from rich.panel import Panel
from rich.text import Text


@dataclass(slots=True)
class Stage:
    """Where the demo speaks."""

    as_json: bool
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))

    def scene(self, letter: str, title: str) -> None:
        """Open a scene."""
        if not self.as_json:
            self.console.print()
            self.console.rule(Text(f"({letter}) {title}", style="bold"), align="left")

    def tell(self, sentence: str, style: str = "") -> None:
        """Say one sentence."""
        if not self.as_json:
            self.console.print(Text("  " + sentence, style=style))

    def good(self, sentence: str) -> None:
        """Say something that went as it should."""
        self.tell("✓ " + sentence, "green")

    def refused(self, sentence: str) -> None:
        """Say that something was refused, or found out."""
        self.tell("✗ " + sentence, "red")

    def fact(self, letter: str, **members: object) -> None:
        """Give the scene's figures to a program."""
        if self.as_json:
            self.console.print(json.dumps({"scene": letter, **members}, sort_keys=True), markup=False)

    def paste(self, title: str, line: str) -> None:
        """Show a line to copy: unwrapped and unframed, so that it can be pasted as it is."""
        if not self.as_json:
            self.console.print()
            self.console.rule(Text(title), align="left")
            self.console.out(line, highlight=False)

    def panel(self, title: str, text: str) -> None:
        """Show something to copy."""
        if not self.as_json:
            self.console.print()
            self.console.print(Panel(Text(text), title=title, title_align="left", expand=False))
