//! The weather of `ImageNet-C`: of use for comparison with its literature, not for microscopes.

mod fog;
mod frost;
mod snow;

pub use fog::Fog;
pub use frost::Frost;
pub use snow::Snow;
