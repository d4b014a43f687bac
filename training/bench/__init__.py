"""What tuning takes on a machine: samples a second, memory."""
