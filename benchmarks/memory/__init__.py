"""Memory as a contract, measured: limits against time on our own graphs and beside the checkpointing of peers."""
