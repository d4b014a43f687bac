"""What a model in training answers: the most probable token of the answer grammar, again and again, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eval.data.rows import Labelled
from labeler.text.answer import Grammar, Node


@dataclass(frozen=True)
class Question:
    """A prompt, the grammar of its label list, and the labels that are true."""

    prompt: np.ndarray
    grammar: Grammar
    row: Labelled


class _Walk:
    """The way of one answer through the grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.chosen: list[int] = []
        self.ended = False
        self._node: Node = grammar.trie(-1)
        self._at_root = True

    def options(self) -> list[int]:
        """Tokens that may follow."""
        follow = list(self._node.children)
        if self._at_root:
            return [*follow, self.grammar.end]
        complete = self._node.complete
        return follow if complete is None else sorted({*follow, *self.grammar.terminators(complete)})

    def step(self, token: int) -> None:
        """Takes one of the options."""
        if token in self._node.children:
            self._node, self._at_root = self._node.children[token], False
            return
        if self._node.complete is not None and not self._at_root:
            self.chosen.append(self._node.complete)
        if token == self.grammar.end:
            self.ended = True
            return
        self._node = self.grammar.trie(self.chosen[-1]).children[token]


@torch.no_grad()
def answers(causal: Any, questions: Sequence[Question], batch_size: int, device: torch.device) -> list[frozenset[str]]:
    """The labels that the model answers to each question, in their order.

    Args:
        causal: a Gemma3ForCausalLM, with adapters or without, in evaluation mode.
    """
    order = sorted(range(len(questions)), key=lambda i: -len(questions[i].prompt))
    found: dict[int, frozenset[str]] = {}
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        for i, walk in zip(part, _answer(causal, [questions[i] for i in part], device), strict=True):
            found[i] = frozenset(walk.grammar.names[label] for label in walk.chosen)
    return [found[i] for i in range(len(questions))]


def _answer(causal: Any, questions: Sequence[Question], device: torch.device) -> list[_Walk]:
    """One batch: prompts are filled up at their beginning, so that all answers begin in one column."""
    from transformers import DynamicCache

    longest = max(len(question.prompt) for question in questions)
    ids = torch.zeros(len(questions), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, question in enumerate(questions):
        ids[row, longest - len(question.prompt) :] = torch.from_numpy(question.prompt)
        mask[row, longest - len(question.prompt) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    cache = DynamicCache(config=causal.config)
    walks = [_Walk(question.grammar) for question in questions]
    tokens = sorted({token for question in questions for token in question.grammar.tokens})
    column = {token: i for i, token in enumerate(tokens)}
    output = causal.lm_head.weight[torch.tensor(tokens, device=device)].float()
    while True:
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        # Past a compiled call: it would be compiled anew for every length of the cache.
        state = causal.model.forward(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        logits = (state.last_hidden_state[:, -1].float() @ output.T).cpu()
        following = [_next(walk, logits[row], column) for row, walk in enumerate(walks)]
        if all(walk.ended for walk in walks):
            return walks
        ids = torch.tensor(following, device=device)[:, None]
        mask = torch.cat([mask, torch.ones_like(ids)], 1)


def _next(walk: _Walk, logits: torch.Tensor, column: dict[int, int]) -> int:
    """Takes the walk's next step; an answer that has ended repeats its end, which nothing reads."""
    if not walk.ended:
        options = walk.options()
        best = options[int(logits[[column[token] for token in options]].argmax())]
        walk.step(best)
        return best
    return walk.grammar.end


def micro_f1(given: Sequence[frozenset[str]], questions: Sequence[Question]) -> float:
    """2 tp / (2 tp + fp + fn) over all issues and the labels of their lists; 0 where nothing is true or answered."""
    hits = sum(len(labels & question.row.labels) for labels, question in zip(given, questions, strict=True))
    total = sum(len(labels) + len(question.row.labels) for labels, question in zip(given, questions, strict=True))
    return 2 * hits / total if total else 0.0
