//! What to do with the findings: how scores are read, what may stand in the column `action`, and the command
//! that applies them.

use super::subject::AuditReport;
use crate::report::html::escape;

/// The steps from the page to a cleaned set.
pub(super) fn draw(report: &AuditReport) -> String {
    let file = escape(&report.findings_file);
    let data = escape(&report.record.data);
    format!(
        "<ol><li>Look at the pictures below. A <b>score</b> says how sound an image is in what its check looks at, from \
         0 (bad) to 1 (fine); those below the check's threshold are found, the worst first.</li>\
         <li>Where you disagree, change the column <code>action</code> of <code>{file}</code> in a spreadsheet: \
         <code>drop</code> leaves an image out of the cleaned set, <code>keep</code> and <code>review</code> let it stay, \
         <code>review</code> until somebody has looked. Rows may be added.</li>\
         <li>Write what stays: <code class=\"command\">hema audit {data} --apply {file} --write clean.tar</code> (in the \
         folder of that file, and with the path of the data from there), and go on with <code>clean.tar</code>.</li></ol>"
    )
}
