//! Maximum over windows of an NHWC map. Padding never wins; of equal values the first of the window does, as
//! in PyTorch.
//!
//! The forward pass keeps which tap won, one byte a value; backward hands each gradient to that tap.
//!
//! Left out on purpose: a value that is not a number may lose; the normalisation before has spread it over
//! its whole channel.

use super::Pad;
use super::window::Window;
use crate::parallel::{self, check_len, extents, par_chunks};
use crate::simd::{Element, Kernel, Simd, dispatch, for_vectors};

/// The shape of a max pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows and columns of the window, at most 15.
    pub kernel: usize,
    /// Its step in both directions.
    pub stride: usize,
    /// Padding of the input, less than the window on each side.
    pub pad: Pad,
}

impl MaxPool {
    fn window(&self) -> Window {
        let Self { height, width, kernel, stride, pad, .. } = *self;
        Window { height, width, kernel, stride, pad }
    }

    /// Rows of the output.
    ///
    /// # Panics
    /// If the window does not fit.
    #[track_caller]
    pub fn out_height(&self) -> usize {
        self.window().rows()
    }

    /// Columns of the output.
    ///
    /// # Panics
    /// If the window does not fit.
    #[track_caller]
    pub fn out_width(&self) -> usize {
        self.window().columns()
    }

    /// Values in the input (batch, height, width, channels).
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn in_len(&self) -> usize {
        extents::values("input", [self.batch, self.height, self.width, self.channels])
    }

    /// Values in the output (batch, `out_height`, `out_width`, channels).
    ///
    /// # Panics
    /// If the window does not fit, or no buffer has so many.
    #[track_caller]
    pub fn out_len(&self) -> usize {
        extents::values("output", [self.batch, self.out_height(), self.out_width(), self.channels])
    }

    #[track_caller]
    fn check(&self) {
        assert!(
            self.batch > 0
                && self.channels > 0
                && self.kernel < 16
                && self.pad.sides().into_iter().all(|p| p < self.kernel)
                && self.window().fits(),
            "max pooling: found {self:?}, expected positive sizes, a window of at most 15 and less padding than that"
        );
    }

    /// First input pixel of tap (kh, kw) for output pixel (row, column) of an image, if it is not padding.
    fn pixel(&self, row: usize, column: usize, tap: usize) -> Option<usize> {
        let h = (row * self.stride + tap / self.kernel).checked_sub(self.pad.top)?;
        let w = (column * self.stride + tap % self.kernel).checked_sub(self.pad.left)?;
        (h < self.height && w < self.width).then_some(h * self.width + w)
    }

    /// `y` = the maxima of `x`, and `winners`, like `y`, the number of the tap that each is from. Without
    /// winners (empty) there is no backward pass.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward<E: Element>(&self, x: &[E], y: &mut [E], winners: &mut [u8]) {
        self.check();
        check_len("x", x.len(), self.in_len());
        check_len("y", y.len(), self.out_len());
        if winners.is_empty() {
            par_chunks(y, self.line(), |i, y| self.forward_line(i, x, y, None));
        } else {
            check_len("winners", winners.len(), y.len());
            let lines = y.chunks_mut(self.line()).zip(winners.chunks_mut(self.line()));
            parallel::for_each(lines.enumerate(), |(i, (y, winners))| {
                self.forward_line(i, x, y, Some(winners));
            });
        }
    }

    /// Values in a row of the output.
    fn line(&self) -> usize {
        self.out_width() * self.channels
    }

    /// Row `line` of the outputs of all images.
    fn forward_line<E: Element>(&self, line: usize, x: &[E], y: &mut [E], mut winners: Option<&mut [u8]>) {
        let (height, c) = (self.out_height(), self.channels);
        let image = self.height * self.width * c;
        let x = &x[line / height * image..][..image];
        let mut inputs = Vec::with_capacity(self.kernel * self.kernel);
        for (column, y) in y.chunks_exact_mut(c).enumerate() {
            let taps =
                (0..self.kernel * self.kernel).map(|tap| (self.pixel(line % height, column, tap), tap));
            inputs.clear();
            inputs.extend(taps.filter_map(|(pixel, tap)| Some((x[pixel? * c..][..c].as_ptr(), tap as f32))));
            let winners = winners.as_deref_mut().map(|winners| &mut winners[column * c..][..c]);
            // SAFETY: every address is of `c` values, as many as `y` and the winners have; less padding than
            // window leaves a tap.
            unsafe { dispatch(Maximum { inputs: &inputs, y, winners }) };
        }
    }

    /// Gradient of the input: `dx` like `x`, from `dy` and the winners of the forward pass.
    ///
    /// # Panics
    /// If a length does not match the shape, or a winner is no tap of the window.
    pub fn backward<E: Element>(&self, dy: &[E], winners: &[u8], dx: &mut [E]) {
        self.check();
        check_len("dy", dy.len(), self.out_len());
        check_len("winners", winners.len(), dy.len());
        check_len("dx", dx.len(), self.in_len());
        let (out_width, c) = (self.out_width(), self.channels);
        let outputs = self.out_height() * out_width * c;
        par_chunks(dx, self.height * self.width * c, |i, dx| {
            let mut sums = vec![0.0f32; dx.len()];
            let mut sources = Vec::with_capacity(self.kernel * self.kernel);
            let (dy, winners) = (&dy[i * outputs..][..outputs], &winners[i * outputs..][..outputs]);
            for (pixel, (dy, winners)) in dy.chunks_exact(c).zip(winners.chunks_exact(c)).enumerate() {
                let (row, column) = (pixel / out_width, pixel % out_width);
                sources.clear();
                sources.extend((0..self.kernel * self.kernel).map(|tap| self.pixel(row, column, tap)));
                for (channel, (dy, winner)) in dy.iter().zip(winners).enumerate() {
                    let source = sources.get(usize::from(*winner));
                    if let Some(source) = source.expect("a winner is the number of a tap of the window") {
                        sums[source * c + channel] += dy.to_f32();
                    }
                }
            }
            dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx = E::from_f32(sum));
        });
    }
}

