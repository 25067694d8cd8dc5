"""What an environment for EMR is made of: its lock and the starter of its Python."""
