"""Everything that runs Uplook: the local stack and the benchmarks here, Terraform beside them."""