/// `y` = the largest of the rows at the addresses, and the numbers beside the addresses that they are from.
///
/// # Safety
/// There is an address; each is of as many values as `y` and `winners` have.
struct Maximum<'a, E> {
    inputs: &'a [(*const E, f32)],
    y: &'a mut [E],
    winners: Option<&'a mut [u8]>,
}

impl<E: Element> Kernel for Maximum<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let Self { inputs, y, mut winners } = self;
        let channels = y.len();
        for_vectors!(S, channels, |c, n| {
            // SAFETY: each address has `n` values from c, and so has `y`.
            unsafe {
                let mut best = E::load_n(s, inputs[0].0.add(c), n);
                let mut winner = s.splat(inputs[0].1);
                for &(input, tap) in &inputs[1..] {
                    let x = E::load_n(s, input.add(c), n);
                    let ahead = s.sub(x, best);
                    let stays = s.sub(winner, s.keep_positive(ahead, winner));
                    winner = s.add(stays, s.keep_positive(ahead, s.splat(tap)));
                    best = s.max(best, x);
                }
                E::store_n(s, y.as_mut_ptr().add(c), n, best);
                if let Some(winners) = &mut winners {
                    let mut taps = [0.0f32; 16];
                    s.store_n(taps.as_mut_ptr(), S::LANES, winner);
                    winners[c..c + n].iter_mut().zip(taps).for_each(|(winner, tap)| *winner = tap as u8);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::MaxPool;
    use crate::layers::Pad;
    use crate::simd::{Element, bf16};
    use crate::test_support::levels::at_every_level;
    use crate::test_support::reference::{assert_close, map, wide};

    #[test]
    fn the_first_largest_value_of_a_window_gets_the_gradient() {
        at_every_level(|_| {
            check::<f32>();
            check::<bf16>();
        });
    }

    fn check<E: Element>() {
        for (height, width, kernel, stride, pad) in
            [(7, 6, 3, 2, 1), (5, 5, 2, 2, 0), (4, 9, 3, 1, 1), (1, 1, 3, 2, 1)]
        {
            let shape = MaxPool { batch: 2, height, width, channels: 5, kernel, stride, pad: Pad::all(pad) };
            // few different values, so that windows have ties
            let x: Vec<E> =
                map::<f32>(shape.in_len(), 1).iter().map(|v| E::from_f32((v * 3.0).round())).collect();
            let dy = map::<E>(shape.out_len(), 2);
            let (mut y, mut dx) = (map::<E>(shape.out_len(), 3), map::<E>(shape.in_len(), 4));
            let mut winners = vec![99; y.len()];
            shape.forward(&x, &mut y, &mut []);
            let without = y.clone();
            shape.forward(&x, &mut y, &mut winners);
            assert_eq!(y, without);
            shape.backward(&dy, &winners, &mut dx);

            let (mut expected, mut gradient) = (vec![], vec![0.0; x.len()]);
            let (out_height, out_width) = (shape.out_height(), shape.out_width());
            for i in 0..2 * out_height * out_width * 5 {
                let (channel, column, row) = (i % 5, i / 5 % out_width, i / 5 / out_width % out_height);
                let image = i / (5 * out_width * out_height);
                let mut best: Option<(f32, usize)> = None;
                for tap in 0..kernel * kernel {
                    let h = (row * stride + tap / kernel) as isize - pad as isize;
                    let w = (column * stride + tap % kernel) as isize - pad as isize;
                    if h < 0 || w < 0 || h >= height as isize || w >= width as isize {
                        continue;
                    }
                    let at = ((image * height + h as usize) * width + w as usize) * 5 + channel;
                    if best.is_none_or(|(value, _)| x[at].to_f32() > value) {
                        best = Some((x[at].to_f32(), at));
                    }
                }
                let (value, at) = best.unwrap();
                expected.push(value);
                gradient[at] += dy[i].to_f32();
            }
            assert_close(E::NAME, &wide(&y), &expected, 0.0);
            assert_close(E::NAME, &wide(&dx), &gradient, 1e-2);
        }
    }
}
