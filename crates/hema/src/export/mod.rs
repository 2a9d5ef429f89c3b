//! A trained model for other programs.

pub mod codabench;
pub mod timm;
