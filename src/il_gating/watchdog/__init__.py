"""Stops a robot whose interface has no command time-out of its own."""
