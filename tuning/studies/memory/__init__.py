"""How far the memory model is from what runs really take."""
