"""The model card, a bundle's README.md with Hugging Face metadata: all it says comes from the manifest beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from eval.reports.sections import cell
from labeler.base.markdown_table import markdown_table
from labeler.base.thresholds import FEW, NEVER
from labeler.decision.candidates import DEFAULT_THRESHOLD
from labeler.model.bundle import Manifest
from training.model.licence import licence_of_bundle, licence_text

ROWS = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "precision": "precision of the labels set",
    "recall": "recall",
    "coverage": "issues that get a label",
    "exact_match": "issues with exactly the right labels",
}
_WEAK = 0.5
USE = """## Use

In a workflow, on events of issues, with `issues: write`; put the commit of this model and of the action for what is in
brackets:

```yaml
- uses: issue-labeler/issue-labeler@<commit of the action>
  with:
    model: owner/name@<commit of this model>
```

On a laptop: `python -m labeler --model owner/name@<commit> --title "App crashes when saving"`, or the folder's
path."""


def card(manifest: Manifest) -> str:
    """The card of a model made by `python -m training run`; a part of which the manifest knows nothing is left out."""
    parts = [
        metadata(manifest),
        f"# {cell(manifest.name)} {cell(manifest.version)}",
        _what(manifest),
        _quality(manifest),
        _labels(manifest),
        _weaknesses(manifest),
        USE,
        _training(manifest),
        licence_text(licence_of_bundle(manifest), cell(manifest.base_model)),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def metadata(manifest: Manifest, **more: Any) -> str:
    """The front matter that the Hugging Face Hub reads."""
    import yaml

    fields: dict[str, Any] = {
        "language": "en",
        "library_name": "onnx",
        "pipeline_tag": "text-classification",
        "tags": ["github", "issues", "issue-labeler"],
    }
    if licence := licence_of_bundle(manifest):
        fields["license"] = licence
    if manifest.provenance.get("base revision"):  # it is on the Hub
        fields |= {"base_model": manifest.base_model, "base_model_relation": "finetune"}
    if test := manifest.metrics.get("test"):
        fields["model-index"] = [{"name": manifest.name, "results": [_result(manifest, test)]}]
    return f"---\n{yaml.safe_dump(fields | more, sort_keys=False, allow_unicode=True)}---"


def figure(triple: list[float] | None) -> str:
    """A value with its interval."""
    return "–" if triple is None else f"{triple[0]:.3f} [{triple[1]:.3f}, {triple[2]:.3f}]"


def _result(manifest: Manifest, test: Mapping[str, Any]) -> dict[str, Any]:
    name = str(manifest.provenance.get("data", "issues"))
    kinds = {"micro_f1": "f1", "macro_f1": "f1", "precision": "precision", "recall": "recall"}
    return {
        "task": {"type": "text-classification", "name": "Issue labelling, several labels an issue"},
        "dataset": {"name": name, "type": "csv", "split": "test"},
        "metrics": [
            {"type": kind, "name": ROWS[key], "value": test[key][0]} for key, kind in kinds.items() if test.get(key)
        ],
    }


def _what(manifest: Manifest) -> str:
    shape = manifest.shape
    bits = next((f"{bits}-bit" for bits in (4, 8) if f"int{bits}" in manifest.quantisation), "32-bit")
    return _filled(
        f"Puts labels on new GitHub issues, on a CPU: {cell(manifest.base_model)} tuned by LoRA on labelled issues, "
        f"as {bits} ONNX ({shape.layers} layers, hidden size {shape.hidden_size}, {shape.vocab_size:,} tokens). It is "
        "shown a list of labels and can only answer with labels of that list."
    )


def _quality(manifest: Manifest) -> str:
    columns = {name: found for name in ("test", "validation") if (found := manifest.metrics.get(name))}
    if not columns:
        return ""
    heads = [f"{name} (n = {found['issues']:,})" for name, found in columns.items()]
    rows = [(what, *(figure(found.get(key)) for found in columns.values())) for key, what in ROWS.items()]
    rows.append(("calibration error, best 0", *(f"{found['calibration_error']:.3f}" for found in columns.values())))
    table = markdown_table(("", *heads), rows, "lr")
    notes = []
    if "test" in columns:
        notes.append("*Test* issues were used for nothing else.")
    if "validation" in columns:
        notes.append("On *validation* each fifth is judged by what was fitted on the rest.")
    notes.append("A label counts only where the issue's source uses it.")
    if any(not row["issues"] for found in columns.values() for row in found["labels"].values()):
        notes.append("Macro-F1 is the mean over all labels; one that no issue has counts as 0.")
    return f"""
## Quality

By the bundle itself, as the action runs it, with its thresholds; in brackets 95 % intervals (bootstrap over issues).

