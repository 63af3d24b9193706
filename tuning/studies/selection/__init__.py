"""Study: does signal selection keep the quality of training on everything, at a fraction of its cost?"""
