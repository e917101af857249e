"""What an endpoint is asked for predictions, and its answers in the kind that the data had."""
