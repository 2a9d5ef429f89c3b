//! A sum that comes out the same every time.

use burn::tensor::Tensor;

/// The sum of all values, `[1]`, added up in the same order every time. Graphics cards add the parts of
/// Burn's own `sum` as they come, and a run that is resumed would end with other weights for it.
pub(crate) fn total<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    /// Values of one partial sum; a longer row would keep a single core of a card busy.
    const AT_ONCE: usize = 1024;
    let mut row = x.flatten::<1>(0, D - 1);
    loop {
        let values = row.dims()[0];
        if values <= AT_ONCE {
            return row.reshape([1, values]).sum_dim(1).flatten(0, 1);
        }
        let (rows, rest) = (values / AT_ONCE, values % AT_ONCE);
        let sums = row.clone().narrow(0, 0, values - rest).reshape([rows, AT_ONCE]).sum_dim(1).flatten(0, 1);
        row = match rest {
            0 => sums,
            _ => Tensor::cat(vec![sums, row.narrow(0, values - rest, rest)], 0),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;

    #[test]
    fn a_total_is_the_sum_of_all_values_and_its_gradient_is_one() {
        let device = device::of_tests().autodiff();
        for shape in [[1, 1], [1, 1023], [2, 512], [5, 205], [2, 1024], [3, 1000], [1025, 1024]] {
            let count = shape[0] * shape[1];
            let values: Vec<f32> = (0..count).map(|i| (i * 37 % 101) as f32 / 64.0).collect();
            let expected: f64 = values.iter().map(|value| f64::from(*value)).sum();
            let x =
                Tensor::<2>::from_data(burn::tensor::TensorData::new(values, shape), &device).require_grad();
            let sum = total(x.clone());
            let slopes = x.grad(&sum.backward()).unwrap().into_data();
            let sum = f64::from(sum.into_scalar::<f32>());
            assert!((sum - expected).abs() <= 1e-5 * expected, "{shape:?}: {sum}, expected {expected}");
            assert!(slopes.iter::<f32>().eq(std::iter::repeat_n(1.0, count)), "{shape:?}");
        }
    }
}
