"""What plain libraries compute, beside what the product computes."""
