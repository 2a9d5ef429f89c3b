//! Data on other machines, read where they lie: `s3://bucket/key`, and archives on web servers.
//!
//! [`Remote`] is the [`Opener`] that `hema-core` reads addresses through. An object is read in blocks, each
//! by a request for that part of it; those that follow are fetched ahead, and what was read stays at hand
//! (`cache`), so that a pass over an archive asks for each of its bytes once. A line that breaks is taken up
//! at the same byte, as long as the server still has the same version (`object`).
//!
//! Left out on purpose: writing, servers that send whole files alone, what needs a login.

mod addresses;
mod cache;
mod object;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hema_core::data::Opener;
use hema_core::error::{Error, Result};
use hema_core::file::ReadAt;

pub use self::addresses::Addresses;
use self::cache::Cache;
use self::object::{Client, Place};
use crate::request::Options;
use crate::s3::{S3, split_address};

/// Opens addresses of data.
pub struct Remote {
    addresses: Addresses,
    options: Options,
    cache: Arc<Cache>,
    // made when they are needed: most commands open no address
    client: OnceLock<Result<Arc<Client>>>,
    s3: OnceLock<Result<Arc<S3>>>,
    /// The object opened last, by its address: it is often opened twice in a row, to look and to read.
    last: Mutex<Option<(String, Arc<dyn ReadAt>)>>,
}

impl Remote {
    /// An opener of `addresses` as they were given, and of any others; of object storage as the environment
    /// describes it (credentials: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, or a profile; `AWS_REGION`, `AWS_ENDPOINT_URL_S3`).
    pub fn new(addresses: Addresses, options: Options) -> Self {
        let (client, s3, last) = (OnceLock::new(), OnceLock::new(), Mutex::new(None));
        Self { addresses, options, cache: Cache::usual(), client, s3, last }
    }

    fn client(&self) -> Result<Arc<Client>> {
        self.client.get_or_init(|| Client::new(&self.options).map(Arc::new)).clone()
    }

    /// The object storage that the environment names.
    fn s3(&self) -> Result<Arc<S3>> {
        self.s3.get_or_init(|| S3::from_environment().map(Arc::new)).clone()
    }

    /// Where an address leads.
    fn place(&self, address: &str) -> Result<Place> {
        if let Some((bucket, key)) = split_address(address)? {
            return Ok(Place::S3 { s3: self.s3()?, bucket, key });
        }
        Ok(Place::Web { url: self.addresses.given(address).to_owned() })
    }
}

impl Opener for Remote {
    fn open(&self, address: &str) -> Result<Arc<dyn ReadAt>> {
        let lock = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, object)) = lock().as_ref().filter(|(last, _)| last == address) {
            return Ok(Arc::clone(object));
        }
        let place = self.place(address).map_err(|e| e.at(address))?;
        let object = self.client()?.open(address, place, self.cache.block())?;
        let object: Arc<dyn ReadAt> = Arc::new(self.cache.keep(object));
        *lock() = Some((address.to_owned(), Arc::clone(&object)));
        Ok(object)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let Some((bucket, key)) = split_address(prefix).map_err(|e| e.at(prefix))? else {
            return Err(Error::new(
                "is a folder of a web server, which cannot be listed (expected an archive)",
            )
            .at(prefix)
            .hint("give the archives one by one, or as `https://host/x-{000000..000003}.tar`"));
        };
        let s3 = self.s3().map_err(|e| e.at(prefix))?;
        let keys = self.client()?.list(prefix, &s3, &bucket, &key)?;
        Ok(keys.into_iter().map(|key| format!("s3://{bucket}/{key}")).collect())
    }
}
