# What the packages use of scikit-learn, whose own code carries no types: to infer them took a sixth of `make check`.
