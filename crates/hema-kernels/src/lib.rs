//! CPU kernels for convolutional networks on plain slices.
