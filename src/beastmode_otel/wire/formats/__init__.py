"""One file for each API: its request, response, stream and replay together."""
