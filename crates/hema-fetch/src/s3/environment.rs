//! The store and the credentials that the environment names, as the tools of Amazon read them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;
use rusty_s3::Credentials;

use super::S3;

/// Largest file of profiles, in bytes.
const MOST: u64 = 1 << 20;
/// The region where none is named.
const USUAL_REGION: &str = "us-east-1";

impl S3 {
    /// The store that the environment describes.
    ///
    /// # Errors
    /// A key without its secret, a profile that is not there, an endpoint that is no address.
    pub(crate) fn from_environment() -> Result<Self> {
        Self::of(&|name| std::env::var(name).ok())
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let own = own_credentials(&text)?;
        let (name, profile) = profile(&text, own.is_none())?;
        let (credentials, origin) = match own {
            Some(own) => (Some(own), "AWS_ACCESS_KEY_ID".to_owned()),
            None => (profile.credentials()?, format!("the profile `{name}`")),
        };
        let region = text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| profile.get("region")).unwrap_or_else(|| USUAL_REGION.to_owned());
        let endpoint = text("AWS_ENDPOINT_URL_S3").or_else(|| text("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.or_else(|| profile.get("endpoint_url"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !region.chars().all(is_plain) {
            return Err(Error::new(format!(
                "`{region}` is no region (expected one as us-east-1; AWS_REGION names it)"
            )));
        }
        let s3 = Self { endpoint, region, credentials, origin };
        // an endpoint that is no address is told before anything is asked
        s3.bucket("any")?;
        Ok(s3)
    }
}

/// The credentials in the environment itself.
fn own_credentials(text: &dyn Fn(&str) -> Option<String>) -> Result<Option<Credentials>> {
    match (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Ok(Some(credentials(id, secret, text("AWS_SESSION_TOKEN")))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::new("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not")),
        (None, Some(_)) => Err(Error::new("AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not")),
    }
}

/// Credentials with the token of those that hold for some hours.
fn credentials(id: String, secret: String, token: Option<String>) -> Credentials {
    match token {
        Some(token) => Credentials::new_with_token(id, secret, token),
        None => Credentials::new(id, secret),
    }
}

/// Settings under one name.
#[derive(Default)]
struct Profile(HashMap<String, String>);

impl Profile {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    fn credentials(&self) -> Result<Option<Credentials>> {
        match (self.get("aws_access_key_id"), self.get("aws_secret_access_key")) {
            (Some(id), Some(secret)) => Ok(Some(credentials(id, secret, self.get("aws_session_token")))),
            (None, None) => Ok(None),
            _ => Err(Error::new(
                "the profile has one of aws_access_key_id and aws_secret_access_key (expected both)",
            )),
        }
    }
}

/// The profile that the environment names, or the one for everybody, with its name. One that is named and
/// that `must_be` there has to have credentials.
fn profile(text: &dyn Fn(&str) -> Option<String>, must_be: bool) -> Result<(String, Profile)> {
    let named = text("AWS_PROFILE");
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let home = text("HOME").or_else(|| text("USERPROFILE")).map(PathBuf::from);
    let file = |variable: &str, usual: &str| {
        text(variable).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".aws").join(usual)))
    };
    let mut profile = Profile::default();
    // where both say something, credentials go first
    if let Some(config) = file("AWS_CONFIG_FILE", "config") {
        let section = if name == "default" { name.clone() } else { format!("profile {name}") };
        profile.0.extend(section_of(&config, &section)?);
    }
    if let Some(credentials) = file("AWS_SHARED_CREDENTIALS_FILE", "credentials") {
        profile.0.extend(section_of(&credentials, &name)?);
    }
    if must_be && named.is_some() && profile.credentials()?.is_none() {
        return Err(Error::new(format!("there are no credentials of a profile `{name}`, which AWS_PROFILE names"))
            .hint("those of single sign-on and of roles have to be exported: `aws configure export-credentials --format env`"));
    }
    Ok((name, profile))
}

/// The settings of a section `[name]`; none where the file or the section is not there.
fn section_of(path: &Path, name: &str) -> Result<HashMap<String, String>> {
    let text = match file::read_text(path, MOST) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        text => text?,
    };
    let (mut settings, mut is_inside) = (HashMap::new(), false);
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_inside = section.trim() == name;
        } else if let (true, Some((key, value))) =
            (is_inside && !is_nested && !line.starts_with(['#', ';']), line.split_once('='))
        {
            settings.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn store(variables: &[(&str, &str)]) -> Result<S3> {
        let known: HashMap<&str, &str> = variables.iter().copied().collect();
        S3::of(&|name| known.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn the_environment_goes_before_the_profile() {
        let home = tempfile::tempdir().unwrap();
        let home_path = home.path().to_str().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        let credentials = "# mine\n[default]\naws_access_key_id = a\naws_secret_access_key=b\n\n[lab]\n\
                           aws_access_key_id = c\naws_secret_access_key = d\naws_session_token = e==\n";
        fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
        let config = "[default]\nregion = eu-west-1\ns3 =\n  region = x\n[profile lab]\n\
                      region=us-west-2\nendpoint_url = http://lab:9000/\n[profile sso]\nsso_session = x\n";
        fs::write(home.path().join(".aws/config"), config).unwrap();

        let s3 = store(&[("HOME", home_path)]).unwrap();
        let id = |s3: &S3| s3.credentials.as_ref().map(|own| own.key().to_owned());
        assert_eq!((id(&s3).as_deref(), s3.region.as_str()), (Some("a"), "eu-west-1"));
        assert_eq!((s3.endpoint.as_deref(), s3.origin.as_str()), (None, "the profile `default`"));
        let s3 = store(&[("HOME", home_path), ("AWS_PROFILE", "lab")]).unwrap();
        assert_eq!(s3.credentials.as_ref().unwrap().token(), Some("e=="));
        assert_eq!((s3.endpoint.as_deref(), s3.region.as_str()), (Some("http://lab:9000/"), "us-west-2"));
        let own = [
            ("HOME", home_path),
            ("AWS_ACCESS_KEY_ID", "f"),
            ("AWS_SECRET_ACCESS_KEY", "g"),
            ("AWS_REGION", "ap-south-1"),
            ("AWS_ENDPOINT_URL", "https://store/"),
        ];
        let s3 = store(&own).unwrap();
        assert_eq!((id(&s3).as_deref(), s3.region.as_str()), (Some("f"), "ap-south-1"));
        assert_eq!(s3.endpoint.as_deref(), Some("https://store/"));
        assert!(store(&[("HOME", home_path), ("AWS_PROFILE", "sso")]).is_err());
    }

    #[test]
    fn without_anything_requests_are_not_signed_and_half_of_it_is_an_error() {
        let s3 = store(&[]).unwrap();
        assert!(s3.credentials.is_none() && s3.region == USUAL_REGION);
        assert!(!s3.get("cells", "x.tar").unwrap().contains('?'));
        for wrong in [
            [("AWS_ACCESS_KEY_ID", "f")],
            [("AWS_SECRET_ACCESS_KEY", "f")],
            [("AWS_PROFILE", "lab")],
            [("AWS_ENDPOINT_URL_S3", "box:9000")],
            [("AWS_REGION", "host/")],
        ] {
            assert!(store(&wrong).is_err(), "{wrong:?}");
        }
    }
}
