"""Programs that stand in for a human at the joystick."""
