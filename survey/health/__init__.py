"""Liveness, readiness and figures for monitors."""
