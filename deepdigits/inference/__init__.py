"""Load a trained net and apply it to tensors, arrays and images."""
