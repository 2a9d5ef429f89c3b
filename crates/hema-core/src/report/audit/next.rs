//! What to do with the findings: how scores are read, what may stand in the column `action`, and the command
//! that applies them.

use super::subject::AuditReport;
use crate::report::html::escape;

/// The steps from the page to a cleaned set.
pub(super) fn draw(report: &AuditReport) -> String {
    let file = escape(&report.findings_file);
    let look = match report.record.findings.len() {
        0 => "Nothing was found: the samples at the end show what the classes look like.",
        _ => {
            "Look at the pictures below. A <b>score</b> says how sound an image is in what its check looks at, from 0 (bad) \
             to 1 (fine); those below the check's threshold are found, the worst first."
        }
    };
    format!(
        "<ol><li>{look}</li>\
         <li>Where you disagree, change the column <code>action</code> of <code>{file}</code> in a spreadsheet: \
         <code>drop</code> leaves an image out of the cleaned set, <code>keep</code> and <code>review</code> let it stay, \
         <code>review</code> until somebody has looked. Add a row for an image of your own, with its path, an action and \
         no check.</li>\
         <li>Write what stays: <code class=\"command\">{}</code>, and go on with the file behind <code>--write</code>. \
         (What <code>hema challenge</code> has audited is cleaned anew when the same challenge is called \
         again.)</li></ol>",
        escape(&report.clean_command)
    )
}
