//! The verdict of a gate as `JUnit` XML, which build servers show.

use super::{Rule, Side, Unit, Verdict};

/// One test case a rule, which has failed where the rule does not hold.
pub fn junit(verdict: &Verdict) -> String {
    let failures = verdict.rules.iter().filter(|rule| !rule.passes).count();
    let cases: String = verdict.rules.iter().map(case).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" \
         errors=\"0\" skipped=\"0\">\n{cases}</testsuite>\n</testsuites>\n",
        escaped(&format!("hema gate {}", verdict.model.path)),
        verdict.rules.len()
    )
}

fn case(rule: &Rule) -> String {
    let open = format!("<testcase classname=\"gate\" name=\"{}\"", escaped(&rule.name));
    if rule.passes {
        return format!("{open}/>\n");
    }
    let remark = if rule.remark.is_empty() { String::new() } else { format!(" ({})", rule.remark) };
    let [bound, wanted] = [rule.bound_text(), rule.wanted_text()];
    let message = escaped(&format!("found {bound}, wanted {wanted}{remark}"));
    format!("{open}>\n<failure message=\"{message}\"/>\n</testcase>\n")
}

impl Rule {
    /// What was found, for people; `-` where it cannot be told.
    pub fn found_text(&self) -> String {
        self.text(self.found)
    }

    /// The bound that is compared, for people.
    pub fn bound_text(&self) -> String {
        self.text(self.bound)
    }

    /// What the policy asks for, for people.
    pub fn wanted_text(&self) -> String {
        match self.wanted {
            Side::AtLeast(least) => format!("at least {}", self.text(Some(least))),
            Side::AtMost(most) => format!("at most {}", self.text(Some(most))),
        }
    }

    fn text(&self, number: Option<f64>) -> String {
        let Some(number) = number else { return "-".into() };
        match self.unit {
            Unit::Images => format!("{number:.0}"),
            // two decimals: what decides may be close
            Unit::Share => format!("{:.2} %", 100.0 * number),
            Unit::Difference => format!("{:+.2} points", 100.0 * number),
        }
    }
}

/// Text made safe for an attribute of XML. Characters that XML has no place for become U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
