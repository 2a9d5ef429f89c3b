//! Tests of all kernels together.

#[cfg(unix)]
mod random_shapes;
