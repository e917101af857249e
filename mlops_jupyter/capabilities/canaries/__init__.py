"""What is done about a canary: it gets more of the traffic, or none, by what it has done beside the others.

`windows` counts what has happened, `labelled` what labels say of it, `evidence` weighs it, `reasons` says what speaks
against it, `decisions` decides.
"""
