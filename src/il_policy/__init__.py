"""What to do: policies, their training and their torch-free runtime."""
