"""`engine evaluate`, `engine cohort fit`, `engine calibrate`, `engine records`: what the recogniser is worth, measured on images that
the operator may use. Keeps no image and no template; every record that it lets count is in the log first."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.calibration import Calibration
from engine.cohort import write_cohort
from engine.equipment import Binding, own_or_shipped_cohort, read_equipment
from engine.errors import EvaluationRefused
from engine.evaluation.corpus import Corpus, Label, labels_of, look, read_labels, read_pairs
from engine.evaluation.evaluate import evaluate
from engine.evaluation.findings import Evaluation
from engine.evaluation.record import BELIEVED, check_current, from_record, shipped_record, to_record
from engine.evaluation.reference import fit_calibration, fit_cohort, without_small_groups
from engine.evaluation.report import to_html
from engine.evaluation.table import footnote, to_text
from engine.recognisers.base import dlib_digest
from engine.recognisers.dlib import FaceFinder
from engine.recognisers.onnx import OnnxRecogniser, ensure_model
from gateway.assembly.commands import journalling
from gateway.assembly.homes import evaluations_of
from gateway.cli.bars import counting
from gateway.cli.options import HomeOption, JsonOption, plainly, say, settings_of
from gateway.clock import SystemClock, iso
from gateway.enforcement.fitness import Believed, Kept, adopt, begin, digest_of
from gateway.enforcement.journal import Journal
from gateway.settings import Settings

ImagesOption = Annotated[Path, typer.Option("--images", help="The folder that the files are named in.", exists=True, file_okay=False)]
LabelsOption = Annotated[Path, typer.Option("--labels", help="CSV: file, and any of person, group, sex, age.")]
OutOption = Annotated[Path, typer.Option("--out", help="Where to write the file.")]
_LISTED = 20  # unusable images that a terminal shows; --json has them all

app = typer.Typer(help="The recogniser, measured.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
cohort_app = typer.Typer(help="The reference cohort.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.add_typer(cohort_app, name="cohort")


@app.command("evaluate")
def evaluate_command(
    images: ImagesOption,
    *,
    labels: Annotated[Path | None, typer.Option("--labels", help="CSV: file, and any of person, group, sex, age.")] = None,
    pairs: Annotated[Path | None, typer.Option("--pairs", help="CSV: left, right, same (1 or 0).")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML page there.")] = None,
    keep: Annotated[bool, typer.Option(help="Sign the record and let it count for the service.")] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure false matches and misses, per group, before and after normalisation. Exit code 0; 2 if it could not be measured."""
    with plainly():
        settings = settings_of(home, None, may_begin=True)
        recogniser = recogniser_of(settings)
        corpus = _corpus(images, labels, pairs, recogniser)
        used = read_equipment(recogniser.digest, settings.cohort, settings.calibration)
        found = evaluate([corpus], recogniser, used.cohort, (used.with_cohort, used.raw), _now())
        if report is not None:
            _write(report, to_html(found).encode())
        name = _keep(settings, found) if keep else None
        document = {
            "record": json.loads(to_record(found)),
            "digest": digest_of(found),
            "kept_as": name,
            "unusable": [{"file": label.file, "reason": reason} for label, reason in corpus.refused],
        }
        lines = [to_text(found), "", footnote(), *_unusable(corpus.refused)]
        lines.append(f"Kept and signed as {name}." if name else "Not kept: this record counts for nothing.")
        try:
            check_current(found, used.binding, _now())
        except EvaluationRefused as fault:
            document["does_not_count"] = {"code": fault.code, "sentence": fault.sentence}
            lines.append(f"It does not let the recogniser serve ({fault.code}): {fault.sentence}")
    say(document, "\n".join(lines), as_json=as_json)


