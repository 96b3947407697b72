"""Where it happens: PyBullet worlds, their tasks and supervisors, and any Gymnasium
environment."""
