"""Photos without partners: rated, sorted into folders or made, and real low-light photos."""
