"""The same work done the usual way: transformers loads the checkpoint in fp32 and generates an answer.

usage: python -m eval.systems.reference CHECKPOINT BUNDLE ANSWER_TOKENS < issue text
"""

import sys
from pathlib import Path


def main() -> None:
    import torch
    from transformers import Gemma3ForCausalLM, PreTrainedTokenizerFast

    from labeler.model.bundle import read_manifest
    from labeler.text.prompt import INSTRUCTION

    checkpoint, bundle, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    manifest = read_manifest(bundle)
    listed = "\n".join(
        f"- {label.name}: {label.description}" if manifest.describe and label.description else f"- {label.name}"
        for label in manifest.labels
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(checkpoint / "tokenizer.json"))
    model = Gemma3ForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    prompt = (
        f"<bos><start_of_turn>user\n{INSTRUCTION}{listed}\n\nIssue:\n{sys.stdin.read()}<end_of_turn>\n"
        "<start_of_turn>model\n"
    )
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.inference_mode():
        # Weights that were not tuned would go on for ever, or end at once: count the tokens of a usual answer.
        out = model.generate(ids, max_new_tokens=count, min_new_tokens=count, do_sample=False)
    print(tokenizer.decode(out[0, ids.shape[1] :]))


if __name__ == "__main__":
    main()
