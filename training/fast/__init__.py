"""Gemma 3's text model for tuning by LoRA alone, computed as transformers does, with less in the way.

layers    what a layer computes, as functions of tensors
lora      a frozen matrix with its adapter
adapter   adapters in peft's files
rounding  the rounding to few bits that a bundle will do, and how to tune with it
model     hidden states and loss of issues that share one label list
merged    the checkpoint that comes of it
parts     such issues as tensors
schedule  how long, and at which rate
loop      the tuning loop, which can be killed and goes on
"""
