"""The small things everything stands on: clock, ids, refusals."""
