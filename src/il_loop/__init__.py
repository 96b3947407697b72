"""The whole loop without ROS: rollout, rounds, evaluation, report."""
