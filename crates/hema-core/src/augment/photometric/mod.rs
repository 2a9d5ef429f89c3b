//! Photometric augmentations: changes of colour, by light, camera and stain.

pub(crate) mod autocontrast;
pub(crate) mod brighten;
pub(crate) mod brightness;
pub(crate) mod channel_drop;
pub(crate) mod channel_shift;
pub(crate) mod channel_shuffle;
pub(crate) mod clahe;
pub(crate) mod colour_degenerate;
pub(crate) mod contrast;
pub(crate) mod equalize;
pub(crate) mod gamma;
pub(crate) mod hue;
pub(crate) mod invert;
pub(crate) mod posterize;
pub(crate) mod saturation;
pub(crate) mod sharpness;
pub(crate) mod solarize;
pub(crate) mod solarize_add;
pub(crate) mod stain;
pub(crate) mod temperature;

use crate::image_op::table::Op;

/// The photometric augmentations, in the order of `hema list augmentations`.
pub(crate) const PHOTOMETRIC: &[Op] = &[
    &brightness::Brightness,
    &brighten::Brighten,
    &contrast::Contrast,
    &gamma::Gamma,
    &saturation::Saturation,
    &hue::Hue,
    &temperature::Temperature,
    &stain::Stain,
    &colour_degenerate::ColourDegenerate,
    &channel_shift::ChannelShift,
    &channel_shuffle::ChannelShuffle,
    &channel_drop::ChannelDrop,
    &autocontrast::Autocontrast,
    &equalize::Equalize,
    &clahe::Clahe,
    &solarize::Solarize,
    &solarize_add::SolarizeAdd,
    &posterize::Posterize,
    &invert::Invert,
    &sharpness::Sharpness,
];
