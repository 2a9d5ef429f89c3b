//! Files: read only where they are regular and no longer than they should be, written whole or not at all.
//!
//! Every artefact is written beside its place (`temporary`) and renamed into it (`write`). Left out on
//! purpose: the meaning of what files hold.

mod address;
mod fail_once;
mod own;
mod place;
mod read;
mod read_at;
mod temporary;
mod write;

pub use address::{is_address, refuse_address, without_secrets};
pub use fail_once::FailOnce;
pub use own::open_own;
pub(crate) use place::write_error;
pub use place::{absolute, create_folder, prepare, sync_folder_of};
pub use read::{add_to_checksum, list, open, read, read_text, sha256};
pub(crate) use read::{exists, open_regular, open_within, read_exact_at};
pub use read_at::ReadAt;
pub use temporary::remove_temporary;
pub(crate) use temporary::{TemporaryFolder, temporary_file, temporary_folder};
pub use write::{STDOUT, csv_error, is_stdout, is_stream, replace, write_atomic};
pub(crate) use write::{sync_tree, write_all_at, write_stream};
