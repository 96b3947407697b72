"""What happened: one bag per episode, and the reader that needs no ROS."""
