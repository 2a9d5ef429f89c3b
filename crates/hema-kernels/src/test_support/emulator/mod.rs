//! Executes the AMX instructions of this crate in the handler of the signal they raise on a processor without
//! them, so that tests run the very machine code that is shipped.
//!
//! It follows the operations in Intel's manual (Software Developer's Manual, volume 2) and is stricter: what
//! would raise an exception there, or could not be meant, ends the process with a message. An instruction is
//! never interrupted, so the row to start from is always the first. Left out: instructions that the crate
//! does not use.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_fmadd_ps,
    _mm512_fpclass_ps_mask, _mm512_loadu_ps, _mm512_mask_and_ps, _mm512_maskz_mov_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_ps,
};
use std::cell::UnsafeCell;
use std::sync::OnceLock;

use libc::{c_int, c_void, siginfo_t, ucontext_t};

use crate::simd::Level;

const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

/// Emulates from now on; false where the vector instructions that go with tiles are missing too.
pub(crate) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        if !Level::Avx512Bf16.is_supported() {
            return false;
        }
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_illegal_instruction;
        // SAFETY: all zeros is a valid `sigaction`; the handler has the signature that SA_SIGINFO calls for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGILL, &raw const action, std::ptr::null_mut()) == 0
        }
    })
}

/// How many products of tiles `f` has emulated on this thread.
///
/// # Panics
/// If it leaves tiles configured.
pub(crate) fn products(f: impl FnOnce()) -> usize {
    // SAFETY: only this thread's signal handler writes to the state, and it does not run between here and
    // there.
    let state = || STATE.with(|state| unsafe { ((*state.get()).configured, (*state.get()).products) });
    let before = state().1;
    f();
    let (configured, after) = state();
    assert!(!configured, "tiles were not released");
    after - before
}

thread_local! {
    // without a destructor and constant, so that a signal handler can reach it without allocating
    static STATE: UnsafeCell<State> = const { UnsafeCell::new(State::INITIAL) };
}

extern "C" fn on_illegal_instruction(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's context, whose instruction
    // pointer is at the instruction that trapped, as that of a thread that is waiting for this handler to
    // return is.
    unsafe {
        let registers = &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        let code = registers[libc::REG_RIP as usize] as *const u8;
        if let Some((instruction, length)) = decode(code, registers) {
            STATE.with(|state| (*state.get()).execute(instruction));
            registers[libc::REG_RIP as usize] += length as i64;
        } else {
            // some other instruction: it traps again, and ends the process
            libc::signal(libc::SIGILL, libc::SIG_DFL);
        }
    }
}

