"""All shared rclpy code: lifecycle, parameters, messages, topics, the graph and its bring-up."""
