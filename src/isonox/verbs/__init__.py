"""The verbs of the command line, one file each; `isonox VERB` and `inv VERB` are both made from these."""
