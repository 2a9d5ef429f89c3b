//! Train, judge and deploy blood-cell image classifiers.

pub mod recipe;
pub mod run_log;
pub mod schedule;
