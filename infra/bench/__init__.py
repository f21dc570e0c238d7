"""The benchmarks: each claim beside its baseline, in the same run, every measurement in a process of its own."""
