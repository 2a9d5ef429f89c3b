//! What a model knows of how far its answers can be trusted, as nodes: the temperature of each image, how
//! unlike training's cells it is, how poor the picture, and who should look at the answer.
//!
//! The same operations in the same order as [`hema_core::trust`] has them. Left out on purpose: promises and
//! sets of classes, which are made of many answers.

use hema_core::trust::formula::{
    CLIPPED, CLOSEST, CORNER, FURTHEST, Formula, LUMA, MOST, MOST_DEVIATIONS, POWER, SMALL, SMALLEST, SUREST,
    USUAL,
};
use hema_core::trust::{Question, STATISTICS, Thresholds};

use super::graph::{Graph, Value};
use super::proto::{Attribute, Element};

/// Fewest pixels a side of pictures that statistics are taken of here.
pub(super) const FEWEST_PIXELS: usize = 3;

/// Answers with marks, each a row an image of one number but for the probabilities.
pub(super) struct Marked {
    pub(super) probabilities: Value,
    pub(super) unlike: Value,
    /// Nothing where the picture itself is not known.
    pub(super) poor: Option<Value>,
    /// 0 where nobody needs to look, or 1 and the number of the [`Question`].
    pub(super) refer: Value,
}

/// A picture as the network is shown it: levels `[n, 3, side, side]`.
pub(super) struct Picture {
    pub(super) levels: Value,
    pub(super) side: usize,
}

/// Marks of answers, by their probabilities at the base temperature and the features of the first view.
pub(super) fn mark(
    graph: &mut Graph,
    formula: &Formula,
    thresholds: &Thresholds,
    picture: Option<&Picture>,
    features: &Value,
    probabilities: &Value,
) -> Marked {
    let [nearest, outside] = distances(graph, formula, features);
    let raw = logarithms(graph, probabilities);
    let temperature = temperature(graph, formula, [&nearest, &outside]);
    let divided = graph.op("Div", [&raw, &temperature]);
    let probabilities = graph.softmax(&divided);

    let entropy = entropy(graph, &raw);
    let of_distance = graph.with_number("Div", &nearest, formula.spreads[0]);
    let of_entropy = graph.with_number("Div", &entropy, formula.spreads[1]);
    let unlike = graph.op("Add", [&of_distance, &of_entropy]);
    let unlike = scaled(graph, formula, Question::Unlike, &unlike);
    let poor = picture.map(|picture| {
        let poor = poverty(graph, formula, picture);
        scaled(graph, formula, Question::Poor, &poor)
    });
    let unsure = unsureness(graph, formula, &probabilities);
    let doubts: Vec<Value> =
        [Some(&unsure), Some(&unlike), poor.as_ref()].into_iter().flatten().cloned().collect();
    let refer = referral(graph, thresholds, &doubts);
    let unlike = flat(graph, &unlike);
    Marked { probabilities, unlike, poor: poor.map(|poor| flat(graph, &poor)), refer }
}

/// Logarithms of probabilities; what single precision rounds to 0 is not infinitely improbable.
pub(super) fn logarithms(graph: &mut Graph, probabilities: &Value) -> Value {
    let held = graph.with_number("Max", probabilities, f32::MIN_POSITIVE);
    graph.op("Log", [&held])
}

/// A column `[n, 1]` as a list `[n]`.
fn flat(graph: &mut Graph, column: &Value) -> Value {
    let axes = graph.ints(&[1]);
    graph.op("Squeeze", [column, &axes])
}

/// A score on the scale of its question.
fn scaled(graph: &mut Graph, formula: &Formula, question: Question, score: &Value) -> Value {
    let [middle, last] = formula.scales[question as usize];
    let score = graph.with_number("Sub", score, middle);
    graph.with_number("Div", &score, last - middle)
}

/// Distances of features to the nearest centre and outside of the directions, `[n, 1]` each.
fn distances(graph: &mut Graph, formula: &Formula, features: &Value) -> [Value; 2] {
    let (width, kept) = (formula.mean_features.len(), formula.kept());
    let centre = graph.floats(&[1, width], &formula.mean_features);
    let row = graph.op("Sub", [features, &centre]);
    let directions = graph.floats(&[kept, width], &formula.directions);
    let directions = graph.transpose(&directions, &[1, 0]);
    let inside = graph.op("MatMul", [&row, &directions]);

    let [all, of_inside] = [&row, &inside].map(|row| square_sum(graph, row, 1));
    let outside = graph.op("Sub", [&all, &of_inside]);
    let outside = logarithm_of_square(graph, &outside, formula.usual_outside);

    let whitening = graph.floats(&[kept, kept], &formula.whitening);
    let whitening = graph.transpose(&whitening, &[1, 0]);
    let white = graph.op("MatMul", [&inside, &whitening]);
    let axes = graph.ints(&[1]);
    let white = graph.op("Unsqueeze", [&white, &axes]);
    let centres = graph.floats(&[1, formula.centres.len() / kept, kept], &formula.centres);
    let apart = graph.op("Sub", [&white, &centres]);
    let apart = square_sum(graph, &apart, 2);
    let apart = graph.rows(&apart);
    let nearest = graph.reduce("ReduceMin", &apart, &[1]);
    [logarithm_of_square(graph, &nearest, formula.usual_nearest), outside]
}

