"""Send rejected events back to their topics, after what was wrong with them has been mended."""
