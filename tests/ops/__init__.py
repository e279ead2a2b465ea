"""What is deployed, checked with the tools that will read it."""
