"""What calls a model: one module for each way."""
