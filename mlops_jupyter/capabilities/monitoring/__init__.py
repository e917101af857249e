"""What a deployment does now, and did in the time before, from its own history or from PromQL."""
