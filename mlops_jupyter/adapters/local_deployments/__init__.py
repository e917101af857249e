"""Endpoints on this machine: a supervisor and its workers each, which outlive the process that deploys."""
