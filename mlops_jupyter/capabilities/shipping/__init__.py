"""Shipping: what journals hold goes to the store, in order and once, and runs of dead processes get their end.

A point that is sent twice is one point to MLflow's databases, which key it by run, name, time, step and value; so
a batch whose acknowledgement was lost is sent again. How far a run has come is noted after each batch.
"""

from .environment import StoreEnvironment
from .sending import ENVIRONMENT_ARTIFACT, MIRROR_TAG
from .shipper import Shipper
from .stores import Place, Stores

__all__ = ["ENVIRONMENT_ARTIFACT", "MIRROR_TAG", "Place", "Shipper", "StoreEnvironment", "Stores"]