{table}

{_filled(" ".join(notes))}"""


def _labels(manifest: Manifest) -> str:
    judged = manifest.metrics.get("test") or manifest.metrics.get("validation") or {}
    rows = judged.get("labels", {})
    lines = []
    for name in manifest.labels.names:
        threshold = manifest.thresholds.get(name, DEFAULT_THRESHOLD)
        shown = "never set" if threshold >= NEVER else f"{threshold:.2f}"
        found = rows.get(name)
        numbers = ["–"] * 4
        if found:
            precision = f"{found['precision']:.2f}" if found["predicted"] else "–"
            recall = f"{found['recall']:.2f}" if found["issues"] else "–"
            numbers = [figure(found["f1"]) if found["issues"] else "–", precision, recall, f"{found['issues']:,}"]
        lines.append((cell(name), shown, *numbers))
    target = manifest.metrics.get("target_precision")
    aim = f"the lowest with a precision of {target:g}" if target else "the one with the best F1"
    split = "test" if manifest.metrics.get("test") else "validation"
    notes = (
        f"*n*: issues that have the label, on {split}. A label is set from its threshold on: {aim} on validation, "
        f"drawn toward the common one where examples are few. {_calibration(manifest)}"
    )
    table = markdown_table(("label", "threshold", "F1", "precision", "recall", "n"), lines, "lr")
    return f"## Labels and thresholds\n\n{table}\n\n{_filled(notes)}"


def _calibration(manifest: Manifest) -> str:
    found = manifest.metrics.get("calibration", {})
    method = found.get("method", "none")
    if method == "none":
        return "Probabilities are the model's own."
    how = {
        "temperature": "by one temperature",
        "common": "by one line in log-odds for all labels",
        "labels": "by a line in log-odds for each label (Platt scaling)",
    }[method]
    before, after = found["none"], found[method]
    return (
        f"Probabilities are calibrated {how}: on validation issues that it was not fitted on, log loss went from "
        f"{before['log_loss']:.3f} to {after['log_loss']:.3f}, and the expected calibration error from "
        f"{before['calibration_error']:.3f} to {after['calibration_error']:.3f}."
    )


def _weaknesses(manifest: Manifest) -> str:
    judged = manifest.metrics.get("test") or manifest.metrics.get("validation") or {}
    rows = judged.get("labels", {})
    few = [name for name, found in rows.items() if found["issues"] < FEW]
    weak = [name for name, found in rows.items() if found["issues"] >= FEW and found["f1"][0] < _WEAK]
    never = [name for name, threshold in manifest.thresholds.items() if threshold >= NEVER]
    points = []
    for names, said in (
        (few, f"fewer than {FEW} issues to judge them by; their figures say little"),
        (weak, f"an F1 below {_WEAK:g}"),
        (never, "never set: nowhere on validation had they the precision asked for"),
    ):
        if names:
            points.append(f"- {', '.join(map(cell, names))}: {said}.")
    points += [
        f"- It reads {manifest.token_budget:,} tokens of an issue: the title, then the head and the tail of the text"
        + (", in lower case and without punctuation." if manifest.plain_text else "."),
        "- It learnt the habits of the projects it was tuned on; another project may use the same names otherwise.",
        "- Calibration and thresholds belong to the whole label list; with another list they are a first guess.",
        "- Text in an issue can sway which labels of the list are chosen, as it can sway a person.",
    ]
    return "## Known weaknesses\n\n" + "\n".join(points)


def _training(manifest: Manifest) -> str:
    facts = manifest.provenance
    rows, sources, settings = (facts.get(key) or {} for key in ("rows", "sources", "settings"))
    parts = []
    if "data" in facts:
        counts = ", ".join(f"{count:,} {split}" for split, count in rows.items())
        parts.append(f"Data: {cell(str(facts['data']))} ({counts}), sha256 `{facts['data sha256']}`.")
    if sources:
        listed = ", ".join(f"{cell(source)} {count:,}" for source, count in sources.items())
        parts.append(_filled(f"Training rows by source: {listed}."))
    if settings:
        shown = ", ".join(f"{cell(key)} {cell(_plain(value))}" for key, value in settings.items())
        parts.append(f"<details><summary>Settings</summary>\n\n{_filled(shown)}\n\n</details>")
    if command := facts.get("command"):
        versions = ", ".join(f"{name} {version}" for name, version in (facts.get("versions") or {}).items())
        parts.append(f"Reproduce, with the same data ({cell(versions)}):\n\n```sh\n{command}\n```")
    return "## Training\n\n" + "\n\n".join(parts) if parts else ""


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _filled(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
