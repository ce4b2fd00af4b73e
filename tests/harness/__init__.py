"""Hosts made of network namespaces, ranks started in them, and what is asserted of them. Python's standard
library only; Linux, root, iproute2."""
