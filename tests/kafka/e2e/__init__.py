"""What the end-to-end tests share: topics, configuration and worker processes of one Tiltmeter, and its output."""
