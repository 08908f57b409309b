"""An evaluation as text, CSV, HTML and images."""
