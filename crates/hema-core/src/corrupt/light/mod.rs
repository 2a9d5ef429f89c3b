//! Light, stain and camera: what changes the colours and leaves the shapes.

mod brightness_down;
mod brightness_up;
mod contrast_down;
mod contrast_up;
mod imagenet_brightness;
mod imagenet_contrast;
mod imagenet_saturate;
mod saturate;
mod uneven_light;
mod vignette;

pub use brightness_down::BrightnessDown;
pub use brightness_up::BrightnessUp;
pub use contrast_down::ContrastDown;
pub use contrast_up::ContrastUp;
pub use imagenet_brightness::ImagenetBrightness;
pub use imagenet_contrast::ImagenetContrast;
pub use imagenet_saturate::ImagenetSaturate;
pub use saturate::Saturate;
pub use uneven_light::UnevenLight;
pub use vignette::Vignette;
