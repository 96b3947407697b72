"""What the human would do: joystick mapping, keyboard, and a scripted operator that publishes
Joy."""
