"""How fast the system is, said as ratios to small yardsticks that run beside it: `make bench`."""
