//! One check's findings: what it is about, what to do, and its images in cards, those that were found
//! together side by side with what they were compared with.

use std::collections::HashMap;

use super::subject::Subject;
use crate::audit::{Action, CHECKS, Check, CheckSummary, Finding};
use crate::report::html::{breakable, capital, count, counted, each, escape, with_code, words};
use crate::report::thumbnails::Thumbnails;

/// Most pictures of one check; a card that is begun is completed.
const PICTURES: usize = 56;
/// Most pictures of one card.
const PER_CARD: usize = 8;
/// Most classes that a card counts.
const CLASSES: usize = 12;

/// The findings of one check that are shown.
pub(super) struct CheckSection<'a> {
    check: &'static Check,
    summary: &'a CheckSummary,
    /// Findings about the data set as a whole.
    data_set: Vec<&'a Finding>,
    /// Images that were found together, or beside what they were compared with.
    cards: Vec<Card<'a>>,
    /// Images that were found each by itself.
    alone: Vec<&'a Finding>,
    /// Findings that are not shown.
    beyond: u64,
}

/// Images found together, or one found alone.
struct Card<'a> {
    /// The image they were compared with, if it is not itself among them.
    partners: Vec<usize>,
    /// The findings that are shown.
    shown: Vec<&'a Finding>,
    /// All of them.
    images: usize,
    /// How many of them each class has, most first.
    classes: Vec<(String, usize)>,
}

impl<'a> CheckSection<'a> {
    /// Chooses the cards of every check that found something.
    pub(super) fn choose(subject: &Subject<'a>) -> Vec<Self> {
        let summaries = &subject.report.record.summary.checks;
        let with_summary = CHECKS.iter().zip(summaries).filter(|(_, summary)| summary.found());
        with_summary.map(|(check, summary)| Self::of(check, summary, subject)).collect()
    }

    fn of(check: &'static Check, summary: &'a CheckSummary, subject: &Subject<'a>) -> Self {
        let own = subject.report.audit.findings.iter().filter(|finding| finding.check == check.name);
        let (mut of_images, data_set): (Vec<&Finding>, Vec<&Finding>) = own.partition(|f| f.image.is_some());
        // what another check drops is shown there
        of_images.retain(|f| f.action == Action::Drop || f.image.is_some_and(|image| subject.kept[image]));
        let (mut cards, mut alone) = (Vec::new(), Vec::new());
        let (mut pictures, mut shown) = (0, 0);
        for group in groups(&of_images) {
            if pictures >= PICTURES {
                break;
            }
            shown += group.len();
            match group[..] {
                [only] if only.partner.is_none() => {
                    pictures += 1;
                    alone.push(only);
                }
                _ => {
                    let card = Card::of(&group, subject);
                    pictures += card.partners.len() + card.shown.len();
                    cards.push(card);
                }
            }
        }
        Self { check, summary, data_set, cards, alone, beyond: (of_images.len() - shown) as u64 }
    }

    /// The entries that are shown.
    pub(super) fn images(&self) -> impl Iterator<Item = usize> {
        let found = |findings: &[&Finding]| findings.iter().filter_map(|f| f.image).collect::<Vec<_>>();
        let in_cards =
            self.cards.iter().flat_map(move |card| [card.partners.clone(), found(&card.shown)].concat());
        in_cards.chain(found(&self.alone))
    }

    pub(super) fn name(&self) -> &'static str {
        self.check.name
    }

    pub(super) fn title(&self) -> String {
        capital(&words(self.check.name))
    }

    pub(super) fn draw(&self, subject: &Subject, thumbnails: &Thumbnails) -> String {
        let data_set = each(&self.data_set, |finding| {
            // what asks for nothing needs no tag
            let tag = if finding.action == Action::Keep { String::new() } else { tag(finding.action) + " " };
            format!("<p class=\"whole\">{tag}{}</p>", with_code(&capital(&finding.detail)))
        });
        let cards = each(&self.cards, |card| card.draw(subject, thumbnails));
        let cards = if cards.is_empty() { cards } else { format!("<ul class=\"cards\">{cards}</ul>") };
        let alone = each(&self.alone, |finding| member(finding, true, subject, thumbnails));
        let alone = if alone.is_empty() { alone } else { format!("<ul class=\"strip\">{alone}</ul>") };
        let beyond = match self.beyond {
            0 => String::new(),
            n => format!(
                "<p class=\"beyond\">and {} more in <code>{}</code></p>",
                count(n),
                escape(&subject.report.findings_file)
            ),
        };
        format!(
            "<p class=\"about\">{}. {}</p>{}{data_set}{cards}{alone}{beyond}",
            escape(&capital(self.check.about)),
            escape(self.check.advice),
            self.tally()
        )
    }

    /// How many images were found, and what becomes of them.
    fn tally(&self) -> String {
        let CheckSummary { images, drop, review, elsewhere, .. } = *self.summary;
        let kept = images - drop - review - elsewhere;
        let actions = [(drop, Action::Drop), (review, Action::Review), (kept, Action::Keep)];
        let actions = actions.into_iter().filter(|(n, _)| *n > 0);
        let actions = each(actions, |(n, action)| match n {
            n if n == images => format!(" {}", tag(action)),
            n => format!(" {} {}", count(n), tag(action)),
        });
        let elsewhere = if elsewhere > 0 {
            format!(" {} dropped by another check", count(elsewhere))
        } else {
            String::new()
        };
        if images == 0 {
            return String::new();
        }
        format!("<p class=\"tally\"><strong>{}</strong>{actions}{elsewhere}</p>", counted(images, "image"))
    }
}

