"""A scikit-learn classifier with the losses of topkloss.

In a pipeline:

    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from topkloss.sklearn import LinearClassifier

    model = make_pipeline(TfidfVectorizer(), LinearClassifier("logit_adjusted", C=10))
    model.fit(texts, classes)
    model.predict(others)
    model[-1].predict_sets(model[:-1].transform(others), k=5)
"""

try:
    import sklearn as _framework  # noqa: F401
except ImportError as error:
    raise ImportError(
        "topkloss.sklearn needs scikit-learn: pip install topkloss[sklearn]"
    ) from error

from topkloss.sklearn._classifier import LinearClassifier

__all__ = ["LinearClassifier"]
