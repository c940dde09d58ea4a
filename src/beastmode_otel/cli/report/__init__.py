"""What the demo and `run` print of a program's telemetry."""
