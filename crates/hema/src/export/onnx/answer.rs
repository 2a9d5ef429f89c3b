//! The whole graph: pictures in, probabilities and what else the model knows out. Views, members and their
//! weights, temperatures.

use hema_core::background::Background;
use hema_core::error::{Error, ErrorKind, Result};
use hema_core::preprocess::Preprocess;
use hema_core::trust::{Trust, USUAL_SHARE};
use hema_core::tta::Orientation;

use super::super::kind::Preprocessing;
use super::graph::{Graph, Value};
use super::layers::Map;
use super::preprocess::{levels_of, network_input, oriented, square};
use super::proto::{Attribute, Dimension, Element, ValueInfo};
use super::trust::{FEWEST_PIXELS, Marked, Picture, logarithms, mark};
use crate::model::Network;
use crate::model_file::{Ensemble, Member};

/// Name of the number of images.
const BATCH: &str = "n";

/// A graph with its inputs and outputs.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) graph: Graph,
    pub(super) input: ValueInfo,
    pub(super) outputs: Vec<ValueInfo>,
}

/// What a member makes of the images: its probabilities, and the features of all views.
struct Output {
    probabilities: Value,
    features: Value,
}

/// A graph in the making.
struct Maker<'a> {
    graph: Graph,
    ensemble: &'a Ensemble,
    orientations: Vec<Orientation>,
    preprocessing: Preprocessing,
    image: Value,
    /// Pictures that were cropped and resized already, for members that want the same.
    squares: Vec<(Preprocess, Value)>,
    /// Inputs of networks with all views, likewise.
    inputs: Vec<(Preprocess, Map)>,
}

/// Trust of the single model of an ensemble, where it holds for its views.
pub(super) fn trust_of(ensemble: &Ensemble) -> Option<&Trust> {
    let [only] = &ensemble.members[..] else { return None };
    let trust = only.model.manifest.trust.as_ref()?;
    (ensemble.temperature == 1.0 && trust.views() == ensemble.tta.name).then_some(trust)
}

/// Whether the picture is known that a network is shown, so that it can be told how poor it is.
pub(super) fn knows_picture(preprocess: &Preprocess, preprocessing: Preprocessing) -> bool {
    preprocessing == Preprocessing::Inside
        || preprocess.enlarge.is_none() && preprocess.background == Background::Keep
}

/// The graph of an ensemble, whose members have these networks; they may be outlines.
///
/// # Errors
/// Views that are drawn at random; without preprocessing, members that are shown different images.
pub(super) fn build(
    ensemble: &Ensemble,
    networks: &[Network],
    preprocessing: Preprocessing,
) -> Result<Answer> {
    let orientations = ensemble.tta.orientations().ok_or_else(|| {
        let name = ensemble.tta.name;
        Error::new(format!("its views `{name}` are drawn at random (expected views that a graph can make)"))
            .hint("`hema ensemble MODEL --data DATA --tta dihedral --out FILE` gives it others")
            .with_kind(ErrorKind::Unsupported)
    })?;
    let first = &ensemble.members[0].model.manifest.preprocess;
    let differs = |member: &Member| member.model.manifest.preprocess != *first;
    if preprocessing == Preprocessing::None && ensemble.members.iter().any(differs) {
        return Err(Error::new("its members are shown images that are preprocessed in different ways")
            .hint("leave `--preprocess none` out: then each member's own is in the file")
            .with_kind(ErrorKind::Unsupported));
    }
    let input = input(first, preprocessing);
    let mut maker = Maker {
        graph: Graph::default(),
        ensemble,
        orientations,
        preprocessing,
        image: Value(input.name.clone()),
        squares: Vec::new(),
        inputs: Vec::new(),
    };
    let outputs = maker.answer(networks)?;
    Ok(Answer { graph: maker.graph, input, outputs })
}

