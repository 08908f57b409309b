"""Who is evaluated, on what, by which metrics, and what a report says of it."""
