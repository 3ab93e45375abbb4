"""How the embedded model is trained: corpus, tokenizer, windows, network, loop, export."""
