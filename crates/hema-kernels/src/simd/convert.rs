//! Maps of one type made of another's.

use super::{Element, Kernel, Simd, dispatch, for_vectors};
use crate::parallel::{check_len, par_chunks};

/// Values handled by one task of a conversion.
const CHUNK: usize = 1 << 15;

/// `y = x`, rounded to nearest.
///
/// # Panics
/// If the lengths differ.
pub fn narrow<E: Element>(x: &[f32], y: &mut [E]) {
    check_len("y", y.len(), x.len());
    par_chunks(y, CHUNK, |i, y| {
        // SAFETY: equally long by the slicing.
        unsafe { dispatch(Narrow { x: &x[i * CHUNK..][..y.len()], y }) }
    });
}

/// # Safety
/// `x` and `y` are equally long.
struct Narrow<'a, E> {
    x: &'a [f32],
    y: &'a mut [E],
}

impl<E: Element> Kernel for Narrow<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { x, y } = self;
        let n = y.len();
        for_vectors!(S, n, |i, left| {
            // SAFETY: `left` values remain from i in both slices.
            unsafe { E::store_n(s, y.as_mut_ptr().add(i), left, s.load_n(x.as_ptr().add(i), left)) };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{bf16, narrow};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{values, wide};

    #[test]
    fn rounding_is_to_nearest_even_at_every_level() {
        at_every_level(|level| {
            for n in [0, 1, 7, 16, 31, super::CHUNK + 5] {
                let mut x = values(n, 1);
                // halfway between two neighbours, above and below an even one; and what rounding must not
                // lose
                let special = [
                    1.00390625,
                    1.01171875,
                    f32::MAX,
                    f32::INFINITY,
                    -0.0,
                    f32::NAN,
                    f32::from_bits(0x7FFF_FFFF),
                ];
                x.iter_mut().zip(special).for_each(|(x, special)| *x = special);
                let mut y = vec![bf16::ONE; n];
                narrow(&x, &mut y);
                for (i, (x, found)) in x.iter().zip(wide(&y)).enumerate() {
                    let expected = bf16::from_f32(*x).to_f32();
                    assert!(
                        found == expected || (found.is_nan() && expected.is_nan()),
                        "{}: at {i} {x} became {found}, expected {expected}",
                        level.name()
                    );
                }
            }
        });
    }
}
