"""Makes the models that the labeller runs: LoRA tuning, merge, calibration, export without torch, publishing."""
