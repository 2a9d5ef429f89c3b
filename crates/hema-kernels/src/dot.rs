//! The product of two vectors, in plain Rust that the compiler makes SIMD of: the same on every level.

/// The sum of the products of the values of two vectors; values beyond the shorter one are left out.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_of_the_products_for_every_length() {
        for length in 0..70 {
            let a: Vec<f32> = (0..length).map(|i| i as f32 - 9.0).collect();
            let b: Vec<f32> = (0..length).map(|i| 2.0 - i as f32).collect();
            let expected: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            // whole numbers this small are added without rounding
            assert_eq!(f64::from(dot(&a, &b)), expected, "{length}");
        }
    }

    #[test]
    fn values_beyond_the_shorter_vector_are_all_that_is_left_out() {
        let ones = [1.0; 70];
        for (a, b) in (0..70).flat_map(|a| (0..70).map(move |b| (a, b))) {
            assert_eq!(dot(&ones[..a], &ones[..b]), a.min(b) as f32, "{a} {b}");
        }
    }
}
