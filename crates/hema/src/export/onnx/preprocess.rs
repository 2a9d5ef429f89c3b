//! From pictures to the input of a network, as [`Preprocess`] says it: crop, resize, background, enlarge,
//! normalise.
//!
//! A picture is resized by two matrix products, whose weights are made from its size inside the graph:
//! ONNX's own `Resize` is refused or computed in another way by most runtimes where it shrinks without
//! aliasing. Distances of pixels from the filter's centre are whole numbers over a common denominator, so
//! that single precision suffices. What differs from Hema by one level are sums that fall on the border
//! between two.

use std::f32::consts::PI;

use hema_core::background::{self, Background};
use hema_core::preprocess::{Crop, Filter, Preprocess};
use hema_core::tta::Orientation;

use super::graph::{Graph, Value};
use super::layers::Map;
use super::proto::{Attribute, Element};

/// Fraction bits of a filter's weights, as in Pillow.
const PRECISION: f32 = (1 << 22) as f32;

/// Pictures `[n, 3, size, size]` whose values are levels of 0 to 255, of `image`, bytes `[n, h, w, 3]`.
pub(super) fn square(graph: &mut Graph, image: &Value, preprocess: &Preprocess) -> Value {
    let shape = graph.op("Shape", [image]);
    let mut sides = [1, 2].map(|axis| {
        let axis = graph.ints(&[axis]);
        graph.gather(&shape, &axis, 0)
    });
    let mut image = image.clone();
    if preprocess.crop != Crop::None {
        let [height, width] = &sides;
        let kept = if let Crop::Pixels(side) = preprocess.crop {
            let side = graph.ints(&[side as i64]);
            [graph.op("Min", [height, &side]), graph.op("Min", [width, &side])]
        } else {
            let side = graph.op("Min", [height, width]);
            [side.clone(), side]
        };
        image = crop(graph, &image, &sides, &kept);
        sides = kept;
    }
    let levels = graph.cast(&image, Element::Float);
    let levels = graph.transpose(&levels, &[0, 3, 1, 2]);
    resize(graph, &levels, &sides, preprocess.size, preprocess.filter)
}

/// The centred region of bytes `[n, h, w, 3]`; an odd margin is larger on the right and below.
fn crop(graph: &mut Graph, image: &Value, sides: &[Value; 2], kept: &[Value; 2]) -> Value {
    let two = graph.ints(&[2]);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (side, kept) in sides.iter().zip(kept) {
        let margin = graph.op("Sub", [side, kept]);
        let start = graph.op("Div", [&margin, &two]);
        ends.push(graph.op("Add", [&start, kept]));
        starts.push(start);
    }
    let (starts, ends) = (graph.concat(&starts, 0), graph.concat(&ends, 0));
    let axes = graph.ints(&[1, 2]);
    graph.op("Slice", [image, &starts, &ends, &axes])
}

/// Resizes levels `[n, 3, height, width]` to squares, columns first, and rounds after each pass.
fn resize(
    graph: &mut Graph,
    levels: &Value,
    [height, width]: &[Value; 2],
    size: usize,
    filter: Filter,
) -> Value {
    let across = filter_weights(graph, width, size, filter);
    let across = graph.transpose(&across, &[1, 0]);
    let columns = graph.op("MatMul", [levels, &across]);
    let columns = rounded(graph, &columns);
    let down = filter_weights(graph, height, size, filter);
    let rows = graph.op("MatMul", [&down, &columns]);
    rounded(graph, &rows)
}

/// The nearest levels, halves rounded up.
fn rounded(graph: &mut Graph, x: &Value) -> Value {
    let y = graph.with_number("Add", x, 0.5);
    let y = graph.op("Floor", [&y]);
    graph.clip(&y, [0.0, 255.0])
}

