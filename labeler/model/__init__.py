"""The bundle and what computes it: tokenizer, decoder, prefix cache, engine, calibration."""
