"""Study: do ranks that follow a sketch of the gradient beat the same rank everywhere, and the same ranks in other places?"""
