//! The emulator against Intel's definitions, and its refusals.

use std::arch::asm;

use super::{ROW_BYTES, ROWS, STATE, State, install};
use crate::simd::Level;
use crate::test_support::reference::values;

/// Whether there is anything to run the instructions; tests of what only the emulator shows want it to be
/// that.
fn runs(emulated: bool) -> bool {
    let supported = Level::Amx.is_supported();
    !(emulated && supported) && (supported || install())
}

/// A configuration of so many rows and bytes in a row for each tile.
fn config(tiles: &[(u8, u16)]) -> [u8; 64] {
    let mut config = [0; 64];
    config[0] = 1;
    for (i, (rows, bytes)) in tiles.iter().enumerate() {
        config[48 + i] = *rows;
        config[16 + 2 * i..][..2].copy_from_slice(&bytes.to_le_bytes());
    }
    config
}

fn configure(config: &[u8; 64]) {
    // SAFETY: there are 64 bytes to be read, and somebody who understands the instruction.
    unsafe { asm!("ldtilecfg [{}]", in(reg) config) };
}

fn release() {
    // SAFETY: as above.
    unsafe { asm!("tilerelease") };
}

/// The product as Intel's manual defines it, for rows of pairs.
fn expected(sums: &[f32], left: &[u32], right: &[u32], [rows, words, columns]: [usize; 3]) -> Vec<f32> {
    let flushed = |x: f32| if x.is_subnormal() { 0.0f32.copysign(x) } else { x };
    let half = |pair: u32, second: bool| {
        flushed(f32::from_bits(if second { pair & 0xFFFF_0000 } else { pair << 16 }))
    };
    let mut result = sums.to_vec();
    for row in 0..rows {
        for column in 0..columns {
            let [first, second] = [false, true].map(|second| {
                (0..words).fold(0.0f32, |sum, word| {
                    let (a, b) = (left[row * words + word], right[word * columns + column]);
                    flushed(half(a, second).mul_add(half(b, second), sum))
                })
            });
            let sum = &mut result[row * columns + column];
            *sum = flushed(flushed(*sum) + flushed(first + second));
        }
    }
    result
}

/// Pairs of every kind: ordinary, tiny, huge and not finite.
fn pairs(n: usize, seed: u64) -> Vec<u32> {
    let special = [0x0000_0001, 0x8000_0000, 0x0001_3F80, 0x0080_0080, 0x2000_1F80, 0x7F7F_7F00, 0x7F80_3F80];
    let ordinary = values(n, seed)
        .into_iter()
        .zip(values(n, seed + 1))
        .map(|(a, b)| a.to_bits() >> 16 | b.to_bits() & 0xFFFF_0000);
    ordinary
        .enumerate()
        .map(|(i, pair)| if i % 11 == 3 { special[i / 11 % special.len()] } else { pair })
        .collect()
}

#[test]
fn products_are_those_of_the_manual_to_the_bit() {
    if !runs(false) {
        return;
    }
    for (seed, size) in
        [[16, 16, 16], [1, 1, 1], [3, 5, 7], [16, 9, 2], [7, 16, 16], [16, 1, 15]].into_iter().enumerate()
    {
        let [rows, words, columns] = size;
        let (left, right) = (pairs(rows * words, seed as u64), pairs(words * columns, 10 + seed as u64));
        let mut sums = values(rows * columns, 20 + seed as u64);
        sums[0] = f32::from_bits(1);
        let expected = expected(&sums, &left, &right, size);
        configure(&config(&[
            (rows as u8, 4 * columns as u16),
            (rows as u8, 4 * words as u16),
            (words as u8, 4 * columns as u16),
        ]));
        // SAFETY: the tiles were just configured to have the shapes of the buffers.
        unsafe {
            asm!(
                "tileloadd tmm0, [{sums} + {wide} * 4]",
                "tileloadd tmm1, [{left} + {words} * 4]",
                "tileloadd tmm2, [{right} + {wide} * 4]",
                "tdpbf16ps tmm0, tmm1, tmm2",
                "tilestored [{sums} + {wide} * 4], tmm0",
                sums = in(reg) sums.as_mut_ptr(),
                left = in(reg) left.as_ptr(),
                right = in(reg) right.as_ptr(),
                wide = in(reg) columns,
                words = in(reg) words,
            );
        }
        release();
        for (i, (found, expected)) in sums.iter().zip(&expected).enumerate() {
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{size:?}: at {i} found {found}, expected {expected}");
        }
    }
}

