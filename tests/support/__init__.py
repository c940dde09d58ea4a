"""What several test folders share: a telemetry recorder, drivers of both worlds, and the law."""
