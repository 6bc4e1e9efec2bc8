"""Cross-validation: as many trainings as there are folds, and the scores of all images, each tested once."""
