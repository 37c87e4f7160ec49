"""`policies lint`, `prove` and `diff`: look at rules before anybody votes on them, outside the service. Changes nothing, logs nothing.

A RULEBOOK on the command line is a stored text (the canonical JSON of a rulebook), a draft (the JSON that `policies draft` takes, or a
.toml with packs, options and own rules), a CSV of own rules (joined with the baseline), or pack names joined by `+`, such as
baseline+vendor-amazon."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.cli.options import FAILED, JsonOption, plainly, say
from policies import reading
from policies.constitution import BASELINE
from policies.diff import MOST_REGIONS, Region, diff
from policies.drafting import read_draft
from policies.errors import PolicyError, RulebookRefused
from policies.lint import OWN_COLUMNS, Finding, clean, lint, lint_pack, rows_of
from policies.prove import Proof, constitution, prove, read_properties
from policies.rulebook import Rulebook, build

_DRAFT: Final = frozenset({"packs", "options", "own_rules"})
RulebookArgument = Annotated[
    str, typer.Argument(metavar="RULEBOOK", help="Pack names joined by +, or a file: rulebook, draft or own rules.")
]


def lint_rules(
    rules: Annotated[
        Path, typer.Argument(metavar="FILE", help="A pack's policy.csv (its pack.toml beside it), own rules as .csv, or a draft .toml.")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Find every fault of a pack, of own rules or of a draft, each with its line and its mend.

    Exit code 0: no error (warnings may be there); 1: errors; 2: the file cannot be read."""
    with plainly():
        findings = _lint(rules)
    text = "\n".join(f"{rules}:{entry.line}: {entry.severity}: {entry.code}: {entry.sentence} {entry.mend}" for entry in findings)
    errors = sum(entry.severity == "error" for entry in findings)
    summary = f"{errors} errors, {len(findings) - errors} warnings"
    say([entry.to_json() for entry in findings], f"{text}\n{summary}" if text else summary, as_json=as_json)
    raise typer.Exit(0 if clean(findings) else FAILED)


