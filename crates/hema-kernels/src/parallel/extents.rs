//! How many values there are of the sizes that a caller gives, which may be any numbers.

/// The most values that a buffer can have.
const MOST: usize = isize::MAX as usize / size_of::<f32>();

/// The number of values of such sizes.
///
/// Kernels rely on lengths that were compared with it: a product that wraps around would let a short buffer
/// pass for a huge map. Nor does the product of some of the sizes wrap around, which a size of zero among
/// the others would hide.
///
/// # Panics
/// If no buffer has so many values.
#[track_caller]
pub(crate) fn values<const N: usize>(name: &str, sizes: [usize; N]) -> usize {
    let most = sizes.into_iter().try_fold(1_usize, |values, size| values.checked_mul(size.max(1)));
    assert!(
        most.is_some_and(|values| values <= MOST),
        "{name}: found sizes {sizes:?}, expected no more values than fit into memory"
    );
    sizes.into_iter().product()
}

#[cfg(test)]
mod tests {
    use super::{MOST, values};
    use crate::test_support::panics::message;

    #[test]
    fn sizes_are_multiplied() {
        assert_eq!(values("map", []), 1);
        assert_eq!(values("map", [2, 3, 5]), 30);
        assert_eq!(values("map", [2, 0, 5]), 0);
        assert_eq!(values("map", [MOST]), MOST);
    }

    #[test]
    fn a_product_that_wraps_around_is_no_length() {
        for sizes in
            [[1 << 62, 4, 1], [1 << 62, 4, 0], [0, 1 << 32, 1 << 32], [MOST, 1, 2], [usize::MAX, 1, 0]]
        {
            let found = message(|| _ = values("map", sizes));
            assert_eq!(
                found,
                format!("map: found sizes {sizes:?}, expected no more values than fit into memory")
            );
        }
    }
}
