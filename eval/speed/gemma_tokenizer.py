"""Trains a byte-pair tokenizer with the structure of Gemma's, only smaller."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CONTROL_TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
BYTE_TOKENS = [f"<0x{value:02X}>" for value in range(256)]

# Gemma splits digits singly and keeps a word with the space before it.
_PIECES = Regex(r"▁?[^\W\d_]+|▁+|\d|\n+|▁?[^\s\w▁]+|_+|.")


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-fallback BPE of `vocab_size` tokens: the control tokens first, then 256 bytes, then merges.

    The pre-tokenizer serves training alone, to keep merges inside words; like Gemma's, the finished
    tokenizer has none, and its merge ranks decide.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(_PIECES, "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=CONTROL_TOKENS + BYTE_TOKENS,
        limit_alphabet=600,
        max_token_length=24,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _without_pre_tokenizer(tokenizer)


def _without_pre_tokenizer(trained: Tokenizer) -> Tokenizer:
    """The same vocabulary and merges, with only the control tokens special: bytes are ordinary tokens."""
    import json

    model = json.loads(trained.to_str())["model"]
    return like_gemma(model["vocab"], [tuple(pair) for pair in model["merges"]], CONTROL_TOKENS)


def like_gemma(vocab: dict[str, int], merges: list[tuple[str, str]], control: list[str]) -> Tokenizer:
    """A byte-fallback BPE of Gemma's structure; `control` tokens are those of `vocab` that are special."""
    model = models.BPE(vocab=vocab, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(control)
    return tokenizer
