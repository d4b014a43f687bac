"""Every key of config.json that changes what the model computes: honoured as transformers does, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import Gemma3TextConfig

from labeler.errors import InputError
from labeler.model.bundle import Rope
from tests.models import tiny_config
from training.model.checkpoint import Config, read_config

pytestmark = pytest.mark.training

DEFAULTS = {"model_type": "gemma3_text"}


def written(folder: Path, document: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(document))
    return folder


def as_transformers_has_it(settings: dict[str, Any]) -> Config:
    theirs = Gemma3TextConfig(**json.loads(json.dumps(settings)))
    ropes = {
        kind: Rope(float(rope["rope_theta"]), float(rope["factor"]) if rope["rope_type"] == "linear" else 1.0)
        for kind, rope in theirs.rope_parameters.items()
    }
    return Config(
        hidden_size=theirs.hidden_size,
        intermediate_size=theirs.intermediate_size,
        layers=theirs.num_hidden_layers,
        heads=theirs.num_attention_heads,
        kv_heads=theirs.num_key_value_heads,
        head_dim=theirs.head_dim,
        vocab_size=theirs.vocab_size,
        norm_epsilon=theirs.rms_norm_eps,
        attention_scale=theirs.query_pre_attn_scalar**-0.5,
        window=theirs.sliding_window,
        is_local=tuple(kind == "sliding_attention" for kind in theirs.layer_types),
        local_rope=ropes["sliding_attention"],
        global_rope=ropes["full_attention"],
    )


LOCAL, GLOBAL = "sliding_attention", "full_attention"
HONOURED: dict[str, dict[str, Any]] = {
    "every key at its default": {},
    "sizes": {"hidden_size": 640, "intermediate_size": 2048, "vocab_size": 262_144, "num_hidden_layers": 18},
    "heads": {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 128},
    "an epsilon": {"rms_norm_eps": 1e-5},
    "a scale of attention": {"query_pre_attn_scalar": 168},
    "a window": {"sliding_window": 512},
    "a pattern, as transformers 4 writes it": {"sliding_window_pattern": 3},
    "a pattern as it is stored beside the layers": {"_sliding_window_pattern": 3},
    "layers before the pattern": {
        "sliding_window_pattern": 2,
        "num_hidden_layers": 3,
        "layer_types": [LOCAL, LOCAL, GLOBAL],
    },
    "turning as transformers 4 writes it": {"rope_theta": 5e5, "rope_local_base_freq": 2e4},
    "stretched turning as transformers 4 writes it": {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "turning as transformers 5 writes it": {
        "rope_parameters": {
            LOCAL: {"rope_type": "default", "rope_theta": 2e4},
            GLOBAL: {"rope_type": "linear", "factor": 4, "rope_theta": 5e5},
        }
    },
    "half of the turning": {"rope_parameters": {GLOBAL: {"rope_type": "default"}}, "rope_theta": 5e5},
    "a kind under its older key": {"rope_parameters": {GLOBAL: {"type": "linear", "factor": 2.0}, LOCAL: {}}},
    "switches that are off": {"attention_bias": False, "use_bidirectional_attention": None},
    "what only tuning or printing asks for": {"attention_dropout": 0.1, "use_cache": False, "eos_token_id": [1, 106]},
}


@pytest.mark.parametrize("case", HONOURED)
def test_a_key_means_what_it_means_to_transformers(tmp_path: Path, case: str) -> None:
    settings = DEFAULTS | HONOURED[case]
    assert read_config(written(tmp_path, settings)) == as_transformers_has_it(settings)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another model": ({"model_type": "gemma2"}, "model_type 'gemma2'"),
    "another model around the text": ({"model_type": "paligemma", "text_config": DEFAULTS}, "model_type 'paligemma'"),
    "another text model": ({"model_type": "gemma3", "text_config": {"model_type": "llama"}}, "model_type 'llama'"),
    "a soft cap on the output": ({"final_logit_softcapping": 30.0}, "final_logit_softcapping is set"),
    "a soft cap of 0": ({"final_logit_softcapping": 0.0}, "final_logit_softcapping is set"),
    "a soft cap on attention": ({"attn_logit_softcapping": 50.0}, "attn_logit_softcapping is set"),
    "biases": ({"attention_bias": True}, "attention_bias is set"),
    "attention both ways": ({"use_bidirectional_attention": True}, "use_bidirectional_attention is set"),
    "another activation": ({"hidden_activation": "gelu"}, "hidden_activation 'gelu'"),
    "heads turned in part": ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is set"),
    "quantised": ({"quantization_config": {"load_in_4bit": True}}, "quantised already"),
    "an unknown kind of layer": ({"num_hidden_layers": 1, "layer_types": ["chunked_attention"]}, "chunked_attention"),
    "too few layers named": ({"layer_types": [LOCAL]}, "does not name 26 layers"),
    "no pattern": ({"sliding_window_pattern": 0}, "sliding_window_pattern 0"),
    "no window": ({"sliding_window": None}, "sliding_window None"),
    "heads that do not share evenly": ({"num_attention_heads": 6}, "num_key_value_heads 4"),
    "a head that the runtime cannot turn": ({"head_dim": 24}, "head_dim 24"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers 0"),
    "a size that is no number": ({"hidden_size": "640"}, "hidden_size '640'"),
    "no epsilon": ({"rms_norm_eps": None}, "rms_norm_eps None"),
    "a scale of 0": ({"query_pre_attn_scalar": 0}, "query_pre_attn_scalar 0"),
    "an unknown rope": ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "rope type 'yarn'"),
    "a rope that transformers 5 leaves out": ({"rope_scaling": {"type": "linear", "factor": 8.0}}, "no rope_type"),
    "a rope without factor": ({"rope_scaling": {"rope_type": "linear"}}, "rope factor of full_attention None"),
    "one rope for both kinds": ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}, "is not nested"),
    "a rope in part": (
        {"rope_parameters": {GLOBAL: {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5}}},
        "partial_rotary_factor is set",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_honoured_is_refused(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        read_config(written(tmp_path, DEFAULTS | changes))


def test_no_key_of_transformers_was_overlooked() -> None:
    """A key that a later version adds fails here until somebody has looked at what it does."""
    known = {key for settings in HONOURED.values() for key in settings}
    known |= {key for settings, _ in REFUSED.values() for key in settings}
    harmless = {
        "max_position_embeddings",
        "initializer_range",
        "pad_token_id",
        "bos_token_id",
        "tie_word_embeddings",  # training.model.checkpoint.Weights looks at the tensors
    }
    own = set(Gemma3TextConfig.__annotations__) - {"model_type", "default_theta", "keys_to_ignore_at_inference"}
    assert own - known - harmless - {"base_model_tp_plan", "base_model_pp_plan"} == set()


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json"):
        read_config(tmp_path)


def test_layers_that_see_everything_need_no_window(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, tiny_config(layer_types=[GLOBAL] * 3, sliding_window=None)))
    assert not any(config.is_local)