/// Sum of the squares along an axis.
fn square_sum(graph: &mut Graph, x: &Value, axis: i64) -> Value {
    let squares = graph.op("Mul", [x, x]);
    graph.sum(&squares, &[axis])
}

fn logarithm_of_square(graph: &mut Graph, square: &Value, usual: f32) -> Value {
    let held = graph.with_number("Max", square, SMALLEST);
    let logarithm = graph.op("Log", [&held]);
    graph.with_number("Sub", &logarithm, usual)
}

fn temperature(graph: &mut Graph, formula: &Formula, distances: [&Value; 2]) -> Value {
    let mut logarithm = graph.number(formula.base as f32);
    for (distance, weight) in distances.into_iter().zip(&formula.weights) {
        let mark = graph.with_number("Add", distance, 1.0);
        let mark = graph.clip(&mark, [0.0, FURTHEST]);
        let share = graph.with_number("Mul", &mark, *weight as f32);
        logarithm = graph.op("Add", [&logarithm, &share]);
    }
    let logarithm = graph.clip(&logarithm, [-MOST as f32, MOST as f32]);
    graph.op("Exp", [&logarithm])
}

/// Logarithm of the generalised entropy.
fn entropy(graph: &mut Graph, raw: &Value) -> Value {
    let p = graph.softmax(raw);
    let one = graph.number(1.0);
    let rest = graph.op("Sub", [&one, &p]);
    let rest = graph.with_number("Max", &rest, 0.0);
    let [p, rest] = [&p, &rest].map(|share| graph.with_number("Pow", share, POWER));
    let product = graph.op("Mul", [&p, &rest]);
    let sum = graph.sum(&product, &[1]);
    logarithms(graph, &sum)
}

/// The odds against the most probable class, scaled.
fn unsureness(graph: &mut Graph, formula: &Formula, probabilities: &Value) -> Value {
    let p = graph.reduce("ReduceMax", probabilities, &[1]);
    let p = graph.clip(&p, [SUREST as f32, (1.0 - SUREST) as f32]);
    let one = graph.number(1.0);
    let rest = graph.op("Sub", [&one, &p]);
    let odds = graph.op("Div", [&rest, &p]);
    let odds = graph.op("Log", [&odds]);
    scaled(graph, formula, Question::Confidence, &odds)
}

/// 0, or 1 and the question in which doubts are furthest beyond their threshold: the position of the largest
/// excess, before which stands that of nothing.
fn referral(graph: &mut Graph, thresholds: &Thresholds, doubts: &[Value]) -> Value {
    // a threshold of minus infinity, which refers all, would give no number
    let thresholds: Vec<f32> = thresholds.0[..doubts.len()].iter().map(|t| t.max(f32::MIN / 2.0)).collect();
    let scales: Vec<f32> = thresholds.iter().map(|threshold| threshold.abs().max(CLOSEST)).collect();
    let nothing = graph.with_number("Mul", &doubts[0], 0.0);
    let doubts = graph.concat(doubts, 1);
    let (thresholds, scales) =
        (graph.floats(&[1, thresholds.len()], &thresholds), graph.floats(&[1, scales.len()], &scales));
    let excess = graph.op("Sub", [&doubts, &thresholds]);
    let excess = graph.op("Div", [&excess, &scales]);
    let excess = graph.concat(&[nothing, excess], 1);
    // a position and no number that is cast: tract takes such whole numbers for sizes
    let first = vec![Attribute::of_int("axis", 1), Attribute::of_int("keepdims", 0)];
    graph.op_with("ArgMax", [&excess], first)
}

/// How far a picture is from what is usual, `[n, 1]`, before it is scaled.
fn poverty(graph: &mut Graph, formula: &Formula, picture: &Picture) -> Value {
    let statistics = statistics(graph, picture);
    let count = STATISTICS.len();
    let (centre, spread) =
        (graph.floats(&[1, count], &formula.centre), graph.floats(&[1, count], &formula.spread));
    let deviation = graph.op("Sub", [&statistics, &centre]);
    let deviation = graph.op("Div", [&deviation, &spread]);
    let deviation = graph.op("Abs", [&deviation]);
    let beyond = graph.with_number("Sub", &deviation, USUAL);
    let beyond = graph.clip(&beyond, [0.0, MOST_DEVIATIONS]);
    let sum = square_sum(graph, &beyond, 1);
    let sum = graph.with_number("Add", &sum, 1.0);
    graph.op("Log", [&sum])
}

