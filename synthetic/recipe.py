"""What `synthetic.pipeline` is to make of a repository, and by whom: from issues to a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from synthetic.annotating.consensus import Rule
from synthetic.dataset.splitting import Wanted as Splitting
from synthetic.fetching.fetcher import Wanted as Fetching
from synthetic.preparing.preparation import Wanted as Preparing

if TYPE_CHECKING:
    from labeler.config import Machine
    from labeler.labels.label_set import LabelSet
    from synthetic.annotating.writer import Writer
    from synthetic.llm.annotator import Annotator
    from synthetic.llm.asking import Asker

Step = Literal["fetch", "prepare", "annotate", "agreement", "split", "generate", "publish"]
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True)
class Writing:
    """Issues that `writer` writes until each label has `per_label` training rows."""

    writer: Writer
    per_label: int


@dataclass(frozen=True)
class Publishing:
    """Where on the Hugging Face Hub the dataset is uploaded to: owner/name."""

    repository: str
    private: bool = False


@dataclass(frozen=True)
class Recipe:
    """What is to be made, and by whom.

    Attributes:
        machine: holds the tokens for GitHub and the Hub.
        asker: asks for the annotators, within one pace and budget; `concurrency` requests at a time.
        annotators: none: the labels are the repository's own, and what people decided.
        writing: None where no issues are to be written.
        publishing: None where nothing is to be uploaded.
    """

    labels: LabelSet
    fetching: Fetching
    machine: Machine
    asker: Asker
    annotators: Sequence[Annotator] = ()
    concurrency: int = 8
    preparing: Preparing = field(default_factory=Preparing)
    rule: Rule = field(default_factory=Rule)
    splitting: Splitting = field(default_factory=Splitting)
    writing: Writing | None = None
    publishing: Publishing | None = None