/// The input of the graph.
fn input(preprocess: &Preprocess, preprocessing: Preprocessing) -> ValueInfo {
    match preprocessing {
        Preprocessing::Inside => ValueInfo::new(
            "image",
            Element::Uint8,
            &[BATCH.into(), "height".into(), "width".into(), 3.into()],
            "pictures of any size, one or more of the same: red, green, blue of 0 to 255",
        ),
        Preprocessing::None => {
            let side = preprocess.network_size();
            let sizes = [BATCH.into(), 3.into(), side.into(), side.into()];
            ValueInfo::new(
                "input",
                Element::Float,
                &sizes,
                "pictures that were cropped, resized and normalised",
            )
        }
    }
}

impl Maker<'_> {
    /// Adds everything, and returns the outputs.
    fn answer(&mut self, networks: &[Network]) -> Result<Vec<ValueInfo>> {
        let mut outputs = Vec::new();
        for (number, (member, network)) in self.ensemble.members.iter().zip(networks).enumerate() {
            if networks.len() > 1 {
                self.graph.prefix = format!("members.{number}.");
            }
            outputs.push(self.member(member, network));
        }
        self.graph.prefix = String::new();
        let graph = &mut self.graph;
        let parts: Vec<&Value> = outputs.iter().map(|output| &output.probabilities).collect();
        let sum = |graph: &mut Graph, sum: Value, part: &&Value| graph.op("Add", [&sum, part]);
        let mut probabilities =
            parts[1..].iter().fold(parts[0].clone(), |so_far, part| sum(graph, so_far, part));
        if self.ensemble.temperature != 1.0 {
            let logs = logarithms(graph, &probabilities);
            let logs = graph.with_number("Div", &logs, self.ensemble.temperature as f32);
            probabilities = graph.softmax(&logs);
        }
        let marked = match trust_of(self.ensemble) {
            Some(trust) => {
                let features = self.of_first_view(&outputs[0].features);
                Some(self.marked(trust, &features, &probabilities)?)
            }
            None => None,
        };
        Ok(self.outputs(&probabilities, marked))
    }

    fn marked(&mut self, trust: &Trust, features: &Value, probabilities: &Value) -> Result<Marked> {
        let preprocess = &self.ensemble.members[0].model.manifest.preprocess;
        let side = preprocess.size;
        if side < FEWEST_PIXELS {
            return Err(Error::new(format!(
                "it is shown pictures of {side} pixels (expected at least {FEWEST_PIXELS} where it refers answers)"
            )));
        }
        let levels = match self.preprocessing {
            Preprocessing::Inside => Some(self.square(preprocess)),
            Preprocessing::None => knows_picture(preprocess, self.preprocessing)
                .then(|| levels_of(&mut self.graph, &self.image, preprocess)),
        };
        let picture = levels.map(|levels| Picture { levels, side });
        let (formula, thresholds) = (trust.formula(), trust.thresholds(USUAL_SHARE));
        Ok(mark(&mut self.graph, &formula, &thresholds, picture.as_ref(), features, probabilities))
    }

    /// Weighted probabilities of a member over its views.
    fn member(&mut self, member: &Member, network: &Network) -> Output {
        let manifest = &member.model.manifest;
        let views = self.orientations.len();
        let input = self.input(&manifest.preprocess);
        let graph = &mut self.graph;
        let features = network.features_by(input, graph);
        let logits = network.classify_by(features.clone(), graph);
        let logits = match manifest.temperature {
            1.0 => logits,
            temperature => graph.with_number("Div", &logits, temperature as f32),
        };
        let mut probabilities = graph.softmax(&logits);
        let weights: Vec<f32> = member.weights.iter().map(|weight| *weight as f32).collect();
        if views > 1 {
            // views of all images lie one after the other in the batch
            let split = graph.ints(&[views as i64, -1, manifest.classes.len() as i64]);
            let by_view = graph.op("Reshape", [&probabilities, &split]);
            let weights = graph.floats(&[views, 1, 1], &weights);
            let weighted = graph.op("Mul", [&by_view, &weights]);
            let axes = graph.ints(&[0]);
            probabilities =
                graph.op_with("ReduceSum", [&weighted, &axes], vec![Attribute::of_int("keepdims", 0)]);
        } else if weights != [1.0] {
            probabilities = graph.with_number("Mul", &probabilities, weights[0]);
        }
        Output { probabilities, features }
    }

    /// The rows of the first view of every image.
    fn of_first_view(&mut self, rows: &Value) -> Value {
        if self.orientations.len() == 1 {
            return rows.clone();
        }
        let graph = &mut self.graph;
        let shape = graph.op("Shape", [rows]);
        let (zero, views) = (graph.ints(&[0]), graph.ints(&[self.orientations.len() as i64]));
        let count = graph.gather(&shape, &zero, 0);
        let count = graph.op("Div", [&count, &views]);
        graph.op("Slice", [rows, &zero, &count, &zero])
    }

    /// The input of a network: all views of all images.
    fn input(&mut self, preprocess: &Preprocess) -> Map {
        if let Some((_, input)) = self.inputs.iter().find(|(known, _)| known == preprocess) {
            return input.clone();
        }
        let input = match self.preprocessing {
            Preprocessing::None => {
                let side = preprocess.network_size();
                let image = self.image.clone();
                Map { value: self.views(&image, side), side }
            }
            Preprocessing::Inside => {
                let square = self.square(preprocess);
                let views = self.views(&square, preprocess.size);
                network_input(&mut self.graph, &views, preprocess)
            }
        };
        self.inputs.push((preprocess.clone(), input.clone()));
        input
    }

    /// Pictures as a network's preprocessing crops and resizes them.
    fn square(&mut self, preprocess: &Preprocess) -> Value {
        let geometry = |p: &Preprocess| (p.size, p.crop, p.filter);
        if let Some((_, square)) = self.squares.iter().find(|(p, _)| geometry(p) == geometry(preprocess)) {
            return square.clone();
        }
        let made = square(&mut self.graph, &self.image, preprocess);
        self.squares.push((preprocess.clone(), made.clone()));
        made
    }

    /// Views of square images, all images in one view after the other.
    fn views(&mut self, images: &Value, side: usize) -> Value {
        if self.orientations.len() == 1 {
            return images.clone();
        }
        let views: Vec<Value> = self
            .orientations
            .iter()
            .map(|orientation| oriented(&mut self.graph, images, side, *orientation))
            .collect();
        self.graph.concat(&views, 0)
    }

    /// Names the outputs.
    fn outputs(&mut self, probabilities: &Value, marked: Option<Marked>) -> Vec<ValueInfo> {
        let classes = self.ensemble.classes().len();
        let mut columns = Vec::new();
        let last = match &marked {
            Some(marked) => marked.probabilities.clone(),
            None => probabilities.clone(),
        };
        let attributes = vec![Attribute::of_int("axis", 1), Attribute::of_int("keepdims", 0)];
        let label = self.graph.op_with("ArgMax", [&last], attributes);
        columns.push((
            last,
            "probabilities",
            Element::Float,
            "probability of every class; each row sums to 1",
        ));
        columns.push((label, "label", Element::Int64, "number of the most probable class, from 0"));
        if let Some(Marked { unlike, poor, refer, .. }) = marked {
            columns.push((unlike, "unlike", Element::Float, UNLIKE));
            columns.extend(poor.map(|poor| (poor, "poor", Element::Float, POOR)));
            columns.push((refer, "refer", Element::Int64, REFER));
        }
        let mut outputs = Vec::new();
        for (value, name, element, about) in columns {
            self.graph.name_output(&value, name);
            let sizes: Vec<Dimension> = match name {
                "probabilities" => vec![BATCH.into(), classes.into()],
                _ => vec![BATCH.into()],
            };
            outputs.push(ValueInfo::new(name, element, &sizes, about));
        }
        outputs
    }
}

const UNLIKE: &str =
    "how unlike training's cells: 0 in the middle of them, 1 where the strangest of a hundred begin";
const POOR: &str = "how poor the picture is: 0 in the middle of training's, 1 where the poorest of a hundred damaged ones begin";
const REFER: &str = "0 where the answer can stand, else why a person should look: 1 the answer is unsure, 2 the cell is unlike \
                     training's, 3 the picture is poor";
