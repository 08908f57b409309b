"""What a run and a sweep leave behind: records, labels, provenance, tables, and how jobs are launched."""