def prove_rulebook(
    rulebook: RulebookArgument = BASELINE,
    *,
    properties: Annotated[Path | None, typer.Option("--properties", metavar="FILE.toml", help="Further [[never]] properties.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove what a rulebook can never permit: the constitution's properties, and those of --properties.

    Exit code 0: all proved; 1: some are broken (with a request that the judge permits) or undecided; 2: something cannot be read."""
    with plainly():
        book = rulebook_of(rulebook)
        asked = constitution(book.words) + (() if properties is None else read_properties(_text(properties), str(properties), book.words))
        proofs = prove(book, asked)
    document = {"rulebook": book.digest, "proofs": [{**proof.to_json(), "seconds": round(proof.seconds, 3)} for proof in proofs]}
    say(document, "\n".join(line for proof in proofs for line in _proof_lines(proof)), as_json=as_json)
    raise typer.Exit(0 if all(proof.holds for proof in proofs) else FAILED)


def diff_rulebooks(
    before: Annotated[str, typer.Argument(metavar="A", help="The rulebook that answers now; as in `prove`.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The one to compare with it.")],
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="Stop after so many regions.")] = MOST_REGIONS,
    as_json: JsonOption = False,
) -> None:
    """Print every request whose answer changes from A to B, as regions with a witness each, newly allowed first.

    Exit code 0: nothing changes; 1: something does; 2: a rulebook cannot be read, or the two cannot be compared."""
    with plainly():
        found = diff(rulebook_of(before), rulebook_of(after), most=most)
    lines = [line for region in found.regions for line in _region_lines(region)]
    lines.append(f"{len(found.regions)} regions change" if found.whole else f"more than {most} regions change; --most shows more")
    say(found.to_json(), "\n".join(lines), as_json=as_json)
    raise typer.Exit(FAILED if found.regions else 0)


def rulebook_of(named: str) -> Rulebook:
    """The rulebook that was named on the command line. Raises RulebookRefused."""
    path = Path(named)
    if not path.is_file():
        if not named.strip("+"):
            raise RulebookRefused("rulebook", 0, "No pack is named.", "Write pack names joined by +, such as baseline+vendor-amazon.")
        return build([name for name in named.split("+") if name])
    text = _text(path)
    if path.suffix == ".csv":
        return build([BASELINE], own_rules=rows_of(text))
    if path.suffix == ".toml":
        draft = _draft(text, named)
        return build(draft["packs"], draft["options"], own_rules=draft["own_rules"])
    document = _drafted(text)
    return Rulebook.from_text(text.strip()) if document is None else read_draft(document).build()


def _drafted(text: str) -> Mapping[str, Any] | None:
    """The document of a draft as `policies draft` takes it, or None: then it is a rulebook's text, or nothing."""
    try:
        document = reading.parsed(text)
    except (ValueError, RecursionError):
        return None
    # A draft has a title, and a rulebook's text has none.
    return document if isinstance(document, dict) and "title" in document else None


def _lint(path: Path) -> tuple[Finding, ...]:
    if path.is_dir() or (path.parent / "pack.toml").is_file():
        folder = path.resolve() if path.is_dir() else path.resolve().parent
        return lint_pack(folder.name, folder.parent)
    text = _text(path)
    if path.suffix == ".toml":
        draft = _draft(text, str(path))
        return lint(draft["own_rules"], beside=build(draft["packs"], draft["options"]).rules)
    return lint(text, beside=build([BASELINE]).rules)


def _draft(text: str, where: str) -> Mapping[str, Any]:
    """A draft: `packs`, and perhaps `options` by pack and `[[own_rules]]`. Raises RulebookRefused."""
    mend = "Write packs = [...], [options.PACK] tables and [[own_rules]] tables with the columns " + ", ".join(OWN_COLUMNS) + "."
    try:
        draft = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RulebookRefused(where, 0, f"This is not TOML ({error}).", mend) from error
    packs, options, own = draft.get("packs"), draft.get("options", {}), draft.get("own_rules", [])
    named = isinstance(packs, list) and all(isinstance(name, str) for name in packs)
    rows = isinstance(own, list) and all(isinstance(row, dict) for row in own)
    if (
        set(draft) - _DRAFT
        or not named
        or not rows
        or not isinstance(options, dict)
        or not all(isinstance(one, dict) for one in options.values())
    ):
        raise RulebookRefused(where, 0, "This is not a draft.", mend)
    return {"packs": packs, "options": options, "own_rules": own}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise PolicyError(f"{path} cannot be read as text: {fault}", code="file-unreadable") from fault


def _proof_lines(proof: Proof) -> list[str]:
    lines = [f"{proof.outcome:9} {proof.name}: {proof.sentence} ({proof.seconds:.2f} s)"]
    if proof.counterexample is not None:
        lines.append(f"          permitted as a {proof.kind} by {', '.join(proof.rules)}:")
        lines.append(f"          {json.dumps(proof.counterexample.to_record(), sort_keys=True)}")
    return lines + ([f"          {proof.why}"] if proof.why else [])


def _region_lines(region: Region) -> list[str]:
    told = region.to_json()
    about = [f"{name} {', '.join('none' if word is None else word for word in words)}" for name, words in _cells(told) if words != ["*"]]
    about += [f"when {told['when']}"] if told["when"] else []
    about += [f"at {region.on}"] if region.on != "any" else []
    lines = [f"{region.change}: {'; '.join(about) or 'any request'}"]
    for name, words in (("gains", region.gains), ("loses", region.loses)):
        if words and region.change == "other-obligations":
            lines.append(f"    {name} {', '.join(words)}")
    return [*lines, f"    such as {json.dumps(told['witness'], sort_keys=True)}"]


def _cells(told: Mapping[str, Any]) -> list[tuple[str, list[str | None]]]:
    return [(name.replace("_", " "), told[name]) for name in ("clients", "acts_for", "purposes", "operations", "places")]
