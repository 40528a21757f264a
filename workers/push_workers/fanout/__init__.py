"""How a run becomes batches, and which run or round of waves comes after it."""
