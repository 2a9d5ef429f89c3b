//! The verdict of a gate as `JUnit` XML, which build servers show.

use super::verdict::{Rule, Verdict};

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
