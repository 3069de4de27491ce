"""The small things everything is built on: clock, ids, refusals."""
