//! Train, judge and deploy blood-cell image classifiers.
