"""Other places that hear of a run: TensorBoard, MLflow, Weights & Biases, through transformers."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labeler.errors import InputError
from training.tuning.plan import Plan
from training.tuning.settings import TuningSettings

TRACKERS = ("none", "tensorboard", "mlflow", "wandb")
_PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow-skinny", "wandb": "wandb"}


class Tracking:
    """One run's tracker; with MLflow the run is opened here, so that its parameters are the settings by their own
    names, its last artifact is the bundle, and a resumed run goes on with it.

    Args:
        report_to: one of `TRACKERS`.
        run_id: MLflow's id of the run that is resumed.
    """

    def __init__(self, report_to: str, run_id: str = "") -> None:
        if report_to != "none" and importlib.util.find_spec(report_to) is None:
            remedy = f"Install it: pip install {_PACKAGES[report_to]}"
            raise InputError(f"--report-to {report_to}: {report_to} is not installed.", remedy)
        self.report_to = report_to
        self.run_id = run_id

    @property
    def by_transformers(self) -> str:
        """What transformers' Trainer is to set up by itself."""
        return "none" if self.report_to == "tensorboard" else self.report_to

    def callbacks(self, folder: Path) -> list[Any]:
        """TensorBoard's events go into `folder`/tensorboard: the Trainer would put them among the checkpoints."""
        if self.report_to != "tensorboard":
            return []
        from torch.utils.tensorboard import SummaryWriter
        from transformers.integrations import TensorBoardCallback

        return [TensorBoardCallback(SummaryWriter(str(folder / "tensorboard")))]

    def begin(self, name: str, settings: TuningSettings, plan: Plan, about: dict[str, Any]) -> str:
        """Opens the run; returns MLflow's id of it, or an empty text."""
        if self.report_to != "mlflow":
            return ""
        import mlflow

        fresh = not self.run_id
        run = mlflow.start_run(run_id=self.run_id or None, run_name=name)
        if fresh:
            # transformers logs its own arguments, some under the same names.
            given = {f"tuning.{key}": value for key, value in asdict(settings).items()}
            given |= {f"data.rows.{split}": count for split, count in plan.rows.items()}
            mlflow.log_params(given | {f"run.{key}": value for key, value in about.items()})
        self.run_id = run.info.run_id
        return str(self.run_id)

    def result(self, figures: dict[str, Any]) -> None:
        """The figures of the checkpoint that was kept."""
        if self.report_to == "mlflow":
            import mlflow

            mlflow.log_metrics({f"best.{key}": float(value) for key, value in figures.items() if value is not None})

    def artifacts(self, folder: Path) -> None:
        """Files of the run: the bundle, the log, the picture."""
        if self.report_to == "mlflow" and folder.exists():
            import mlflow

            if folder.is_dir():
                mlflow.log_artifacts(str(folder), folder.name)
            else:
                mlflow.log_artifact(str(folder))

    def end(self) -> None:
        if self.report_to == "mlflow":
            import mlflow

            mlflow.end_run()
