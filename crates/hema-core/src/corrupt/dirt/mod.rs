//! What lies on the slide, the lens or in the mounting medium.

mod bubble;
mod dust;
mod spatter;
mod stain_deposit;

pub use bubble::Bubble;
pub use dust::Dust;
pub use spatter::Spatter;
pub use stain_deposit::StainDeposit;
