"""The commands: arguments → settings → wiring. One file per command."""
