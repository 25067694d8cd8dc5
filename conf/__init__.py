"""Configuration files, shipped with the wheel: <env>.yml and sources/<name>.yml."""
