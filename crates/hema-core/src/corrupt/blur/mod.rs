//! What the optics do: focus, motion, glass.

mod defocus_blur;
mod gaussian_blur;
mod glass_blur;
mod imagenet_defocus_blur;
mod imagenet_motion_blur;
pub(crate) mod motion_blur;
mod zoom_blur;

pub use defocus_blur::DefocusBlur;
pub use gaussian_blur::GaussianBlur;
pub use glass_blur::GlassBlur;
pub use imagenet_defocus_blur::ImagenetDefocusBlur;
pub use imagenet_motion_blur::ImagenetMotionBlur;
pub use motion_blur::MotionBlur;
pub use zoom_blur::ZoomBlur;
