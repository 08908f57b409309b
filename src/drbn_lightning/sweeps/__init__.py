"""Many runs: a table, a plot and a summary of them."""
