//! What this machine could do at the level in use (`HEMA_CPU`): independent multiply-adds, loads and copies,
//! on one core and on all. `layers` says what the kernels reach of it.

#![allow(unsafe_code, clippy::print_stdout)] // instructions of the processor; the result

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_add_ps,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };
    use std::hint::black_box;
    use std::time::Instant;

    use hema_kernels::{Level, level};

    /// Values of a buffer in the first cache, in the second, and in memory.
    const BUFFERS: [(&str, usize); 3] = [("L1", 4 << 10), ("L2", 128 << 10), ("memory", 32 << 20)];

    /// Sums that are kept at once: more than the latency of a multiply-add times two a cycle.
    const SUMS: usize = 12;

    macro_rules! loops {
        ($name:ident, $features:literal, $lanes:literal, $load:ident, $store:ident, $set:ident, $fma:ident, $add:ident) => {
            mod $name {
                use super::*;

                /// `rounds` times twelve multiply-adds that do not wait for each other; gives their number of
                /// operations.
                #[target_feature(enable = $features)]
                pub(super) fn multiply_add(rounds: usize) -> usize {
                    let (a, b) = ($set(black_box(0.5)), $set(black_box(1e-3)));
                    let mut sums = [$set(black_box(1.0)); SUMS];
                    for _ in 0..rounds {
                        for sum in &mut sums {
                            *sum = $fma(a, *sum, b);
                        }
                    }
                    black_box(sums);
                    2 * SUMS * $lanes * rounds
                }

                /// Sums up a buffer, eight vectors side by side.
                #[target_feature(enable = $features)]
                pub(super) fn load(x: &[f32]) {
                    let mut sums = [$set(0.0); 8];
                    for x in x.chunks_exact(8 * $lanes) {
                        for (j, sum) in sums.iter_mut().enumerate() {
                            // SAFETY: the chunk has eight vectors.
                            *sum = $add(*sum, unsafe { $load(x.as_ptr().add(j * $lanes)) });
                        }
                    }
                    black_box(sums);
                }

                /// Copies a buffer, four vectors at a time.
                #[target_feature(enable = $features)]
                pub(super) fn copy(x: &[f32], y: &mut [f32]) {
                    for (x, y) in x.chunks_exact(4 * $lanes).zip(y.chunks_exact_mut(4 * $lanes)) {
                        for j in 0..4 {
                            // SAFETY: the chunks have four vectors.
                            unsafe {
                                $store(y.as_mut_ptr().add(j * $lanes), $load(x.as_ptr().add(j * $lanes)))
                            };
                        }
                    }
                    black_box(y);
                }
            }
        };
    }
    loops!(
        avx2,
        "avx2,fma",
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps
    );
    loops!(
        avx512,
        "avx512f",
        16,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps
    );

    /// Best of nine rates, in 1e9 a second, of work that says how much it did.
    fn rate(mut work: impl FnMut() -> usize) -> f64 {
        let once = |work: &mut dyn FnMut() -> usize| {
            let start = Instant::now();
            let done = work();
            done as f64 * 1e-9 / start.elapsed().as_secs_f64()
        };
        (0..9).map(|_| once(&mut work)).fold(0.0, f64::max)
    }

    /// The sum of a rate over threads that work at the same time.
    fn on(threads: usize, measure: impl Fn() -> f64 + Sync) -> f64 {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(&measure)).collect();
            all.into_iter().map(|thread| thread.join().expect("a rate")).sum()
        })
    }

    pub(super) fn run() {
        let wide = level() >= Level::Avx512;
        assert!(level() >= Level::Avx2, "expected AVX2 or more");
        println!("at the width of {}", if wide { "AVX-512" } else { "AVX2" });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for threads in [1, cores] {
            // SAFETY: the level in use is one that the processor has.
            let multiply_adds = || {
                rate(|| unsafe {
                    if wide { avx512::multiply_add(2_000_000) } else { avx2::multiply_add(2_000_000) }
                })
            };
            println!("{threads} threads: multiply-adds {:.0} GFLOP/s", on(threads, multiply_adds));
            for (name, values) in BUFFERS {
                let rounds = (64 << 20) / values;
                let loads = || {
                    let x = vec![1.0_f32; values];
                    rate(|| {
                        for _ in 0..rounds {
                            // SAFETY: as above.
                            unsafe { if wide { avx512::load(&x) } else { avx2::load(&x) } }
                        }
                        4 * values * rounds
                    })
                };
                let copies = || {
                    let (x, mut y) = (vec![1.0_f32; values / 2], vec![0.0_f32; values / 2]);
                    rate(|| {
                        for _ in 0..rounds {
                            // SAFETY: as above.
                            unsafe { if wide { avx512::copy(&x, &mut y) } else { avx2::copy(&x, &mut y) } }
                        }
                        4 * values * rounds
                    })
                };
                println!(
                    "  {name}: loads {:.0} GB/s, copies {:.0} GB/s read and written",
                    on(threads, loads),
                    on(threads, copies)
                );
            }
        }
    }
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    x86::run();
    #[cfg(not(target_arch = "x86_64"))]
    println!("measured on x86-64 alone");
}
