"""The few `torch.nn` modules that PyTorch lacks; they know nothing of specs or graphs."""
