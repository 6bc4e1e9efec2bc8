from typing import Self

import numpy as np

class LogisticRegression:
    coef_: np.ndarray
    intercept_: np.ndarray
    def __init__(self, *, C: float, class_weight: str, max_iter: int) -> None: ...
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self: ...
    def predict(self, X: np.ndarray) -> np.ndarray: ...
