//! The one inference path: validation while training, evaluation, prediction and the command line all go
//! through [`Predictor`]. Programs that classify images need [`Classifier`](crate::Classifier) alone.

mod images;
mod member;
mod predictor;
mod trusted;

pub(crate) use images::Geometry;
pub use images::Images;
pub use predictor::{Edit, Embedded, Predictor};
pub use trusted::{Answers, Untrusted};
