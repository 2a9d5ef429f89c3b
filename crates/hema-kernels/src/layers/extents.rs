//! How many values there are of the sizes that a caller gives, which may be any numbers.

/// The most values that a buffer can have.
const MOST: usize = isize::MAX as usize / size_of::<f32>();

/// The number of values of such sizes.
///
/// Kernels rely on lengths that were compared with it: a product that wraps around would let a short buffer
/// pass for a huge map.
///
/// # Panics
/// If no buffer has so many values.
#[track_caller]
pub(crate) fn values<const N: usize>(name: &str, sizes: [usize; N]) -> usize {
    let product = sizes.into_iter().try_fold(1_usize, usize::checked_mul).filter(|values| *values <= MOST);
    product.unwrap_or_else(|| {
        panic!("{name}: found sizes {sizes:?}, expected no more values than fit into memory")
    })
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn sizes_are_multiplied() {
        assert_eq!(values("map", [2, 3, 5]), 30);
        assert_eq!(values("map", [2, 0, 5]), 0);
    }

    #[test]
    #[should_panic(
        expected = "map: found sizes [4611686018427387904, 4], expected no more values than fit into memory"
    )]
    fn a_product_that_wraps_around_is_no_length() {
        values("map", [1 << 62, 4]);
    }
}