@cohort_app.command("fit")
def fit_cohort_command(
    images: ImagesOption,
    labels: LabelsOption,
    out: OutOption,
    *,
    per_group: Annotated[int, typer.Option(min=20, max=1000, help="Synthetic members of each group.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and images give the same cohort.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a synthetic cohort of one's own; groups and ages that it lacks are named. Exit code 0; 2 if none could be made."""
    with plainly():
        settings = settings_of(home, None, may_begin=True)
        recogniser = recogniser_of(settings)
        whole = _corpus(images, labels, None, recogniser)
        corpus, missing = without_small_groups(whole)
        made = fit_cohort(corpus, recogniser, per_group=per_group, seed=seed)
        with _writing(out):
            write_cohort(made, out)
    document = {
        "cohort": str(out),
        "digest": made.digest,
        "groups": sorted(set(made.groups)),
        "missing": missing,
        "unusable": [{"file": label.file, "reason": reason} for label, reason in whole.refused],
    }
    lines = [
        f"A cohort of {len(made.groups)} members, {per_group} for each of {len(set(made.groups))} groups: {out}",
        f"Digest {made.digest}.",
    ]
    lines += [f"Missing: {name} ({count} usable faces). Results about such people need a human." for name, count in missing.items()]
    lines += _unusable(whole.refused)
    lines.append(f"Next: `engine calibrate --cohort {out} …`, set CUSTODES_COHORT and CUSTODES_CALIBRATION, then `engine evaluate`.")
    say(document, "\n".join(lines), as_json=as_json)


@app.command("calibrate")
def calibrate_command(
    images: ImagesOption,
    labels: LabelsOption,
    out: OutOption,
    *,
    cohort: Annotated[Path | None, typer.Option("--cohort", help="A cohort file; without it, the shipped cohort.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="For raw distances, without a cohort.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a calibration of one's own: which share of strangers scores as alike. Exit code 0; 2 if it could not be made."""
    with plainly():
        recogniser = recogniser_of(settings_of(home, None, may_begin=True))
        reference = None if raw else own_or_shipped_cohort(recogniser.digest, cohort)
        corpus = _corpus(images, labels, None, recogniser)
        made: Calibration = fit_calibration(corpus, recogniser, reference, _now().date())
        _write(out, made.to_json() + b"\n")
    document = {
        "calibration": str(out),
        "digest": made.digest,
        "cohort": made.cohort,
        "pairs": made.pairs,
        "people": made.people,
        "best_similarity": made.best_similarity,
        "unusable": [{"file": label.file, "reason": reason} for label, reason in corpus.refused],
    }
    lines = [
        f"A calibration from {made.pairs:,} pairs of strangers among {made.people:,} people: {out}",
        f"The highest similarity that it vouches for is {made.best_similarity:.6f}. Digest {made.digest}.",
        *_unusable(corpus.refused),
    ]
    say(document, "\n".join(lines), as_json=as_json)


@app.command("records")
def records_command(
    *,
    show: Annotated[str | None, typer.Option("--show", help="Print the record whose digest begins so.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the shown (or the current) record as an HTML page.")] = None,
    adopt_shipped: Annotated[bool, typer.Option("--adopt-shipped", help="Let the record that comes with the package count again.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the evaluations on file, and say of each whether it lets the recogniser serve. Exit code 0; 2 if there is no such record."""
    with plainly():
        settings = settings_of(home, None, may_begin=True)
        if adopt_shipped:
            _keep(settings, from_record(shipped_record()))
        kept = evaluations_of(settings.home).all()
        states = [_state(one, _binding(settings)) for one in kept]
        believed = [one.content for one in kept if isinstance(one.content, Believed)]
        chosen = _chosen(believed, show) if show or report else None
        if report is not None and chosen is not None:
            _write(report, to_html(chosen.evaluation).encode())
    if chosen is not None and show:
        say(json.loads(to_record(chosen.evaluation)), f"{to_text(chosen.evaluation)}\n\n{footnote()}", as_json=as_json)
    else:
        lines = [f"{state['name']}  {str(state['digest'])[:12]}  until {state['ends']}  {state['code'] or 'counts'}" for state in states]
        say(states, "\n".join(lines) or "There is no evaluation on file.", as_json=as_json)


def recogniser_of(settings: Settings) -> OnnxRecogniser:
    """Return the recogniser, in this process: for measuring, never for serving."""
    settings.home.make()
    return OnnxRecogniser(ensure_model(settings.home.models), FaceFinder())


def _corpus(images: Path, labels: Path | None, pairs: Path | None, recogniser: OnnxRecogniser) -> Corpus:
    if labels is None and pairs is None:
        raise EvaluationRefused("Name a CSV with --labels, with --pairs, or both.")
    listed = read_pairs(pairs) if pairs is not None else []
    known = read_labels(labels) if labels is not None else labels_of(listed)
    with counting("Looking at images") as count:
        return look(images, known, recogniser, pairs=listed, name=images.resolve().parent.name, progress=count)


def _keep(settings: Settings, evaluation: Evaluation) -> str:
    async def keep(journal: Journal) -> str:
        kept, clock = evaluations_of(settings.home), SystemClock()
        # A home that was never served has yet to adopt the shipped record, or this one would keep it from doing so.
        await begin(kept, journal, clock)
        return (await adopt(kept, evaluation, journal, clock, by="installation"))[0]

    with journalling(settings, SystemClock()) as journal:
        return asyncio.run(keep(journal))


def _binding(settings: Settings) -> Binding:
    return read_equipment(dlib_digest(), settings.cohort, settings.calibration).binding


def _state(kept: Kept, binding: Binding) -> dict[str, object]:
    """Describe a record: whether it would let the recogniser serve now, and if not, why."""
    code = None
    try:
        kept.current(binding, _now())
    except EvaluationRefused as fault:
        code = fault.code
    described: dict[str, object] = {"name": kept.name, "digest": "", "at": None, "ends": None, "counts": code is None, "code": code}
    if isinstance(kept.content, Believed):
        at = kept.content.evaluation.at
        described |= {"digest": kept.content.digest, "at": iso(at), "ends": f"{at + BELIEVED:%Y-%m-%d}"}
    return described


def _chosen(believed: Sequence[Believed], digest: str | None) -> Believed:
    for one in believed:
        if one.digest.startswith(digest or ""):
            return one
    raise EvaluationRefused("There is no such record on file; `engine records` lists them.", code="evaluation-absent")


def _unusable(refused: Sequence[tuple[Label, str]]) -> list[str]:
    if not refused:
        return []
    lines = [f"{len(refused)} images could not be used:", *(f"  {label.file}: {reason}" for label, reason in refused[:_LISTED])]
    return lines + ([f"  and {len(refused) - _LISTED} more; --json lists them all"] if len(refused) > _LISTED else [])


def _write(path: Path, content: bytes) -> None:
    with _writing(path):
        path.write_bytes(content)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder that a file is to stand in; what cannot be written is a refusal with its reason."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as fault:
        raise EvaluationRefused(f"{path} cannot be written: {fault.strerror}.", code="not-written") from fault


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
