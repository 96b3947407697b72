"""The joystick itself: SDL's events to joystick messages, for machines without the package joy."""