/// Ends the process with a message, without allocating.
fn fault(message: &str) -> ! {
    for part in ["AMX: ", message, "\n"] {
        // SAFETY: the bytes are the string's.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: no conditions.
    unsafe { libc::abort() }
}

fn check(condition: bool, message: &str) {
    if !condition {
        fault(message);
    }
}

/// A memory operand of rows.
#[derive(Clone, Copy)]
struct Memory {
    at: usize,
    /// Bytes from one row to the next.
    stride: usize,
}

impl Memory {
    fn row(self, row: usize) -> *mut u8 {
        self.at.wrapping_add(self.stride.wrapping_mul(row)) as *mut u8
    }
}

#[derive(Clone, Copy)]
enum Instruction {
    Configure(Memory),
    Release,
    Load(usize, Memory),
    Store(usize, Memory),
    Multiply { sums: usize, left: usize, right: usize },
}

/// The instruction at `code` and its length, if it is one of ours.
///
/// # Safety
/// The processor tried to execute what is at `code`.
unsafe fn decode(code: *const u8, registers: &[i64; 23]) -> Option<(Instruction, usize)> {
    // SAFETY: each byte is read only after those before it have said that the instruction goes on.
    let byte = |i: usize| unsafe { *code.add(i) };
    // three-byte VEX prefix, opcodes 0F 38
    if byte(0) != 0xC4 || byte(1) & 0x1F != 2 {
        return None;
    }
    let (extensions, prefix, opcode, modrm) = (!byte(1) >> 5, byte(2), byte(3), byte(4));
    let is_register = modrm >> 6 == 3;
    let (reg, rm) = (usize::from(modrm >> 3 & 7), usize::from(modrm & 7));
    let third = usize::from(!prefix >> 3 & 15);
    // SAFETY: these instructions go on with the operand's bytes.
    let memory = || unsafe { address(code, extensions, registers) };
    // W and L are 0 in all of them
    let (instruction, length) = match (opcode, prefix & 0b1000_0111, is_register) {
        (0x49, 0b00, true) if modrm == 0xC0 => (Instruction::Release, 5),
        (0x49, 0b00, false) if reg == 0 => {
            let (memory, length) = memory();
            (Instruction::Configure(memory), length)
        }
        (0x4B, 0b11, false) if rm == 4 => {
            let (memory, length) = memory();
            (Instruction::Load(reg, memory), length)
        }
        (0x4B, 0b10, false) if rm == 4 => {
            let (memory, length) = memory();
            (Instruction::Store(reg, memory), length)
        }
        (0x5C, 0b10, true) => (Instruction::Multiply { sums: reg, left: rm, right: third }, 5),
        _ => return None,
    };
    // the bits that extend a tile's number, and an operand that is not used
    let unused = matches!(instruction, Instruction::Multiply { .. }) || third == 0;
    check(
        extensions & 0b100 == 0 && (!is_register || extensions & 1 == 0) && unused,
        "no such tile or operand",
    );
    Some((instruction, length))
}

/// The memory operand of the instruction at `code`, and the instruction's length.
unsafe fn address(code: *const u8, extensions: u8, registers: &[i64; 23]) -> (Memory, usize) {
    const ORDER: [c_int; 16] = [
        libc::REG_RAX,
        libc::REG_RCX,
        libc::REG_RDX,
        libc::REG_RBX,
        libc::REG_RSP,
        libc::REG_RBP,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    let register = |number: u8, extended: u8| {
        let number = usize::from(number & 7 | (extended & 1) << 3);
        registers[ORDER[number] as usize] as usize
    };
    // SAFETY: as in `decode`.
    let byte = |i: usize| unsafe { *code.add(i) };
    let (modrm, sib) = (byte(4), byte(5));
    let (mode, has_sib) = (modrm >> 6, modrm & 7 == 4);
    let base = if has_sib { sib } else { modrm } & 7;
    check(mode != 0 || base != 5, "an address without a base register is not emulated");
    let mut at = register(base, extensions);
    let mut stride = 0;
    // the stack pointer cannot be an index: its number says that there is none
    if has_sib && (sib >> 3 & 7 != 4 || extensions & 0b10 != 0) {
        stride = register(sib >> 3, extensions >> 1) << (sib >> 6);
    }
    let mut length = if has_sib { 6 } else { 5 };
    match mode {
        1 => {
            at = at.wrapping_add_signed(isize::from(byte(length) as i8));
            length += 1;
        }
        2 => {
            let offset = i32::from_le_bytes(std::array::from_fn(|i| byte(length + i)));
            at = at.wrapping_add_signed(offset as isize);
            length += 4;
        }
        _ => {}
    }
    (Memory { at, stride }, length)
}

type Rows = [[u8; ROW_BYTES]; ROWS];

/// The tiles of a thread.
struct State {
    configured: bool,
    /// Products so far.
    products: usize,
    /// Rows in use of each tile.
    rows: [usize; TILES],
    row_bytes: [usize; TILES],
    tiles: [Rows; TILES],
}

impl State {
    const INITIAL: Self = Self {
        configured: false,
        products: 0,
        rows: [0; TILES],
        row_bytes: [0; TILES],
        tiles: [[[0; ROW_BYTES]; ROWS]; TILES],
    };

    /// # Safety
    /// Memory operands are addresses that the instruction may read or write.
    unsafe fn execute(&mut self, instruction: Instruction) {
        // SAFETY: the caller's condition.
        unsafe {
            match instruction {
                Instruction::Configure(memory) => {
                    self.configure(&memory.row(0).cast::<[u8; 64]>().read_unaligned());
                }
                Instruction::Release => *self = Self { products: self.products, ..Self::INITIAL },
                Instruction::Load(tile, memory) => self.load(tile, memory),
                Instruction::Store(tile, memory) => self.store(tile, memory),
                Instruction::Multiply { sums, left, right } => self.multiply(sums, left, right),
            }
        }
    }

    fn configure(&mut self, config: &[u8; 64]) {
        check(config[0] == 1, "ldtilecfg: a palette other than 1");
        check(config[1] == 0, "ldtilecfg: a row to start from");
        *self = Self { configured: true, products: self.products, ..Self::INITIAL };
        for tile in 0..TILES {
            self.row_bytes[tile] =
                usize::from(u16::from_le_bytes([config[16 + 2 * tile], config[17 + 2 * tile]]));
            self.rows[tile] = usize::from(config[48 + tile]);
            check(
                self.row_bytes[tile] <= ROW_BYTES && self.rows[tile] <= ROWS,
                "ldtilecfg: a tile is too large",
            );
            check(
                (self.row_bytes[tile] == 0) == (self.rows[tile] == 0),
                "ldtilecfg: a tile of rows without columns or columns without rows",
            );
        }
        let reserved = config[2..16].iter().chain(&config[32..48]).chain(&config[56..]);
        check(reserved.copied().all(|byte| byte == 0), "ldtilecfg: reserved bytes");
    }

    fn check_tile(&self, tile: usize) {
        check(self.configured, "tiles are used that were not configured");
        check(tile < TILES && self.rows[tile] > 0, "a tile is used that was configured to be empty");
        // a Xeon (Emerald Rapids) takes even loads and stores of such tiles for unknown instructions
        check(self.row_bytes[tile].is_multiple_of(4), "a tile is used whose rows are not whole words");
    }

    unsafe fn load(&mut self, tile: usize, memory: Memory) {
        self.check_tile(tile);
        self.tiles[tile] = [[0; ROW_BYTES]; ROWS];
        for (i, row) in self.tiles[tile].iter_mut().enumerate().take(self.rows[tile]) {
            // SAFETY: the caller's condition; a row has no more bytes than its tile's rows can have.
            unsafe { row.as_mut_ptr().copy_from_nonoverlapping(memory.row(i), self.row_bytes[tile]) };
        }
    }

    unsafe fn store(&mut self, tile: usize, memory: Memory) {
        self.check_tile(tile);
        for (i, row) in self.tiles[tile].iter().enumerate().take(self.rows[tile]) {
            // SAFETY: as above.
            unsafe { memory.row(i).copy_from_nonoverlapping(row.as_ptr(), self.row_bytes[tile]) };
        }
    }

    fn multiply(&mut self, sums: usize, left: usize, right: usize) {
        for tile in [sums, left, right] {
            self.check_tile(tile);
        }
        check(sums != left && sums != right && left != right, "tdpbf16ps: a tile is two operands");
        let bytes = [sums, left, right].map(|tile| self.row_bytes[tile]);
        check(self.rows[sums] == self.rows[left], "tdpbf16ps: sums and left-hand side differ in rows");
        check(bytes[0] == bytes[2], "tdpbf16ps: sums and right-hand side differ in columns");
        check(bytes[1] / 4 == self.rows[right], "tdpbf16ps: left-hand columns are not right-hand rows");
        let (rows, words, columns) = (self.rows[sums], bytes[1] / 4, bytes[0] / 4);
        let mut result = self.tiles[sums];
        // SAFETY: `install` saw to it that there is AVX-512.
        unsafe { add_products(&mut result, &self.tiles[left], &self.tiles[right], rows, words, columns) };
        self.tiles[sums] = result;
        self.products += 1;
    }
}

/// First and second values of pairs are multiplied and added apart from each other; then these sums are
/// added, and that to what was there. What is beyond the rows and columns becomes 0.
#[target_feature(enable = "avx512f,avx512dq")]
fn add_products(sums: &mut Rows, left: &Rows, right: &Rows, rows: usize, words: usize, columns: usize) {
    // SAFETY: a row is a vector.
    let load = |row: &[u8; ROW_BYTES]| unsafe { _mm512_loadu_ps(row.as_ptr().cast()) };
    for row in 0..rows {
        let (mut first, mut second) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for word in 0..words {
            let pair = u32::from_le_bytes(std::array::from_fn(|i| left[row][4 * word + i]));
            let (a, b) = (_mm512_set1_ps(f32::from_bits(pair)), load(&right[word]));
            first = multiply_add(first_halves(a), first_halves(b), first);
            second = multiply_add(second_halves(a), second_halves(b), second);
        }
        let sum = flushed(_mm512_add_ps(first, second));
        let sum = flushed(_mm512_add_ps(flushed(load(&sums[row])), sum));
        let sum = _mm512_maskz_mov_ps(((1u32 << columns) - 1) as u16, sum);
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(sums[row].as_mut_ptr().cast(), sum) };
    }
    sums[rows..].fill([0; ROW_BYTES]);
}

/// The first values of pairs.
#[target_feature(enable = "avx512f")]
fn first_halves(pairs: __m512) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(pairs)))
}

/// The second ones.
#[target_feature(enable = "avx512f")]
fn second_halves(pairs: __m512) -> __m512 {
    let high = _mm512_set1_epi32(0xFFFF_0000_u32 as i32);
    _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), high))
}

/// `a * b + c`, where what is too small to be normal counts as 0 before and after.
#[target_feature(enable = "avx512f,avx512dq")]
fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
    flushed(_mm512_fmadd_ps(flushed(a), flushed(b), c))
}

#[target_feature(enable = "avx512f,avx512dq")]
fn flushed(x: __m512) -> __m512 {
    const DENORMAL: i32 = 1 << 5;
    _mm512_mask_and_ps(x, _mm512_fpclass_ps_mask::<DENORMAL>(x), x, _mm512_set1_ps(-0.0))
}

mod tests;
