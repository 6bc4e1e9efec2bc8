"""The checks of the doctor: each a function from all that was seen to what is to be said of it."""