/// The statistics of pictures, `[n, statistics]`, in the order of [`STATISTICS`].
fn statistics(graph: &mut Graph, picture: &Picture) -> Value {
    let luma = luma(graph, &picture.levels);
    let light = graph.reduce("ReduceMean", &luma, &[2, 3]);
    let apart = graph.op("Sub", [&luma, &light]);
    let apart = graph.op("Mul", [&apart, &apart]);
    let contrast = graph.reduce("ReduceMean", &apart, &[2, 3]);
    let contrast = graph.op("Sqrt", [&contrast]);
    let [detail, grain, along, across] = edges(graph, &luma);
    let [saturation, red, blue] = colours(graph, &picture.levels);
    let against = graph.op("Sub", [&grain, &detail]);
    let direction = graph.op("Sub", [&along, &across]);
    let direction = graph.op("Abs", [&direction]);
    let clipping = clipping(graph, &picture.levels);
    let unevenness = unevenness(graph, &luma, picture.side);
    let all: [Value; STATISTICS.len()] =
        [light, contrast, saturation, detail, grain, against, clipping, unevenness, direction, red, blue];
    let all = graph.concat(&all, 1);
    graph.rows(&all)
}

/// The light of every pixel, on a scale of 0 to 1: `[n, 1, side, side]`.
fn luma(graph: &mut Graph, levels: &Value) -> Value {
    let shares = graph.floats(&[1, 3, 1, 1], &LUMA);
    let luma = graph.op("Conv", [levels, &shares]);
    graph.with_number("Div", &luma, 255.0)
}

/// Logarithms of the mean sizes of four differences between neighbours, `[n, 1, 1, 1]` each.
fn edges(graph: &mut Graph, luma: &Value) -> [Value; 4] {
    #[rustfmt::skip]
    const DIFFERENCES: [f32; 36] = [
        // the Laplacian, which measures detail
        0., -1., 0.,   -1., 4., -1.,   0., -1., 0.,
        // the difference of two, which measures grain
        1., -2., 1.,   -2., 4., -2.,   1., -2., 1.,
        // along rows, and across them
        0., 0., 0.,    -1., 0., 1.,    0., 0., 0.,
        0., -1., 0.,   0., 0., 0.,     0., 1., 0.,
    ];
    let differences = graph.floats(&[4, 1, 3, 3], &DIFFERENCES);
    let edges = graph.op("Conv", [luma, &differences]);
    let edges = graph.op("Abs", [&edges]);
    let edges = graph.reduce("ReduceMean", &edges, &[2, 3]);
    let edges = logarithm_of_share(graph, &edges);
    [0, 1, 2, 3].map(|channel| channel_of(graph, &edges, channel))
}

fn logarithm_of_share(graph: &mut Graph, share: &Value) -> Value {
    let share = graph.with_number("Add", share, SMALL as f32);
    graph.op("Log", [&share])
}

fn channel_of(graph: &mut Graph, x: &Value, channel: i64) -> Value {
    let channel = graph.ints(&[channel]);
    graph.gather(x, &channel, 1)
}

/// Saturation, red against green, blue against green, `[n, 1, 1, 1]` each.
fn colours(graph: &mut Graph, levels: &Value) -> [Value; 3] {
    let [most, least] = ["ReduceMax", "ReduceMin"].map(|operator| graph.reduce(operator, levels, &[1]));
    let spread = graph.op("Sub", [&most, &least]);
    let spread = graph.reduce("ReduceMean", &spread, &[2, 3]);
    let means = graph.reduce("ReduceMean", levels, &[2, 3]);
    let [red, green, blue] = [0, 1, 2].map(|channel| channel_of(graph, &means, channel));
    let (red, blue) = (graph.op("Sub", [&red, &green]), graph.op("Sub", [&blue, &green]));
    [spread, red, blue].map(|difference| graph.with_number("Div", &difference, 255.0))
}

/// Logarithm of the share of values that are clipped.
fn clipping(graph: &mut Graph, levels: &Value) -> Value {
    let [dark, bright] = CLIPPED.map(f32::from);
    let (dark, bright) = (graph.number(dark + 0.5), graph.number(bright - 0.5));
    let is_dark = graph.op("Less", [levels, &dark]);
    let is_bright = graph.op("Greater", [levels, &bright]);
    let is_clipped = graph.op("Or", [&is_dark, &is_bright]);
    let clipped = graph.cast(&is_clipped, Element::Float);
    let share = graph.reduce("ReduceMean", &clipped, &[1, 2, 3]);
    logarithm_of_share(graph, &share)
}

/// By how much the mean light of the four corners differs.
fn unevenness(graph: &mut Graph, luma: &Value, side: usize) -> Value {
    let corner = (side / CORNER).max(1);
    let window = vec![
        Attribute::of_ints("kernel_shape", &[corner as i64; 2]),
        Attribute::of_ints("strides", &[(side - corner) as i64; 2]),
    ];
    let corners = graph.op_with("AveragePool", [luma], window);
    let [most, least] = ["ReduceMax", "ReduceMin"].map(|operator| graph.reduce(operator, &corners, &[2, 3]));
    graph.op("Sub", [&most, &least])
}