/// Weights `[to, from]` of every source pixel in every resized one, where `from` is a list of one number.
fn filter_weights(graph: &mut Graph, from: &Value, to: usize, filter: Filter) -> Value {
    // the distance of source pixel i from the centre of p is ((2i + 1) to - (2p + 1) from) / (2 to) pixels;
    // the filter is stretched by from / to where the picture shrinks
    let axes = graph.ints(&[0]);
    let [zero, one] = [0, 1].map(|number| graph.ints_of(&[], &[number]));
    let count = graph.op("Squeeze", [from, &axes]);
    let positions = graph.op("Range", [&zero, &count, &one]);
    let (two, single) = (graph.ints(&[2]), graph.ints(&[1]));
    let odd = graph.op("Mul", [&positions, &two]);
    let odd = graph.op("Add", [&odd, &single]);
    let target = graph.ints(&[to as i64]);
    let source = graph.op("Mul", [&odd, &target]);
    let centres: Vec<i64> = (0..to as i64).map(|p| 2 * p + 1).collect();
    let centres = graph.ints_of(&[to, 1], &centres);
    let centres = graph.op("Mul", [&centres, from]);
    let distance = graph.op("Sub", [&source, &centres]);
    let distance = graph.cast(&distance, Element::Float);
    let larger = graph.op("Max", [from, &target]);
    let larger = graph.op("Mul", [&larger, &two]);
    let larger = graph.cast(&larger, Element::Float);
    let distance = graph.op("Div", [&distance, &larger]);
    let distance = graph.op("Abs", [&distance]);

    let weights = filtered(graph, &distance, filter);
    let total = graph.sum(&weights, &[1]);
    let weights = graph.op("Div", [&weights, &total]);
    let fixed = graph.with_number("Mul", &weights, PRECISION);
    let fixed = graph.with_number("Add", &fixed, 0.5);
    let fixed = graph.op("Floor", [&fixed]);
    graph.with_number("Div", &fixed, PRECISION)
}

/// A filter's value at every distance.
fn filtered(graph: &mut Graph, x: &Value, filter: Filter) -> Value {
    match filter {
        Filter::Bilinear => {
            let one = graph.number(1.0);
            let y = graph.op("Sub", [&one, x]);
            graph.op("Relu", [&y])
        }
        Filter::Bicubic => {
            const A: f32 = -0.5;
            let near = polynomial(graph, x, [A + 2.0, -(A + 3.0), 0.0, 1.0]);
            let far = polynomial(graph, x, [A, -5.0 * A, 8.0 * A, -4.0 * A]);
            let far = within(graph, x, 2.0, &far);
            let one = graph.number(1.0);
            let is_near = graph.op("Less", [x, &one]);
            graph.op("Where", [&is_near, &near, &far])
        }
        Filter::Lanczos => {
            let third = graph.with_number("Div", x, 3.0);
            let (wave, window) = (sinc(graph, x), sinc(graph, &third));
            let y = graph.op("Mul", [&wave, &window]);
            within(graph, x, 3.0, &y)
        }
    }
}

/// `((a x + b) x + c) x + d`.
fn polynomial(graph: &mut Graph, x: &Value, [a, b, c, d]: [f32; 4]) -> Value {
    let mut y = graph.with_number("Mul", x, a);
    for coefficient in [b, c] {
        y = graph.with_number("Add", &y, coefficient);
        y = graph.op("Mul", [&y, x]);
    }
    graph.with_number("Add", &y, d)
}

/// `y` where `x` is less than a limit, 0 elsewhere.
fn within(graph: &mut Graph, x: &Value, limit: f32, y: &Value) -> Value {
    let (limit, zero) = (graph.number(limit), graph.number(0.0));
    let is_within = graph.op("Less", [x, &limit]);
    graph.op("Where", [&is_within, y, &zero])
}

/// `sin(pi x) / (pi x)` of numbers of at least 0.
fn sinc(graph: &mut Graph, x: &Value) -> Value {
    // 1 in single precision from here down to 0
    let x = graph.with_number("Max", x, 1e-5);
    let angle = graph.with_number("Mul", &x, PI);
    let wave = graph.op("Sin", [&angle]);
    graph.op("Div", [&wave, &angle])
}

