"""How much memory a run takes, from the base's shape: weights, gradients, optimiser, activations.

The counting is that of Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large Transformer Models",
arXiv:2205.05198, section 4): what every operation keeps for its backward pass, here measured for Gemma 3's layer. With
attention computed in tiles (scaled_dot_product_attention) no matrix of scores is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.checkpoint import Config
from training.device import Numerics
from training.settings import TuningSettings

_CHECKPOINT_ABOVE = 0.8  # share of the memory
_OVERHEAD = {"cuda": 600 * 2**20, "mps": 600 * 2**20, "cpu": 560 * 2**20}  # libraries, kernels' workspace
# Pieces that the allocator does not give back. On a CPU, a 10M model with batches of 4,096 to 16,384 tokens (four runs)
# took what is estimated here within 20 %; for a GPU it is a guess.
_SPREAD = {"cuda": 1.1, "mps": 1.1, "cpu": 2.0}


@dataclass(frozen=True)
class Memory:
    """Bytes. `activations` are those of the largest batch, its logits included."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    overhead: int
    checkpointing: bool

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
    counted: int,
) -> Memory:  # fmt: skip
    """The estimate for batches of at most `tokens` tokens, filling included, of which the loss counts `counted`.

    With `gradient_checkpointing = "auto"` it is switched on where more than 80 % of `memory` would be taken.
    """
    base, adapter, whole = parameter_counts(config, settings)
    half = device == "cuda" and numerics.precision != "fp32"
    a_weight = 0.56 if numerics.four_bit else 2 if half else 4  # NF4 with its scales: arXiv:2305.14314, section 3
    trained = adapter + whole
    weights = round((base - whole) * a_weight) + 4 * trained
    if numerics.four_bit:
        weights += round(config.vocab_size * config.hidden_size * (2 - a_weight))  # embeddings stay in 16 bits
    optimizer = trained * (2 if numerics.optimizer == "adamw_8bit" else 8)

    def whole_estimate(checkpointing: bool) -> Memory:
        kept = kept_bytes(config, settings, numerics.precision, tokens, checkpointing)
        # The backward pass works on about two layers' worth of its own.
        working = 2 * kept_bytes(config, settings, numerics.precision, tokens, False) // config.layers
        # Logits, their softmax and their gradient in float32.
        logits = 3 * 4 * counted * config.vocab_size
        activations = round(_SPREAD[device] * kept) + working + logits
        return Memory(weights, 4 * trained, optimizer, activations, _OVERHEAD[device], checkpointing)

    wanted = settings.gradient_checkpointing
    plain = whole_estimate(wanted == "on")
    return whole_estimate(True) if wanted == "auto" and plain.total > _CHECKPOINT_ABOVE * memory else plain


# Bytes that torch keeps of one token in one layer, for each unit of (hidden, intermediate, query, key/value, rank times
# targets): least squares over what autograd saved on random models of nine shapes (torch 2.13, transformers 5.17),
# off by at most 12 bytes of some thousand. In 16 bits norms and the stream between layers stay in float32.
_KEPT = {"fp32": (24, 16, 12, 12, 4), "bf16": (26, 8, 10, 8, 2), "fp16": (26, 8, 10, 8, 2)}


def kept_bytes(config: Config, settings: TuningSettings, precision: str, tokens: int, checkpointing: bool) -> int:
    """What all layers keep for the backward pass of a batch of `tokens` tokens."""
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    units = (config.hidden_size, config.intermediate_size, q, kv, settings.rank * len(settings.targets))
    layer = tokens * sum(bytes_ * unit for bytes_, unit in zip(_KEPT[precision], units, strict=True))
    if checkpointing:
        # Every layer's input, and all of the one layer that is computed again.
        return config.layers * tokens * config.hidden_size * 4 + layer
    return config.layers * layer
