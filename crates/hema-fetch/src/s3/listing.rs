//! The lists of objects that a store answers with.

use rusty_s3::actions::ListObjectsV2;

/// The namespace of a list, as Amazon and most other stores name it.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// The same as Google's store names it.
const NAMESPACE_OF_GOOGLE: &str = "http://doc.s3.amazonaws.com/2006-03-01";

/// A page of a list of objects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) keys: Vec<String>,
    /// The token of the next page.
    pub(crate) next: Option<String>,
}

impl Listing {
    /// Reads a page; `None` where it is none, or says of a next one nothing to ask for it by.
    pub(crate) fn read(xml: &str) -> Option<Self> {
        // the parser takes a list that is cut off for a whole one
        if !xml.trim_end().ends_with("</ListBucketResult>") {
            return None;
        }
        let xml = xml.replacen(NAMESPACE_OF_GOOGLE, NAMESPACE, 1);
        let page = ListObjectsV2::parse_response(&xml).ok()?;
        let keys = page.contents.into_iter().map(|object| object.key).collect();
        Some(Self { keys, next: page.next_continuation_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as a store sends it, with this inside.
    fn page(namespace: &str, inside: &str) -> String {
        format!("<?xml version='1.0'?><ListBucketResult xmlns='{namespace}'>{inside}</ListBucketResult>")
    }

    #[test]
    fn a_page_has_keys_and_perhaps_a_next_one() {
        let first = "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
                     <NextContinuationToken>a&amp;b==</NextContinuationToken>\
                     <Contents><Key>p/a+b%2B%C3%BC.tar</Key><Size>1</Size></Contents>\
                     <Contents><Key>p/b.tar</Key></Contents>";
        let read = Listing::read(&page(NAMESPACE, first)).unwrap();
        assert_eq!(read.keys, ["p/a b+ü.tar", "p/b.tar"]);
        assert_eq!(read.next.as_deref(), Some("a&b=="));
        let last = Listing::read(&page(NAMESPACE, "<IsTruncated>false</IsTruncated>"));
        assert_eq!(last, Some(Listing { keys: vec![], next: None }));
    }

    #[test]
    fn a_page_of_googles_store_is_read_too() {
        let object = "<Prefix></Prefix><IsTruncated>false</IsTruncated><Contents><Key>a.tar</Key>\
                      <Generation>1</Generation><MetaGeneration>1</MetaGeneration></Contents>";
        let read = Listing::read(&page(NAMESPACE_OF_GOOGLE, object)).unwrap();
        assert_eq!(read.keys, ["a.tar"]);
    }

    #[test]
    fn an_answer_cut_off_or_of_another_kind_is_no_list() {
        let whole = page(NAMESPACE, "<IsTruncated>false</IsTruncated>");
        for xml in [
            "",
            "<html>welcome</html>",
            whole.strip_suffix("</ListBucketResult>").unwrap(),
            &page(NAMESPACE, "<IsTruncated>true</IsTruncated>"),
            &page("http://elsewhere", "<IsTruncated>false</IsTruncated>"),
        ] {
            assert_eq!(Listing::read(xml), None, "{xml}");
        }
    }
}