/// Levels `[n, 3, side, side]` in another orientation.
pub(super) fn oriented(graph: &mut Graph, x: &Value, side: usize, orientation: Orientation) -> Value {
    let Orientation { mirrored, quarters } = orientation;
    let backwards: Vec<i64> = (0..side as i64).rev().collect();
    let backwards = graph.ints(&backwards);
    let mut y = x.clone();
    // half a turn mirrors both ways, and a quarter top to bottom before it swaps rows and columns
    if mirrored != (quarters >= 2) {
        y = graph.gather(&y, &backwards, 3);
    }
    if quarters == 1 || quarters == 2 {
        y = graph.gather(&y, &backwards, 2);
    }
    if quarters % 2 == 1 {
        y = graph.transpose(&y, &[0, 1, 3, 2]);
    }
    y
}

/// The network's input of levels `[n, 3, size, size]`.
pub(super) fn network_input(graph: &mut Graph, levels: &Value, preprocess: &Preprocess) -> Map {
    let Preprocess { size, filter, mean, std, background, enlarge, .. } = preprocess;
    let mut x = levels.clone();
    if *background == Background::Remove {
        x = without_background(graph, &x);
    }
    if let Some(side) = enlarge {
        let from = graph.ints(&[*size as i64]);
        x = resize(graph, &x, &[from.clone(), from], *side, *filter);
    }
    let scale = std.map(|std| 1.0 / (255.0 * std));
    let shift: [f32; 3] = std::array::from_fn(|c| -mean[c] / std[c]);
    let (scale, shift) = (graph.floats(&[1, 3, 1, 1], &scale), graph.floats(&[1, 3, 1, 1], &shift));
    let x = graph.op("Mul", [&x, &scale]);
    Map { value: graph.op("Add", [&x, &shift]), side: preprocess.network_size() }
}

/// The levels that a normalised input was made of, where nothing was done between.
pub(super) fn levels_of(graph: &mut Graph, input: &Value, preprocess: &Preprocess) -> Value {
    let scale = preprocess.std.map(|std| 255.0 * std);
    let shift = preprocess.mean.map(|mean| 255.0 * mean);
    let (scale, shift) = (graph.floats(&[1, 3, 1, 1], &scale), graph.floats(&[1, 3, 1, 1], &shift));
    let x = graph.op("Mul", [input, &scale]);
    let x = graph.op("Add", [&x, &shift]);
    rounded(graph, &x)
}

/// Black in the place of the background, as [`background`] finds it. All numbers are whole and exact.
fn without_background(graph: &mut Graph, levels: &Value) -> Value {
    let shares = graph.floats(&[1, 3, 1, 1], &background::GREY.map(|share| share as f32));
    let grey = graph.op("Conv", [levels, &shares]);
    // the first sum that is rounded to a lighter grey than the darkest background
    let limit = ((background::DARK + 1) << background::GREY_BITS) - (1 << (background::GREY_BITS - 1));
    let limit = graph.number(limit as f32);
    let cell = graph.op("Less", [&grey, &limit]);
    let grown = grown(graph, &cell);
    let outside = graph.op("Not", [&grown]);
    let removed = self::grown(graph, &outside);
    let zero = graph.number(0.0);
    graph.op("Where", [&removed, &zero, levels])
}

/// Whether any pixel under the ellipse around each pixel is set.
fn grown(graph: &mut Graph, set: &Value) -> Value {
    let reach = background::REACH;
    let side = 2 * reach as usize + 1;
    let inside = |dy: isize, dx: isize| f32::from(u8::from(dx.abs() <= background::half_width(dy)));
    let ellipse: Vec<f32> =
        (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| inside(dy, dx))).collect();
    let ellipse = graph.floats(&[1, 1, side, side], &ellipse);
    let set = graph.cast(set, Element::Float);
    let count = graph.op_with("Conv", [&set, &ellipse], vec![Attribute::of_ints("pads", &[reach as i64; 4])]);
    let half = graph.number(0.5);
    graph.op("Greater", [&count, &half])
}
