"""Who acts: gates, the switch, and the arbiter that bounds the one command that is sent."""
