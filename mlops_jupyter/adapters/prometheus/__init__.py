"""Prometheus and the servers around it: what they are asked and told over HTTP."""
