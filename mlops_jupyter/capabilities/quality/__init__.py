"""How right a model's answers were: labels that come late, joined to the answers by request id and row.

`given` reads labels, `labels` keeps them, `giving` tells which answers they belong to, `tallies` and `intervals` make
measures of them; `assessing` puts these together over an endpoint's folder ``watch``.
"""

# What `tallies` tells of quality, by the task; here, where a command can have their names without numpy.
MEASURES = ("accuracy", "precision", "recall", "f1", "auc", "rmse", "mae")
