"""The joystick itself: SDL's events to joystick messages."""
