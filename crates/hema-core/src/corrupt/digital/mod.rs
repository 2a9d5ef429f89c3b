//! What storing and resampling do to a picture.

mod elastic_transform;
mod imagenet_jpeg;
mod jpeg;
mod pixelate;
mod webp;

pub use elastic_transform::ElasticTransform;
pub use imagenet_jpeg::ImagenetJpeg;
pub use jpeg::Jpeg;
pub use pixelate::Pixelate;
pub use webp::Webp;
