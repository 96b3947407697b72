"""A keyboard in a terminal as a joystick: no global key hooks, works over SSH."""
