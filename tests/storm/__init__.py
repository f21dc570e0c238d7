"""Real processes in a storm of duplicates, faults and kills: nothing may be lost, written twice or paid twice."""