/// Findings of one check by cluster, each in the order of its first; a finding without a cluster is alone.
fn groups<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut group_of = HashMap::new();
    for finding in findings {
        match finding.cluster {
            Some(cluster) => {
                let group = *group_of.entry(cluster).or_insert(groups.len());
                if group == groups.len() {
                    groups.push(Vec::new());
                }
                groups[group].push(finding);
            }
            None => groups.push(vec![finding]),
        }
    }
    groups
}

impl<'a> Card<'a> {
    fn of(group: &[&'a Finding], subject: &Subject) -> Self {
        let names = subject.report.source.classes();
        let mut counts = vec![0; names.len() + 1];
        // the first of every class, then the others: a cluster over many classes shows that it is one
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for finding in group {
            let entry = finding.image.map(|image| subject.report.source.entry(image));
            let label = entry.and_then(|entry| entry.label).unwrap_or(names.len());
            counts[label] += 1;
            if counts[label] == 1 { first.push(*finding) } else { others.push(*finding) }
        }
        let name = |label: usize| names.get(label).map_or("no label", String::as_str).to_owned();
        let counted = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
        let mut classes: Vec<(String, usize)> = counted.map(|(label, n)| (name(label), n)).collect();
        classes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        first.extend(others);
        first.truncate(PER_CARD);
        let members: Vec<usize> = first.iter().filter_map(|finding| finding.image).collect();
        let mut partners: Vec<usize> = first.iter().filter_map(|finding| finding.partner).collect();
        partners.sort_unstable();
        partners.dedup();
        partners.retain(|partner| !members.contains(partner));
        partners.truncate(PER_CARD);
        Self { partners, shown: first, images: group.len(), classes }
    }

    fn draw(&self, subject: &Subject, thumbnails: &Thumbnails) -> String {
        let heading = if self.images > 1 { self.heading() } else { String::new() };
        let partners = each(&self.partners, |image| partner(*image, subject, thumbnails));
        let shared = self.shared_detail();
        let members = each(&self.shown, |finding| member(finding, shared.is_none(), subject, thumbnails));
        let detail = shared.map_or(String::new(), detail);
        format!("<li>{heading}<ul class=\"strip\">{partners}{members}</ul>{detail}</li>")
    }

    /// How many there are, and of which classes.
    fn heading(&self) -> String {
        let named = self.classes.iter().take(CLASSES);
        let mut classes: Vec<String> =
            named.map(|(name, n)| format!("{} {}", count(*n as u64), words(name))).collect();
        if self.classes.len() > CLASSES {
            classes.push(format!("others in {} more", self.classes.len() - CLASSES));
        }
        let shown = match self.images - self.shown.len() {
            0 => String::new(),
            _ => format!(", {} of them shown", self.shown.len()),
        };
        let beside = match self.partners.len() {
            0 => String::new(),
            n => format!(", beside {} that they were compared with", count(n as u64)),
        };
        format!(
            "<h3>{} <small>{}{shown}{beside}</small></h3>",
            counted(self.images as u64, "image"),
            classes.join(", ")
        )
    }

    /// The detail, when all have the same.
    fn shared_detail(&self) -> Option<&'a str> {
        let first = self.shown.first()?.detail.as_str();
        self.shown.iter().all(|finding| finding.detail == first).then_some(first)
    }
}

/// The image that a finding was compared with.
fn partner(image: usize, subject: &Subject, thumbnails: &Thumbnails) -> String {
    let fate = if subject.kept[image] { "stays" } else { "goes too" };
    picture(image, &format!("<span class=\"tag\">{fate}</span>"), "", subject, thumbnails)
}

fn member(finding: &Finding, with_detail: bool, subject: &Subject, thumbnails: &Thumbnails) -> String {
    let Some(image) = finding.image else { return String::new() };
    let fate = format!("{} <span>score {:.3}</span>", tag(finding.action), finding.score);
    let detail = if with_detail { detail(&finding.detail) } else { String::new() };
    picture(image, &fate, &detail, subject, thumbnails)
}

/// One picture with its label, part and path; `fate` and `detail` are HTML.
fn picture(image: usize, fate: &str, detail: &str, subject: &Subject, thumbnails: &Thumbnails) -> String {
    let (path, class) = (subject.path(image), subject.class(image));
    let part = subject.report.audit.parts[image].map_or(String::new(), |part| format!(" · {part}"));
    format!(
        "<li>{}<p><b>{}</b>{part}</p><p class=\"fate\">{fate}</p>{detail}<p class=\"path\">{}</p></li>",
        thumbnails.draw(image, &format!("{path}: {class}")),
        words(class),
        breakable(path)
    )
}

fn detail(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<p class=\"detail\">{}</p>", with_code(text)) }
}

/// The action for an image, as a coloured word.
fn tag(action: Action) -> String {
    let word = match action {
        Action::Keep => "keep",
        Action::Review => "look at",
        Action::Drop => "drop",
    };
    format!("<span class=\"tag {}\">{word}</span>", action.name())
}
