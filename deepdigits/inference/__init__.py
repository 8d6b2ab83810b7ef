"""A trained net that reads tensors, arrays and images."""
