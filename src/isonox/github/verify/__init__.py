"""`isonox verify`: a model of GitHub runs a workflow with every fault, and the gate is held against the truth."""
