"""What only the process that plans the workflow knows: sources, containers, the commit, where a step ran."""
