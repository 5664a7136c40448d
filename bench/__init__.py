"""Speed, measured on this machine beside the floor of the same run: `make bench`, or `make bench ARGS=--quick`."""
