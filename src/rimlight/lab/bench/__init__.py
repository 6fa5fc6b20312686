"""How fast this machine is: the pipeline against the bare model and the bare codec."""
