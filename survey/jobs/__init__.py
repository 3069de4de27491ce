"""The engine that runs the timetable."""
