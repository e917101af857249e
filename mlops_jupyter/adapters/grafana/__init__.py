"""Grafana: a dashboard of all endpoints, and what provisions it."""
