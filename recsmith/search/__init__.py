"""Architecture search: one typed space, trials as processes of NNI, records of their own."""
