"""What operators are told of a deployment, and what mends what is wrong with it: pure decisions."""
