"""How much memory a run takes, from the base's shape: weights, gradients, optimiser, activations.

The counting is that of Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large Transformer Models",
arXiv:2205.05198, section 4): what every operation keeps for its backward pass, here measured for Gemma 3's layer. With
attention computed in tiles (scaled_dot_product_attention) no matrix of scores is kept.

Checked on a CPU, where torch allocates what it does on a GPU, by summing up every allocation of a step (torch.profiler)
of two and four layers of Gemma 3 270M's size, in float32 and in bfloat16, with and without checkpointing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.model.checkpoint import Config
from training.tuning.device import Numerics
from training.tuning.settings import TuningSettings

_CHECKPOINT_ABOVE = 0.8  # share of the memory
# Libraries and kernels' workspace. A GPU's context is taken already where its free memory is asked for.
_OVERHEAD = {"cuda": 300 * 2**20, "mps": 600 * 2**20, "cpu": 560 * 2**20}
# Pieces that the allocator does not give back. On a CPU, a 10M model with batches of 4,096 to 16,384 tokens (four runs)
# took what is estimated here within 20 %.
_SPREAD = {"cuda": 1.0, "mps": 1.1, "cpu": 2.0}
# What the backward pass works on, as a share of what a layer keeps: 0.17 to 0.29 seen.
_WORKING = 0.3


@dataclass(frozen=True)
class Memory:
    """Bytes. `activations` are those of the largest batch, its logits included.

    Attributes:
        checkpointing: layers are computed again in the backward pass, of batches with more than `checkpoint_above`
            tokens.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    overhead: int
    checkpointing: bool
    checkpoint_above: int = 0

    @property
    def fixed(self) -> int:
        """What does not depend on the batch."""
        return self.weights + self.gradients + self.optimizer + self.overhead

    @property
    def total(self) -> int:
        return self.fixed + self.activations


def parameter_counts(config: Config, settings: TuningSettings) -> tuple[int, int, int]:
    """(weights of the base, weights of the adapter, weights of the base that are trained whole)."""
    h, inner = config.hidden_size, config.intermediate_size
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes = {
        "q_proj": (q, h), "k_proj": (kv, h), "v_proj": (kv, h), "o_proj": (h, q),
        "gate_proj": (inner, h), "up_proj": (inner, h), "down_proj": (h, inner),
    }  # fmt: skip
    embeddings = config.vocab_size * h
    norms = config.layers * (4 * h + 2 * config.head_dim) + h
    base = embeddings + norms + config.layers * sum(rows * columns for rows, columns in shapes.values())
    adapter = config.layers * sum(settings.rank * sum(shapes[name]) for name in settings.targets)
    whole = embeddings * settings.train_embeddings + norms * settings.train_norms
    return base, adapter, whole


def estimate(
    config: Config, settings: TuningSettings, numerics: Numerics, device: str, memory: int, *, tokens: int,
    counted: int, backend: str = "peft",
) -> Memory:  # fmt: skip
    """The estimate for batches of at most `tokens` tokens, filling included, of which the loss counts `counted`.

    With `gradient_checkpointing = "auto"` it is switched on for batches with which more than 80 % of `memory` would be
    taken; with Unsloth, whose own is for a whole run, for all where there are such batches.
    """
    base, adapter, whole = parameter_counts(config, settings)
    half = device == "cuda" and numerics.precision != "fp32"
    matrices = base - config.vocab_size * config.hidden_size
    a_weight = 0.56 if numerics.four_bit else 2 if half else 4  # NF4 with its scales: arXiv:2305.14314, section 3
    trained = adapter + whole
    weights = round((base - whole) * a_weight) + 4 * trained
    if numerics.four_bit:
        weights += round(config.vocab_size * config.hidden_size * (2 - a_weight))  # embeddings stay in 16 bits
    elif numerics.precision == "bf16" and not half:
        weights -= 2 * matrices  # on a CPU matrices alone are in 16 bits
    # What a step makes of weights and keeps until its end: changed matrices, or the adapter in 16 bits.
    wide = 4 if numerics.precision == "fp32" else 2
    weights += wide * matrices if backend == "fast" else 2 * adapter if wide == 2 else 0
    optimizer = trained * (2 if numerics.optimizer == "adamw_8bit" else 8)
    kind = _kind(device, numerics.precision, backend)

    def for_batch(tokens: int, counted: int, checkpointing: bool) -> Memory:
        kept = kept_bytes(config, settings, kind, tokens, checkpointing)
        working = round(_WORKING * kept_bytes(config, settings, kind, tokens, False) / config.layers)
        # Logits, their softmax and their gradient in float32.
        logits = 3 * 4 * counted * config.vocab_size
        activations = round(_SPREAD[device] * kept) + working + logits
        return Memory(weights, 4 * trained, optimizer, activations, _OVERHEAD[device], checkpointing)

    plain = for_batch(tokens, counted, settings.gradient_checkpointing == "on")
    room = round(_CHECKPOINT_ABOVE * memory) - plain.fixed
    if settings.gradient_checkpointing != "auto" or plain.activations <= room:
        return plain
    again = for_batch(tokens, counted, True)
    if backend == "unsloth":
        return again
    above = max(0, tokens * room // plain.activations)
    return replace(again, activations=max(again.activations, room), checkpoint_above=above)


# Bytes that torch keeps of one token in one layer, for each unit of (hidden, intermediate, query, key/value, rank times
# targets): what autograd saved at the sizes of Gemma 3 270M (torch 2.13, transformers 5.17), by the tensors' widths.
# With "bf16" norms and the stream between layers are in float32 (a CPU), with "bf16 throughout" the stream is not (a
# GPU). Compiled layers keep nothing of the adapter: counted in float32 as compiled for a CPU, halved for bfloat16.
_KEPT = {
    "fp32": (24, 16, 12, 12, 4),
    "bf16": (26, 8, 8, 14, 2),
    "bf16 throughout": (20, 8, 8, 14, 2),
    "fast fp32": (26, 12, 16, 20, 0),
    "fast bf16": (13, 6, 8, 10, 0),
}


def _kind(device: str, precision: str, backend: str) -> str:
    if backend == "fast":
        return "fast fp32" if precision == "fp32" else "fast bf16"
    if precision == "fp32":
        return "fp32"
    return "bf16 throughout" if device == "cuda" and precision == "bf16" else "bf16"


def kept_bytes(config: Config, settings: TuningSettings, kind: str, tokens: int, checkpointing: bool) -> int:
    """What all layers keep for the backward pass of a batch of `tokens` tokens; `kind` is a key of `_KEPT`."""
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    units = (config.hidden_size, config.intermediate_size, q, kv, settings.rank * len(settings.targets))
    layer = tokens * sum(bytes_ * unit for bytes_, unit in zip(_KEPT[kind], units, strict=True))
    if checkpointing:
        # Every layer's input, and all of the one layer that is computed again.
        stream = 2 if kind in ("bf16 throughout", "fast bf16") else 4
        return (config.layers + 1) * tokens * config.hidden_size * stream + layer
    return config.layers * layer
