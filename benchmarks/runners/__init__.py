"""What is measured: one process per run, each printing one line of JSON at its end."""
