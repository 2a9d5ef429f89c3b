//! Where things are: flips, turns, and what a hand, a stage or a lens does to position and shape.
//!
//! What comes into view from beyond the border is the operator's [`Fill`](crate::image_op::Fill).

mod affine;
mod elastic;
pub(crate) mod flip_horizontal;
mod flip_vertical;
mod perspective;
pub(crate) mod quarter_turn;
mod resized_crop;
pub(crate) mod rotate;
pub(crate) mod shear_x;
pub(crate) mod shear_y;
pub(crate) mod translate_x;
pub(crate) mod translate_y;
pub(crate) mod zoom;

pub use affine::Affine;
pub use elastic::Elastic;
pub use flip_horizontal::FlipHorizontal;
pub use flip_vertical::FlipVertical;
pub use perspective::Perspective;
pub use quarter_turn::QuarterTurn;
pub use resized_crop::ResizedCrop;
pub use rotate::Rotate;
pub use shear_x::ShearX;
pub use shear_y::ShearY;
pub use translate_x::TranslateX;
pub use translate_y::TranslateY;
pub use zoom::Zoom;
