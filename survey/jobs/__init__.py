"""The engine that runs the timetable, the heartbeat that tells outages, and long jobs."""