/// Every way to write an address: short and long distances, a scaled stride, the registers that are encoded
/// otherwise.
#[test]
fn rows_are_read_and_written_where_the_operand_says() {
    if !runs(false) {
        return;
    }
    let source: Vec<u8> = (0..2000).map(|i| (i % 251) as u8).collect();
    let mut found = vec![0xEE_u8; 2000];
    configure(&config(&[(5, 24), (16, 64), (2, 4), (0, 0), (0, 0), (0, 0), (0, 0), (4, 8)]));
    // SAFETY: all rows lie within the buffers.
    unsafe {
        asm!(
            "tileloadd tmm0, [r12 + r9 * 2 + 40]",
            "tilestored [r13 + r9 * 1], tmm0",
            "tileloadd tmm2, [r13 + r9 * 1 - 0]",
            "lea r14, [r12 + 500]",
            "tileloadd tmm7, [r14 + r9 * 4 - 300]",
            "tilestored [r13 + r9 * 1 + 1000], tmm7",
            "mov {old}, rbp",
            "mov rbp, r12",
            "tileloadd tmm2, [rbp + r9 * 8]",
            "mov rbp, {old}",
            "tilestored [r13 + r9 * 1 + 600], tmm2",
            old = out(reg) _,
            in("r12") source.as_ptr(),
            in("r13") found.as_mut_ptr(),
            in("r9") 30_usize,
            out("r14") _,
        );
    }
    release();
    let mut expected = vec![0xEE_u8; 2000];
    for (rows, bytes, from, by, to) in [(5, 24, 40, 60, 0), (4, 8, 200, 120, 1000), (2, 4, 0, 240, 600)] {
        for row in 0..rows {
            expected[to + row * 30..][..bytes].copy_from_slice(&source[from + row * by..][..bytes]);
        }
    }
    assert!(found == expected);
}

#[test]
fn what_a_tile_does_not_hold_is_zero() {
    if !runs(true) {
        return;
    }
    // SAFETY: no instruction is being emulated on this thread.
    let state = || STATE.with(|state| unsafe { &mut *state.get() });
    let source = [0x11_u8; ROWS * ROW_BYTES];
    configure(&config(&[(3, 20), (3, 8), (2, 20)]));
    assert!(state().configured);
    for tile in 0..3 {
        state().tiles[tile] = [[0x3F; ROW_BYTES]; ROWS];
    }
    // SAFETY: the source is a whole tile.
    unsafe { asm!("tileloadd tmm0, [{at} + {row}]", at = in(reg) source.as_ptr(), row = in(reg) ROW_BYTES) };
    for (i, row) in state().tiles[0].iter().enumerate() {
        let used = if i < 3 { 20 } else { 0 };
        assert!(row[..used].iter().all(|byte| *byte == 0x11) && row[used..].iter().all(|byte| *byte == 0));
    }
    state().tiles[0] = [[0x3F; ROW_BYTES]; ROWS];
    // SAFETY: the shapes fit.
    unsafe { asm!("tdpbf16ps tmm0, tmm1, tmm2") };
    for (i, row) in state().tiles[0].iter().enumerate() {
        let used = if i < 3 { 20 } else { 0 };
        assert!(row[..used].iter().any(|byte| *byte != 0) || used == 0);
        assert!(row[used..].iter().all(|byte| *byte == 0));
    }
    release();
    let State { configured, rows, row_bytes, tiles, .. } = state();
    assert!(!*configured && rows.iter().chain(row_bytes.iter()).all(|n| *n == 0));
    assert!(tiles.iter().flatten().flatten().all(|byte| *byte == 0));
}

/// What a child process that runs `f` writes before it aborts.
fn last_words(f: impl FnOnce()) -> String {
    let mut ends = [0; 2];
    let mut words = vec![0; 200];
    // SAFETY: the child calls nothing that a fork of one thread among several may not; the parent reads no
    // more than there is room for.
    unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        let child = libc::fork();
        assert!(child >= 0, "no process");
        if child == 0 {
            libc::dup2(ends[1], 2);
            f();
            libc::_exit(0);
        }
        libc::close(ends[1]);
        let mut read = 0;
        while let Ok(n @ 1..) =
            usize::try_from(libc::read(ends[0], words[read..].as_mut_ptr().cast(), words.len() - read))
        {
            read += n;
        }
        libc::close(ends[0]);
        words.truncate(read);
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT, "it did not abort");
    }
    String::from_utf8(words).unwrap()
}

#[test]
fn what_would_be_an_exception_ends_the_process() {
    if !runs(true) {
        return;
    }
    let whole = [(16, 64); 8];
    let with = |tile: usize, shape: (u8, u16)| {
        let mut tiles = whole;
        tiles[tile] = shape;
        config(&tiles)
    };
    let poked = |at: usize| {
        let mut config = config(&whole);
        config[at] = 2;
        config
    };
    for (config, words) in [
        (poked(0), "palette"),
        (poked(1), "row to start from"),
        (poked(7), "reserved"),
        (poked(33), "reserved"),
        (poked(60), "reserved"),
        (with(3, (17, 64)), "too large"),
        (with(3, (16, 68)), "too large"),
        (with(3, (0, 64)), "without"),
    ] {
        let said = last_words(|| configure(&config));
        assert!(said.contains(words), "{said}");
    }
    for (config, words) in [
        (None, "not configured"),
        (Some(with(1, (0, 0))), "empty"),
        (Some(with(1, (8, 64))), "differ in rows"),
        (Some(with(2, (16, 32))), "differ in columns"),
        (Some(with(2, (15, 64))), "left-hand columns"),
        (Some(with(1, (16, 62))), "whole words"),
    ] {
        let said = last_words(|| {
            config.iter().for_each(configure);
            // SAFETY: it has no effect but the one that is wanted.
            unsafe { asm!("tdpbf16ps tmm0, tmm1, tmm2") };
        });
        assert!(said.contains(words), "{said}");
    }
    // the assembler refuses it: tile 0 is sums and left-hand side
    let said = last_words(|| {
        configure(&config(&whole));
        // SAFETY: as above.
        unsafe { asm!(".byte 0xc4, 0xe2, 0x6a, 0x5c, 0xc0") };
    });
    assert!(said.contains("two operands"), "{said}");
}
