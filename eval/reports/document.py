"""A comparison as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from eval.benchmarks.refitting import Refitted
from eval.reports import snippet
from eval.reports.figures import Row, rows
from eval.systems.results import Comparison


def document(comparison: Comparison, refitted: Refitted | None = None) -> dict[str, Any]:
    """Every system's figures, the main one first, and the refitted thresholds. A figure that there is none of is
    nan or None: `eval.systems.plain` makes it JSON's null.
    """
    return {
        "title": comparison.title,
        "test": len(comparison.test),
        "train": comparison.train_size,
        "validation": comparison.validation_size,
        "main": comparison.main,
        "systems": [_system(row, comparison) for row in rows(comparison)],
        "refitted": refitted and snippet.document(refitted),
    }


def _system(row: Row, comparison: Comparison) -> dict[str, Any]:
    result = row.worth.result
    costs = ("fit_seconds", "seconds_an_issue", "cold_seconds", "size_megabytes", "memory_megabytes", "note")
    thresholds = result.thresholds and dict(zip(comparison.labels.names, result.thresholds, strict=True))
    return {
        "key": result.key,
        "name": result.name,
        "micro_f1": asdict(row.micro_f1),
        "macro_f1": asdict(row.macro_f1),
        "micro_f1_less_main": row.difference and asdict(row.difference),
        "coverage": asdict(row.worth.coverage),
        "precision": asdict(row.worth.precision),
        "recall": asdict(row.worth.recall),
        "mean_average_precision": row.mean_average_precision,
        "calibration_error": row.calibration_error,
        "thresholds": thresholds,
        **{name: getattr(result, name) for name in costs},
    }
